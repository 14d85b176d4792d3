//! Looks at the start of an input without taking it away.

use std::io::{BufReader, Read};

use crate::error::{Error, Result};

/// An input whose beginning can be looked at before it is read.
pub(super) struct Peek<'a> {
    start: Vec<u8>,
    at: usize,
    rest: Box<dyn Read + 'a>,
}

impl<'a> Peek<'a> {
    pub(super) fn new(rest: Box<dyn Read + 'a>) -> Self {
        Peek { start: Vec::new(), at: 0, rest }
    }

    /// The first `len` bytes, fewer only if the input is shorter. To be called before reading.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8]> {
        let missing = len.saturating_sub(self.start.len()) as u64;
        (&mut self.rest).take(missing).read_to_end(&mut self.start).map_err(Error::from_read)?;
        Ok(&self.start[..len.min(self.start.len())])
    }

    /// Leaves out the first `len` bytes, which were peeked at.
    pub(super) fn skip(&mut self, len: usize) {
        self.start.drain(..len.min(self.start.len()));
    }

    pub(super) fn buffered(self) -> BufReader<Self> {
        BufReader::with_capacity(64 << 10, self)
    }
}

impl Read for Peek<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut start = &self.start[self.at..];
        if start.is_empty() {
            return self.rest.read(buffer);
        }
        let n = start.read(buffer)?;
        self.at += n;
        Ok(n)
    }
}

/// What line-based readers read from.
pub(super) type Input<'a> = BufReader<Peek<'a>>;
