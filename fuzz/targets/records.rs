//! Stored records.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| scheduler::record::fuzz(bytes));
