//! The formats that can be read, and how to tell them apart.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::trace::MAGIC;

/// How much of an input is looked at: device logs have a boot log before the interesting part.
pub(super) const WINDOW: usize = 64 << 10;

/// A format of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `.pooltrace`, our own.
    Native,
    /// heaptrack's files, interpreted or raw.
    Heaptrack,
    /// The text printed by `heap_trace_dump` of ESP-IDF.
    HeapTrace,
    /// The JSON of SystemView recordings that ESP-IDF's `sysviewtrace_proc.py` writes.
    Sysview,
    /// `time_us,op,id,size`.
    Csv,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 5] =
        [Format::Native, Format::Heaptrack, Format::HeapTrace, Format::Sysview, Format::Csv];

    /// The name used on the command line and in [`Meta::source`](crate::trace::Meta::source).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Heaptrack => "heaptrack",
            Format::HeapTrace => "heap-trace",
            Format::Sysview => "sysview",
            Format::Csv => "csv",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or(Error::UnknownFormat)
    }
}

/// Tells the format from the first [`WINDOW`] bytes of the content.
pub(super) fn recognise(start: &[u8]) -> Result<Format> {
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if start.is_empty() {
        Err(Error::NoData)
    } else if start.starts_with(&MAGIC[..4]) || start.starts_with(&[MAGIC[0] & 0x7f, b'P', b'T', b'R']) {
        Ok(Format::Native)
    } else if super::heaptrack::is_version_line(text) {
        Ok(Format::Heaptrack)
    } else if text.starts_with(b"{") {
        Ok(Format::Sysview)
    } else if text.starts_with(b"time_us") {
        Ok(Format::Csv)
    } else if super::heap_trace::is_dump(text) {
        Ok(Format::HeapTrace)
    } else {
        Err(Error::UnknownFormat)
    }
}
