//! Mesos' messages as protobuf.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mesos::protobuf::fuzz(bytes));
