//! What brokers write into ZooKeeper.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka::registration::fuzz(bytes));
