//! Readers of recordings, ours and other tools'.
//!
//! [`open`] looks at the content, unpacks gzip and Zstandard, turns UTF-16 into UTF-8, and returns a [`Source`]: the
//! same stream of checked events whatever the format. Text that is no file of a known format is taken for the log of a
//! device and searched for a recording. Every reader works in a single pass, so pipes are fine; its memory is
//! bounded by the blocks live at once (SystemView JSON is the exception: it has to be sorted).

mod blocks;
mod csv;
mod external;
mod format;
mod heap_trace;
mod heaptrack;
mod hooks;
mod lines;
mod log;
mod mtrace;
mod source;
mod sysview;
mod unpack;

use std::io::Read;

use crate::error::{Error, Result};
use crate::trace::{MAGIC, Reader};
pub use format::Format;
use source::Checked;
pub use source::Source;

/// How much of an input is looked at to distinguish files from text that is searched line by line.
const WINDOW: usize = 64 << 10;

/// Opens a recording. `format` `None` means: find out from the content.
///
/// # Errors
/// [`Error::UnknownFormat`], [`Error::NoRecording`], and everything the format's reader finds wrong at its start.
pub fn open<'a>(input: impl Read + 'a, format: Option<Format>) -> Result<Box<dyn Source + 'a>> {
    let mut input = unpack::open(Box::new(input))?;
    let format = match format {
        Some(format) => format,
        None => match recognise(input.peek(WINDOW)?)? {
            Start::File(format) => format,
            Start::Text => return log::find(input, None),
        },
    };
    Ok(match format {
        Format::Native => Box::new(Reader::new(input)?),
        Format::Heaptrack => Box::new(Checked::new(heaptrack::Heaptrack::new(input)?)),
        Format::Sysview => Box::new(Checked::new(sysview::Sysview::new(input)?)),
        Format::Csv if csv::is_header(input.peek(WINDOW)?.trim_ascii_start()) => {
            Box::new(Checked::new(csv::Csv::new(input)?))
        }
        Format::Csv | Format::HeapTrace | Format::Hooks | Format::Mtrace => log::find(input, Some(format))?,
    })
}

/// What the start of an input is.
enum Start {
    /// A file of this format.
    File(Format),
    /// Text in which a recording may be anywhere.
    Text,
}

/// Recognises the format by the first [`WINDOW`] bytes of the content.
fn recognise(start: &[u8]) -> Result<Start> {
    let text = start.trim_ascii_start();
    let says = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    if start.is_empty() {
        Err(Error::NoData)
    } else if start.starts_with(&MAGIC[..4]) || start.starts_with(&[MAGIC[0] & 0x7f, b'P', b'T', b'R']) {
        Ok(Start::File(Format::Native))
    } else if heaptrack::is_version_line(text) {
        Ok(Start::File(Format::Heaptrack))
    } else if text.starts_with(b"{") && (says(b"\"events\"") || says(b"\"streams\"")) {
        Ok(Start::File(Format::Sysview))
    } else if text.starts_with(b"{") && says(b"\"traceEvents\"") || text.starts_with(b"[{") && says(b"\"ph\"")
    {
        Err(format::perfetto())
    } else if csv::is_header(text) {
        Ok(Start::File(Format::Csv))
    } else {
        Ok(Start::Text)
    }
}

#[cfg(test)]
mod tests;
