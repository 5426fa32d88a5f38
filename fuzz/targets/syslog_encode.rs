//! What a log says, on its way to a syslog server.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| syslog::encode::fuzz(bytes));
