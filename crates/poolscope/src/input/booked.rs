//! Keeps the books for a decoder, so that what leaves it is as sound as a native trace.

use super::{Decoder, Source};
use crate::error::{Error, Result};
use crate::trace::{Context, Event, Findings, Ledger, Meta, Totals};

/// A decoder and the ledger of its events.
pub(super) struct Booked<D> {
    decoder: D,
    ledger: Ledger,
    contexts: usize,
}

impl<D: Decoder> Booked<D> {
    pub(super) fn new(decoder: D) -> Self {
        Booked { decoder, ledger: Ledger::new(), contexts: 0 }
    }
}

impl<D: Decoder> Source for Booked<D> {
    fn meta(&self) -> &Meta {
        self.decoder.meta()
    }

    fn contexts(&self) -> &[Context] {
        self.decoder.contexts()
    }

    fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        let from = batch.len();
        let decoded = self.decoder.decode(batch);
        for _ in self.contexts..self.decoder.contexts().len() {
            self.ledger.define_context();
        }
        self.contexts = self.decoder.contexts().len();
        for (i, event) in batch[from..].iter().enumerate() {
            if let Err(fault) = self.ledger.apply(event) {
                batch.truncate(from + i);
                return Err(Error::ImpossibleEvent(fault));
            }
        }
        let more = decoded?;
        if !more && self.ledger.totals().allocs == 0 && self.decoder.findings().failed.count == 0 {
            return Err(Error::Empty { format: D::NAME });
        }
        Ok(more)
    }

    fn totals(&self) -> &Totals {
        self.ledger.totals()
    }

    fn remarks(&self) -> Vec<String> {
        self.decoder.remarks()
    }

    fn findings(&self) -> Findings {
        self.decoder.findings()
    }
}
