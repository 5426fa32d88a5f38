//! What a broker answers, past its frame: each message this program reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka::decode::fuzz(bytes));
