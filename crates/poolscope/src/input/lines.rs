//! Lines of a text recording, of bounded length.

use std::io::{BufRead, Read};

use super::peek::Input;
use crate::error::{Error, Result};

/// Longest line accepted, bytes. Mangled C++ names reach some ten thousand.
pub(super) const MAX_LINE: usize = 1 << 20;

/// Splits an input into lines. Memory: the longest line so far, at most [`MAX_LINE`].
pub(super) struct Lines<'a> {
    input: Input<'a>,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Lines { input, line: Vec::new(), number: 0, ended: true }
    }

    /// Moves to the next line; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        let mut limited = (&mut self.input).take(MAX_LINE as u64 + 1);
        let got = limited.read_until(b'\n', &mut self.line).map_err(Error::from_read)?;
        if got == 0 {
            return Ok(false);
        }
        self.number += 1;
        self.ended = self.line.pop_if(|&mut byte| byte == b'\n').is_some();
        if !self.ended && got > MAX_LINE {
            return Err(Error::LineTooLong { line: self.number, limit: MAX_LINE });
        }
        self.line.pop_if(|&mut byte| byte == b'\r');
        Ok(true)
    }

    /// The current line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Number of the current line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The current line had a line end.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// An error at the current line.
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        Error::Syntax { line: self.number, what: what.into() }
    }
}
