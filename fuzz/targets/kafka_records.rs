//! Records of a Fetch.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka::client::records::fuzz(bytes));
