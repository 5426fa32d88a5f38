//! Kafka's log about the loading of its logs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executor::recovery::fuzz(bytes));
