//! TaskInfo.data.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executor::contract::fuzz(bytes));
