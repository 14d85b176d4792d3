//! What is always checked: who owns a block is decided by a map kept outside the blocks.
//!
//! ```text
//!            take                          put
//!  VIRGIN ----------->  LIVE  ----------------------> FREE
//!    1                  0x80  <----------------------   0
//!                                  take
//!  take of a LIVE block: the list was forged          -> Error::Corrupt
//!  put of a VIRGIN or FREE block                      -> Error::DoubleFree
//! ```
//!
//! The free list lives in the free blocks, where an overrun or a write after free reaches it. It may therefore
//! only propose: a block counts as free when its mark says so, and marks are nowhere near the blocks.
//!
//! A byte a block, not a bit: on a core without bit instructions, finding the word, the mask and the new value
//! costs about eight instructions more in each direction, on every call, to save seven eighths of a byte a block.

/// The mark of a block that has been returned, or that a zeroed map starts with.
pub const FREE: u8 = 0;
/// The mark of a free block that has never been handed out. Its value is what it adds to the peak when taken.
pub const VIRGIN: u8 = 1;
/// The mark of a block that has an owner. The sign bit, so that one branch tests for it.
pub const LIVE: u8 = 0x80;

/// Keeps which blocks are live.
///
/// # Safety
///
/// 1. `claim` returns `None` for every index claimed and not released since; else it makes the index claimed and
///    returns 1 when the block was [`VIRGIN`], otherwise 0.
/// 2. `release` returns `false`, changing nothing, for an index that is not claimed.
///
/// [`NoMarks`] is exempt: it is for pools whose types make both cases impossible.
pub unsafe trait Marks {
    /// Whether ownership is recorded at all.
    const KEPT: bool;

    /// Gives block `index` an owner.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    unsafe fn claim(&self, index: usize) -> Option<usize>;

    /// Takes block `index` from its owner.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    unsafe fn release(&self, index: usize) -> bool;

    /// Whether block `index` is known to have an owner.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    unsafe fn is_claimed(&self, index: usize) -> bool;
}

/// A byte a block, in memory that the pool was given.
#[derive(Clone, Copy, Debug)]
pub struct ByteMarks(*mut u8);

impl ByteMarks {
    /// Marks at `bytes`.
    ///
    /// # Safety
    ///
    /// 1. `bytes` points to as many readable and writable bytes as the pool has blocks, for as long as the result
    ///    is used.
    /// 2. Each holds [`FREE`], [`VIRGIN`] or [`LIVE`], and nothing else writes to them meanwhile.
    #[inline(always)]
    pub const unsafe fn new(bytes: *mut u8) -> Self {
        Self(bytes)
    }

    /// The mark of block `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, index: usize) -> u8 {
        // SAFETY: the caller gives an index below the capacity, and `new` was promised that many bytes.
        unsafe { self.0.add(index).read() }
    }

    /// Sets the mark of block `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    #[inline(always)]
    pub(crate) unsafe fn set(&self, index: usize, mark: u8) {
        // SAFETY: as in `get`.
        unsafe { self.0.add(index).write(mark) }
    }
}

// SAFETY: a mark is LIVE from claim to release and at no other time.
unsafe impl Marks for ByteMarks {
    const KEPT: bool = true;

    #[inline(always)]
    unsafe fn claim(&self, index: usize) -> Option<usize> {
        // SAFETY: the caller's index, here and below.
        let mark = unsafe { self.get(index) };
        if (mark as i8) < 0 {
            return None;
        }
        // SAFETY: as above.
        unsafe { self.set(index, LIVE) };
        Some(mark as usize)
    }

    #[inline(always)]
    unsafe fn release(&self, index: usize) -> bool {
        // SAFETY: the caller's index, here and below.
        let live = unsafe { self.is_claimed(index) };
        if live {
            // SAFETY: as above.
            unsafe { self.set(index, FREE) };
        }
        live
    }

    #[inline(always)]
    unsafe fn is_claimed(&self, index: usize) -> bool {
        // SAFETY: the caller's index.
        unsafe { (self.get(index) as i8) < 0 }
    }
}

/// No marks: for a typed pool, whose handles can be neither forged nor returned twice.
#[derive(Clone, Copy, Debug)]
pub struct NoMarks;

// SAFETY: exempt, as the trait says.
unsafe impl Marks for NoMarks {
    const KEPT: bool = false;

    #[inline(always)]
    unsafe fn claim(&self, _: usize) -> Option<usize> {
        Some(0)
    }

    #[inline(always)]
    unsafe fn release(&self, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn is_claimed(&self, _: usize) -> bool {
        false
    }
}
