//! What a log says, in the pieces in which it is read.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| syslog::line::fuzz(bytes));
