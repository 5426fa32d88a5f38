//! What a broker answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka::frame::fuzz(bytes));
