//! What a pool tells about itself.

use core::fmt;

/// A snapshot of a pool. Plain numbers: blocks unless the name says bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes from one block to the next: what each block may use.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks that can be taken now.
    pub free: usize,
    /// The fewest blocks that could be taken at any time since the start, or since the last reset.
    /// Exact while the free list is whole; after damage it may be too low, never too high, until it is reset.
    pub lowest_free: usize,
    /// Allocations refused because every block was in use. Stays at its maximum.
    pub exhausted: u32,
    /// Frees refused: double, or not a block of the pool. Stays at its maximum.
    pub refused: u32,
    /// Times that damage was met in the free list. Stays at its maximum, 65535.
    pub damaged: u32,
}

impl Stats {
    /// Blocks in use.
    pub const fn used(&self) -> usize {
        self.capacity - self.free
    }
}

/// `[######......] 6 of 12 blocks of 32 B used, lowest free 4, exhausted 0, refused 0, damaged 0`
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 12;
        let filled = (self.used() * WIDTH).div_ceil(self.capacity);
        f.write_str("[")?;
        for cell in 0..WIDTH {
            f.write_str(if cell < filled { "#" } else { "." })?;
        }
        write!(
            f,
            "] {} of {} blocks of {} B used, lowest free {}, exhausted {}, refused {}, damaged {}",
            self.used(),
            self.capacity,
            self.stride_bytes,
            self.lowest_free,
            self.exhausted,
            self.refused,
            self.damaged
        )
    }
}
