//! Readers of recordings, ours and other tools'.
//!
//! [`open`] looks at the content, unpacks gzip and Zstandard, and returns a [`Source`]: the same stream of
//! checked events whatever the format. Every reader works in a single pass, so pipes are fine; its memory is
//! bounded by the blocks live at once (SystemView JSON is the exception: it has to be sorted).

mod booked;
mod clock;
mod csv;
mod decompress;
mod format;
mod heap_trace;
mod heaptrack;
mod json_guard;
mod lines;
mod native;
mod peek;
mod sysview;

use std::io::Read;

use booked::Booked;
pub use format::Format;

use crate::error::Result;
use crate::trace::{Context, Event, Meta, Totals};

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
}

/// Opens a recording. `format` `None` means: find out from the content.
///
/// # Errors
/// [`Error::UnknownFormat`](crate::Error::UnknownFormat), and everything the format's reader finds wrong at its start.
pub fn open<'a>(input: impl Read + 'a, format: Option<Format>) -> Result<Box<dyn Source + 'a>> {
    let mut input = decompress::unpack(Box::new(input))?;
    let format = match format {
        Some(format) => format,
        None => format::recognise(input.peek(format::WINDOW)?)?,
    };
    Ok(match format {
        Format::Native => Box::new(native::Native::new(input)?),
        Format::Heaptrack => Box::new(Booked::new(heaptrack::Heaptrack::new(input)?)),
        Format::HeapTrace => Box::new(Booked::new(heap_trace::HeapTrace::new(input))),
        Format::Sysview => Box::new(Booked::new(sysview::Sysview::new(input)?)),
        Format::Csv => Box::new(Booked::new(csv::Csv::new(input)?)),
    })
}

/// The remark about blocks that were allocated again without a free in between.
fn replaced_remark(count: u64) -> Option<String> {
    (count > 0).then(|| {
        format!("{count} blocks were allocated again without a free seen in between; the older ones are taken as freed then")
    })
}

#[cfg(test)]
mod tests;
