//! What a reader of recordings is: [`Source`] for its users, [`Decoder`] for each format.

use std::io::Read;

use crate::error::{Error, Result};
use crate::trace::{Context, Event, Findings, LiveBlocks, Meta, Reader, Totals};

/// Records decoded at once.
const BATCH: usize = 4096;

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

/// What a reader of a foreign format implements; [`Checked`] makes a [`Source`] of it.
pub(super) trait Decoder {
    /// The format's name, for errors.
    const NAME: &'static str;

    fn meta(&self) -> &Meta;

    fn contexts(&self) -> &[Context] {
        &[]
    }

    /// Appends the events of the next record or line, if it has any; `false` at the end.
    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool>;

    fn remarks(&self) -> Vec<String>;

    fn findings(&self) -> Findings;
}

/// A native trace; the reader makes all checks itself.
impl<R: Read> Source for Reader<R> {
    fn meta(&self) -> &Meta {
        self.meta()
    }

    fn contexts(&self) -> &[Context] {
        self.contexts()
    }

    fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        self.next_batch(batch)
    }

    fn totals(&self) -> &Totals {
        self.totals_so_far()
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks().to_vec()
    }

    fn findings(&self) -> Findings {
        self.findings().clone()
    }
}

/// A decoder and the live blocks of its events: what leaves it is as sound as a native trace.
pub(super) struct Checked<D> {
    decoder: D,
    live: LiveBlocks,
    contexts: usize,
}

impl<D: Decoder> Checked<D> {
    pub(super) fn new(decoder: D) -> Self {
        Checked { decoder, live: LiveBlocks::new(), contexts: 0 }
    }

    /// Decodes a batch of records, the one loop of all formats; `false` at the end.
    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        for _ in 0..BATCH {
            if !self.decoder.decode(batch)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl<D: Decoder> Source for Checked<D> {
    fn meta(&self) -> &Meta {
        self.decoder.meta()
    }

    fn contexts(&self) -> &[Context] {
        self.decoder.contexts()
    }

    fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        let from = batch.len();
        let decoded = self.decode(batch);
        for _ in self.contexts..self.decoder.contexts().len() {
            self.live.define_context();
        }
        self.contexts = self.decoder.contexts().len();
        for (i, event) in batch[from..].iter().enumerate() {
            if let Err(fault) = self.live.apply(event) {
                batch.truncate(from + i);
                return Err(Error::ImpossibleEvent(fault));
            }
        }
        let more = decoded?;
        if !more && self.live.totals().allocs == 0 && self.decoder.findings().failed.count == 0 {
            return Err(Error::Empty { format: D::NAME });
        }
        Ok(more)
    }

    fn totals(&self) -> &Totals {
        self.live.totals()
    }

    fn remarks(&self) -> Vec<String> {
        self.decoder.remarks()
    }

    fn findings(&self) -> Findings {
        self.decoder.findings()
    }
}
