//! Logs, crash files and /proc at the end of a JVM.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executor::diagnosis::fuzz(bytes));
