//! Text in a block.

use core::fmt;
use core::ops::Deref;
use core::str::Utf8Error;

use crate::{Error, PoolVec, Reclaim};

/// Text in one block of a pool. It grows up to the size of the block.
///
/// Cost and context as [`PoolVec`].
///
/// ```
/// use core::fmt::Write;
/// use microusc_pool::{Pool, PoolString, PoolVec};
///
/// static LINES: Pool<[u8; 16], 4> = Pool::new();
///
/// let mut line = PoolString::new(PoolVec::new(LINES.alloc_uninit()?));
/// write!(line, "{} °C", 21.5).unwrap();
/// assert_eq!((&*line, line.capacity()), ("21.5 °C", 16));
/// assert!(line.write_str("too much for it").is_err());
/// assert_eq!(&*line, "21.5 °C"); // text that does not fit as a whole is not written
/// # Ok::<(), microusc_pool::Error>(())
/// ```
pub struct PoolString<'p, P: Reclaim + ?Sized> {
    /// Always UTF-8.
    bytes: PoolVec<'p, u8, P>,
}

impl<'p, P: Reclaim + ?Sized> PoolString<'p, P> {
    /// Empty text in the block of `bytes`, whose elements are dropped. O(1).
    pub fn new(mut bytes: PoolVec<'p, u8, P>) -> Self {
        bytes.clear();
        Self { bytes }
    }

    /// Turns bytes into text. O(bytes).
    ///
    /// # Errors
    ///
    /// The position at which they are not UTF-8; the bytes are returned.
    pub fn from_utf8(bytes: PoolVec<'p, u8, P>) -> Result<Self, (Utf8Error, PoolVec<'p, u8, P>)> {
        match core::str::from_utf8(&bytes) {
            Ok(_) => Ok(Self { bytes }),
            Err(error) => Err((error, bytes)),
        }
    }

    /// The number of bytes that fit the block. O(1).
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends text, all or none. O(bytes).
    ///
    /// # Errors
    ///
    /// [`Error::NoRoom`]; the text is as it was.
    pub fn push_str(&mut self, text: &str) -> Result<(), Error> {
        self.bytes.extend_from_slice(text.as_bytes())
    }

    /// Removes the last character and returns it. O(1).
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.bytes.truncate(self.len() - last.len_utf8());
        Some(last)
    }

    /// Removes all text. O(1).
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Turns the text into bytes, in the same block. O(1).
    pub fn into_bytes(self) -> PoolVec<'p, u8, P> {
        self.bytes
    }
}

impl<P: Reclaim + ?Sized> Deref for PoolString<'_, P> {
    type Target = str;

    fn deref(&self) -> &str {
        // SAFETY: checked when it was made, and only whole characters are appended and removed.
        unsafe { core::str::from_utf8_unchecked(&self.bytes) }
    }
}

impl<P: Reclaim + ?Sized> fmt::Write for PoolString<'_, P> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes.write_str(text)
    }
}

impl<P: Reclaim + ?Sized> fmt::Debug for PoolString<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<P: Reclaim + ?Sized> fmt::Display for PoolString<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
