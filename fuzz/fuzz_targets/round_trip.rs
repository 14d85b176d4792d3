//! Writing native traces, possible events and impossible ones, and reading them back.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| microusc_fuzz::round_trip(data));
