//! The reader of `Format::Native`: whole files, and the contents of sound frames.
#![no_main]

use libfuzzer_sys::fuzz_target;
use microusc_fuzz::{framed, read};
use poolscope::input::Format;
use poolscope::trace::Reader;

fuzz_target!(|data: &[u8]| {
    read(data, Some(Format::Native));
    // An events frame decodes, or does not; then the end is missing. An end frame must not match.
    for kind in [1, 2] {
        let trace = framed(kind, data);
        let mut reader = Reader::new(&trace[..]).expect("the header is sound");
        let mut batch = Vec::new();
        while let Ok(true) = reader.next_batch(&mut batch) {}
        assert!(reader.totals().is_none_or(|totals| totals.events() == 0));
    }
});
