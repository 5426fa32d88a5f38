//! What a foreign health check is answered.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executor::http::fuzz(bytes));
