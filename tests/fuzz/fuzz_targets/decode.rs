//! See `lp_archive::pipeline::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| lp_archive::pipeline::fuzzing::decode(data));
