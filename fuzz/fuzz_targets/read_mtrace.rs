//! The reader of `Format::Mtrace`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use microusc_fuzz::read;
use poolscope::input::Format;

fuzz_target!(|data: &[u8]| read(data, Some(Format::Mtrace)));
