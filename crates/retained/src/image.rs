//! What is in the retained memory, and what is known of it beside: safe code over numbered words.

use core::fmt;

use microusc_pool::{Error, Geometry};

use super::Found;

/// Blocks of a retained pool, at most: one bit of a word for each 16.
pub const MAX_BLOCKS: usize = GROUP * 32;

/// Blocks that one word of the map is about.
pub(super) const GROUP: usize = 16;

// Words of the header.
const MAGIC: usize = 0;
const CHECKSUM: usize = 1;
const VERSION: usize = 2;
const STRIDE: usize = 3;
const BLOCKS: usize = 4;
const TAG: usize = 5;
const HEADER: usize = 6;

/// "uRTC", and nothing that cleared or erased memory holds.
const MAGIC_NUMBER: u32 = 0x4354_5275;
const FORMAT_VERSION: u32 = 1;

/// Numbered words of retained memory.
pub(super) trait Words {
    fn len(&self) -> usize;
    fn is_aligned(&self) -> bool;
    /// Word `at` of the books.
    fn load(&self, at: usize) -> u32;
    /// Writes word `at` of the books, in one store, after all stores before.
    fn store(&mut self, at: usize, value: u32);
}

/// What a retained pool shall be: the same at every start, or the pool is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    geometry: Geometry,
    tag: u32,
}

impl Shape {
    /// `blocks` blocks of at least `block_size` bytes, rounded up to a pointer's alignment. O(1).
    ///
    /// # Errors
    ///
    /// As [`Geometry::new`]; [`Error::TooLarge`] beyond [`MAX_BLOCKS`].
    pub const fn new(block_size: usize, blocks: usize) -> Result<Self, Error> {
        if blocks > MAX_BLOCKS {
            return Err(Error::TooLarge);
        }
        match Geometry::new(block_size, 1, blocks) {
            Ok(geometry) if geometry.bytes() / 4 <= u32::MAX as usize => Ok(Self { geometry, tag: 0 }),
            Ok(_) => Err(Error::TooLarge),
            Err(error) => Err(error),
        }
    }

    /// With a number for the meaning of the blocks' contents. Change it when that changes: blocks of an older firmware
    /// are then not taken over.
    #[must_use]
    pub const fn tag(mut self, tag: u32) -> Self {
        self.tag = tag;
        self
    }

    /// Words of 32 bits that a pool of this shape takes.
    pub const fn words(&self) -> usize {
        self.header_words() + self.geometry.bytes() / size_of::<u32>()
    }

    /// Words before block 0: even, so that the blocks are aligned as the memory is.
    pub(super) const fn header_words(&self) -> usize {
        (HEADER + self.groups()).next_multiple_of(2)
    }

    const fn groups(&self) -> usize {
        self.geometry.capacity().div_ceil(GROUP)
    }

    /// The bits of `group` that stand for a block.
    const fn mask(&self, group: usize) -> u32 {
        let blocks = self.geometry.capacity().saturating_sub(group * GROUP);
        if blocks >= GROUP { 0xFFFF } else { (1 << blocks) - 1 }
    }

    fn header(&self) -> [u32; HEADER] {
        let mut header = [0; HEADER];
        header[MAGIC] = MAGIC_NUMBER;
        header[VERSION] = FORMAT_VERSION;
        header[STRIDE] = self.geometry.stride() as u32;
        header[BLOCKS] = self.geometry.capacity() as u32;
        header[TAG] = self.tag;
        header[CHECKSUM] = crc32(&header[VERSION..]);
        header
    }
}

/// Why what was in the memory is not the pool that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// No pool: the magic number is another. The first start, or the memory lost power.
    Magic,
    /// The header does not match its checksum: memory was damaged or overwritten.
    Checksum,
    /// A pool of another format: the firmware before had another version of this library.
    Version,
    /// Blocks of another size.
    BlockSize,
    /// Another number of blocks.
    BlockCount,
    /// Another tag: contents of another meaning.
    Tag,
    /// A word of the map does not match its checksum, or marks a block that there is not.
    Map {
        /// The first of the 16 blocks that it is about.
        first_block: u16,
    },
}

impl Fault {
    /// The sentence that [`Display`](fmt::Display) prints, usable where no formatter is wanted.
    pub const fn message(self) -> &'static str {
        match self {
            Fault::Magic => "no pool in the memory: first start, or it lost power",
            Fault::Checksum => "header does not match its checksum",
            Fault::Version => "pool of another format version",
            Fault::BlockSize => "pool has another block size",
            Fault::BlockCount => "pool has another number of blocks",
            Fault::Tag => "pool has another tag",
            Fault::Map { .. } => "map of blocks in use does not match its checksum",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Fault {}

/// A snapshot of a retained pool, in blocks unless named otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetainedStats {
    /// Bytes from one block to the next: what each may use.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks in use, those of damaged words included.
    pub used: usize,
    /// The fewest free blocks since the start.
    pub lowest_free: usize,
    /// Allocations refused because every block was in use. Stays at its maximum.
    pub exhausted: u32,
    /// Frees refused. Stays at its maximum.
    pub refused: u32,
    /// Times that a damaged word of the map was met. Stays at its maximum.
    pub damaged: u32,
}

/// A pool's books: those in retained memory, and those of this start.
pub(super) struct Image<W> {
    words: W,
    shape: Shape,
    /// A bit for each group that has a free block, as far as is known.
    open: u32,
    stats: RetainedStats,
}

impl<W: Words> Image<W> {
    pub(super) fn open(words: W, shape: Shape) -> Result<(Self, Found), Error> {
        if words.len() < shape.words() || !words.is_aligned() {
            return Err(Error::UnsuitableMemory);
        }
        let stats = RetainedStats {
            stride_bytes: shape.geometry.stride(),
            capacity: shape.geometry.capacity(),
            used: 0,
            lowest_free: 0,
            exhausted: 0,
            refused: 0,
            damaged: 0,
        };
        let mut image = Self { words, shape, open: 0, stats };
        let found = image.check();
        if found.is_err() {
            image.format();
        }
        image.survey();
        let live = image.stats.used;
        Ok((image, found.map_or_else(Found::Formatted, |()| Found::Intact { live })))
    }

    /// Compares everything with what it must be.
    pub(super) fn check(&self) -> Result<(), Fault> {
        let wanted = self.shape.header();
        let found: [u32; HEADER] = core::array::from_fn(|at| self.words.load(at));
        if found[MAGIC] != wanted[MAGIC] {
            return Err(Fault::Magic);
        }
        if found[CHECKSUM] != crc32(&found[VERSION..]) {
            return Err(Fault::Checksum);
        }
        let fields = [
            (VERSION, Fault::Version),
            (STRIDE, Fault::BlockSize),
            (BLOCKS, Fault::BlockCount),
            (TAG, Fault::Tag),
        ];
        match fields.into_iter().find(|(at, _)| found[*at] != wanted[*at]) {
            Some((_, fault)) => Err(fault),
            None => match (0..self.groups()).find(|group| self.group(*group).is_none()) {
                Some(group) => Err(Fault::Map { first_block: (group * GROUP) as u16 }),
                None => Ok(()),
            },
        }
    }

    /// Makes an empty pool. The magic number goes first and comes last, so that half of this is no pool.
    fn format(&mut self) {
        let header = self.shape.header();
        self.words.store(MAGIC, 0);
        for group in 0..self.groups() {
            self.set_group(group, 0);
        }
        for at in (0..HEADER).rev() {
            self.words.store(at, header[at]);
        }
    }

    /// Counts what is there.
    fn survey(&mut self) {
        for group in 0..self.groups() {
            let live = self.group(group).unwrap_or(self.shape.mask(group));
            self.stats.used += live.count_ones() as usize;
            self.note(group, live);
        }
        self.reset_lowest_free();
    }

    pub(super) fn take(&mut self) -> Result<usize, Error> {
        if self.open == 0 {
            self.stats.exhausted = self.stats.exhausted.saturating_add(1);
            return Err(Error::Exhausted);
        }
        let group = self.open.trailing_zeros() as usize;
        let live = self.group(group).ok_or(Error::Corrupt).or_else(|error| self.damaged(group, error))?;
        let vacant = !live & self.shape.mask(group);
        if vacant == 0 {
            // Another word with a right checksum than the one that was written.
            return self.damaged(group, Error::Corrupt);
        }
        let bit = vacant.trailing_zeros();
        self.set_group(group, live | 1 << bit);
        self.note(group, live | 1 << bit);
        self.stats.used += 1;
        self.stats.lowest_free = self.stats.lowest_free.min(self.stats.capacity - self.stats.used);
        Ok(group * GROUP + bit as usize)
    }

    pub(super) fn put(&mut self, offset: usize) -> Result<(), Error> {
        let Some(index) = self.index_of(offset) else { return self.refuse(Error::NotABlock) };
        let (group, bit) = (index / GROUP, 1 << (index % GROUP));
        let live = self.group(group).ok_or(Error::Corrupt).or_else(|error| self.damaged(group, error))?;
        if live & bit == 0 {
            return self.refuse(Error::DoubleFree);
        }
        self.set_group(group, live & !bit);
        self.note(group, live & !bit);
        self.stats.used = self.stats.used.saturating_sub(1);
        Ok(())
    }

    /// The number of the block that begins `offset` bytes after block 0.
    pub(super) fn index_of(&self, offset: usize) -> Option<usize> {
        self.shape.geometry.index_of(offset)
    }

    pub(super) fn is_live(&self, index: usize) -> bool {
        index < self.stats.capacity
            && self.group(index / GROUP).is_some_and(|live| live & 1 << (index % GROUP) != 0)
    }

    /// The first block in use of `group` whose number is at least `from`.
    pub(super) fn first_live(&self, group: usize, from: usize) -> Option<usize> {
        let below = from.saturating_sub(group * GROUP).min(GROUP);
        let live = self.group(group)? & (0xFFFF << below);
        (live != 0).then(|| group * GROUP + live.trailing_zeros() as usize)
    }

    pub(super) fn stats(&self) -> RetainedStats {
        self.stats
    }

    pub(super) fn reset_lowest_free(&mut self) {
        self.stats.lowest_free = self.stats.capacity - self.stats.used;
    }

    pub(super) fn stride(&self) -> usize {
        self.stats.stride_bytes
    }

    pub(super) fn groups(&self) -> usize {
        self.shape.groups()
    }

    pub(super) fn words(&self) -> &W {
        &self.words
    }

    #[cfg(test)]
    pub(super) fn words_mut(&mut self) -> &mut W {
        &mut self.words
    }

    /// Which blocks of `group` are in use; `None` if its word is damaged.
    fn group(&self, group: usize) -> Option<u32> {
        let word = self.words.load(HEADER + group);
        let live = word & 0xFFFF;
        (word == sealed(group, live) && live & !self.shape.mask(group) == 0).then_some(live)
    }

    fn set_group(&mut self, group: usize, live: u32) {
        self.words.store(HEADER + group, sealed(group, live));
    }

    /// Notes whether `group` has a free block.
    fn note(&mut self, group: usize, live: u32) {
        let full = live == self.shape.mask(group);
        self.open = self.open & !(1 << group) | u32::from(!full) << group;
    }

    /// Leaves a group alone from now on.
    #[cold]
    fn damaged<T>(&mut self, group: usize, error: Error) -> Result<T, Error> {
        self.open &= !(1 << group);
        self.stats.damaged = self.stats.damaged.saturating_add(1);
        Err(error)
    }

    #[cold]
    fn refuse(&mut self, error: Error) -> Result<(), Error> {
        self.stats.refused = self.stats.refused.saturating_add(1);
        Err(error)
    }
}

/// A word of the map: the bits below, their checksum above. The code has distance 4, so up to three flipped bits are
/// always found; the group's number in it finds a word in another's place.
pub(super) fn sealed(group: usize, live: u32) -> u32 {
    // CRC-16 with the polynomial of CCITT. A loop and no table: a table would lie in flash.
    let mut crc = live ^ 0xFFFF ^ group as u32;
    for _ in 0..16 {
        let carry = crc & 0x8000 != 0;
        crc = crc << 1 & 0xFFFF ^ if carry { 0x1021 } else { 0 };
    }
    crc << 16 | live
}

/// CRC-32 (IEEE). Once a start.
fn crc32(words: &[u32]) -> u32 {
    let mut crc = u32::MAX;
    for word in words {
        crc ^= word;
        for _ in 0..32 {
            crc = crc >> 1 ^ if crc & 1 != 0 { 0xEDB8_8320 } else { 0 };
        }
    }
    !crc
}
