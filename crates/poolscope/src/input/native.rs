//! Native traces as a source.

use super::Source;
use super::peek::Peek;
use crate::error::Result;
use crate::trace::{Context, Event, Findings, Meta, Reader, Totals};

/// A native trace; the reader does all checks itself.
pub(super) struct Native<'a> {
    reader: Reader<Peek<'a>>,
}

impl<'a> Native<'a> {
    pub(super) fn new(input: Peek<'a>) -> Result<Self> {
        Ok(Native { reader: Reader::new(input)? })
    }
}

impl Source for Native<'_> {
    fn meta(&self) -> &Meta {
        self.reader.meta()
    }

    fn contexts(&self) -> &[Context] {
        self.reader.contexts()
    }

    fn next_batch(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        self.reader.next_batch(batch)
    }

    fn totals(&self) -> &Totals {
        self.reader.totals_so_far()
    }

    fn remarks(&self) -> Vec<String> {
        self.reader.remarks().to_vec()
    }

    fn findings(&self) -> Findings {
        self.reader.findings().clone()
    }
}
