//! Readers of recordings, ours and other tools'.
//!
//! [`open`] looks at the content, unpacks gzip and Zstandard, turns UTF-16 into UTF-8, and returns a [`Source`]: the
//! same stream of checked events whatever the format. Text that is no file of a known format is taken for the log of a
//! device and searched for a recording. Every reader works in a single pass, so pipes are fine; its memory is
//! bounded by the blocks live at once (SystemView JSON is the exception: it has to be sorted).

mod blocks;
mod booked;
mod clock;
mod csv;
mod damage;
mod encoding;
mod external;
mod format;
mod heap_trace;
mod heaptrack;
mod hooks;
mod json_guard;
mod lines;
mod log;
mod log_lines;
mod mtrace;
mod native;
mod peek;
mod sysview;
mod unpack;

use std::io::Read;

use booked::Booked;
pub use format::Format;
use format::Start;

use crate::error::Result;
use crate::trace::{Context, Event, Findings, Meta, Totals};

/// A recording being read: events that have been checked, from any format.
///
/// The promises of [`trace::Reader`](crate::trace::Reader) hold for every source.
pub trait Source {
    /// What is known about the recording.
    fn meta(&self) -> &Meta;

    /// The contexts defined so far; every `Switch` handed out is an index into them.
    fn contexts(&self) -> &[Context];

    /// Appends the next events to `batch`; `false` at the end.
    ///
    /// # Errors
    /// Whatever is wrong with the input. The events already in `batch` are sound.
    fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<bool>;

    /// The totals of the events handed out so far.
    fn totals(&self) -> &Totals;

    /// What the user should know about this reading, in sentences; complete at the end.
    fn remarks(&self) -> Vec<String>;

    /// What the recording says beside its events; complete at the end.
    fn findings(&self) -> Findings;
}

/// What a reader of a foreign format implements; [`Booked`] makes a [`Source`] of it.
trait Decoder {
    /// The format's name, for errors.
    const NAME: &'static str;

    fn meta(&self) -> &Meta;

    fn contexts(&self) -> &[Context] {
        &[]
    }

    /// Appends some events; `false` at the end.
    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool>;

    fn remarks(&self) -> Vec<String>;

    fn findings(&self) -> Findings;
}

/// Opens a recording. `format` `None` means: find out from the content.
///
/// # Errors
/// [`Error::UnknownFormat`](crate::Error::UnknownFormat), [`Error::NoRecording`](crate::Error::NoRecording), and everything the format's reader finds wrong at its start.
pub fn open<'a>(input: impl Read + 'a, format: Option<Format>) -> Result<Box<dyn Source + 'a>> {
    let mut input = encoding::to_utf8(unpack::unpack(Box::new(input))?)?;
    let format = match format {
        Some(format) => format,
        None => match format::recognise(input.peek(format::WINDOW)?)? {
            Start::File(format) => format,
            Start::Text => return log::find(input, None),
        },
    };
    Ok(match format {
        Format::Native => Box::new(native::Native::new(input)?),
        Format::Heaptrack => Box::new(Booked::new(heaptrack::Heaptrack::new(input)?)),
        Format::Sysview => Box::new(Booked::new(sysview::Sysview::new(input)?)),
        Format::Csv if csv::is_header(input.peek(format::WINDOW)?.trim_ascii_start()) => {
            Box::new(Booked::new(csv::Csv::new(input)?))
        }
        Format::Csv | Format::HeapTrace | Format::Hooks | Format::Mtrace => log::find(input, Some(format))?,
    })
}

#[cfg(test)]
mod tests;
