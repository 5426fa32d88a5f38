//! A server.properties that somebody else wrote.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| overrider::properties::fuzz(bytes));
