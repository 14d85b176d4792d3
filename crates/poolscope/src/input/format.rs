//! The formats that can be read, and how to tell them apart.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::trace::MAGIC;

/// How much of an input is looked at to tell files from text that is searched line by line.
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
    /// `time_us,op,id,size`, in a file or between the lines of a device log.
    Csv,
    /// Lines that a program prints from its allocation hooks.
    Hooks,
    /// What `mtrace` of the GNU C library writes.
    Mtrace,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] = [
        Format::Native,
        Format::Heaptrack,
        Format::HeapTrace,
        Format::Sysview,
        Format::Csv,
        Format::Hooks,
        Format::Mtrace,
    ];

    /// The name used on the command line and in [`Meta::source`](crate::trace::Meta::source).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Heaptrack => "heaptrack",
            Format::HeapTrace => "heap-trace",
            Format::Sysview => "sysview",
            Format::Csv => "csv",
            Format::Hooks => "hooks",
            Format::Mtrace => "mtrace",
        }
    }

    /// The name in messages.
    pub(super) fn title(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Heaptrack => "heaptrack",
            Format::HeapTrace => "heap_trace_dump",
            Format::Sysview => "SystemView",
            Format::Csv => "CSV",
            Format::Hooks => "allocation hook",
            Format::Mtrace => "mtrace",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or(Error::UnknownFormat)
    }
}

/// What the start of an input is.
pub(super) enum Start {
    /// A file of this format.
    File(Format),
    /// Text in which a recording may be anywhere.
    Text,
}

/// Tells the format from the first [`WINDOW`] bytes of the content.
pub(super) fn recognise(start: &[u8]) -> Result<Start> {
    let text = start.trim_ascii_start();
    let says = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    if start.is_empty() {
        Err(Error::NoData)
    } else if start.starts_with(&MAGIC[..4]) || start.starts_with(&[MAGIC[0] & 0x7f, b'P', b'T', b'R']) {
        Ok(Start::File(Format::Native))
    } else if super::heaptrack::is_version_line(text) {
        Ok(Start::File(Format::Heaptrack))
    } else if text.starts_with(b"{") && (says(b"\"events\"") || says(b"\"streams\"")) {
        Ok(Start::File(Format::Sysview))
    } else if text.starts_with(b"{") && says(b"\"traceEvents\"") || text.starts_with(b"[{") && says(b"\"ph\"")
    {
        Err(super::log::perfetto())
    } else if super::csv::is_header(text) {
        Ok(Start::File(Format::Csv))
    } else {
        Ok(Start::Text)
    }
}
