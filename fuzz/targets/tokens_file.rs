//! A file of tokens.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scheduler::shell::http::gate::tokens::fuzz(bytes));
