//! What a JVM, its metrics agent and the kernel say of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| executor::metrics::fuzz(bytes));
