//! What agents and masters stream.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mesos::recordio::fuzz(bytes));
