//! Keeps a JSON parser's memory bounded: it sees no string and no nesting beyond what a recording has.

use std::io::{self, Read};

use crate::error::Error;

/// Longest string accepted, bytes.
const MAX_STRING: usize = 64 << 10;

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 64;

/// Passes JSON through, up to a string or a nesting that no recording has.
pub(super) struct JsonGuard<R> {
    inner: R,
    /// Bytes of the string being read, if any, and whether the next one is escaped.
    string: Option<usize>,
    escaped: bool,
    depth: usize,
}

impl<R> JsonGuard<R> {
    pub(super) fn new(inner: R) -> Self {
        JsonGuard { inner, string: None, escaped: false, depth: 0 }
    }

    fn watch(&mut self, byte: u8) -> Result<(), String> {
        match (&mut self.string, byte) {
            (Some(_), b'"') if !self.escaped => self.string = None,
            (Some(len), _) => {
                self.escaped = byte == b'\\' && !self.escaped;
                *len += 1;
                if *len > MAX_STRING {
                    return Err(format!("a string longer than {MAX_STRING} bytes"));
                }
            }
            (None, b'"') => self.string = Some(0),
            (None, b'{' | b'[') => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err(format!("nested deeper than {MAX_DEPTH} levels"));
                }
            }
            (None, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            (None, _) => {}
        }
        Ok(())
    }
}

impl<R: Read> Read for JsonGuard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        for &byte in &buffer[..n] {
            self.watch(byte).map_err(|what| io::Error::other(Error::Json(what)))?;
        }
        Ok(n)
    }
}
