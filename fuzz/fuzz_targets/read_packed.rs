//! Recognition of packing and format.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| microusc_fuzz::read(data, None));
