//! Mesos' messages as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mesos::json::fuzz(bytes));
