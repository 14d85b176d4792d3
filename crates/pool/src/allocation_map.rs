//! What is always checked: who owns a block is decided by a map kept outside the blocks.
//!
//! ```text
//!            take                          put
//!  NEVER_ALLOCATED ----------->  LIVE  ----------------------> FREE
//!    1                  0x80  <----------------------   0
//!                                  take
//!  take of a LIVE block: the list was forged          -> Error::Corrupt
//!  put of a NEVER_ALLOCATED or FREE block                      -> Error::DoubleFree
//! ```
//!
//! (Between LIVE and FREE a block may be RETIRING, 0x81: see `free_list/two_phase_free.rs`. The sign bit does not tell the two apart, so the fast
//! path is closed while a block is leaving, and the slow path compares the whole mark.)
//!
//! The free list lives in the free blocks, where an overrun or a write after free reaches it. It may therefore
//! only propose: a block counts as free when its mark says so, and marks are nowhere near the blocks.
//!
//! A byte a block, not a bit: on a core without bit instructions, finding the word, the mask and the new value
//! costs about eight instructions more in each direction, on every call, to save seven eighths of a byte a block.

use crate::sealed::Sealed;

/// The mark of a block that has been returned, or that a zeroed map starts with.
pub const FREE: u8 = 0;
/// The mark of a free block that was not handed out since the lowest number of free blocks was last started anew.
pub const NEVER_ALLOCATED: u8 = 1;
/// The mark of a block that has an owner. The sign bit, so that one branch tests for it.
pub const LIVE: u8 = 0x80;

/// The mark of a block that was given up and is not free yet. Claimed, like one that has an owner.
pub const RETIRING: u8 = 0x81;

/// Keeps which blocks are live: [`ByteMap`], [`NoMap`] or [`NoChecks`]. Sealed: no other type implements it.
///
/// # Safety
///
/// 1. `claim` returns `false` for every index claimed and not released since; else it makes the index claimed.
/// 2. `release` returns `false`, changing nothing, for an index that is not claimed.
///
/// [`NoMap`] and [`NoChecks`] are exempt: they are for pools whose types make both cases impossible.
pub unsafe trait AllocationMap: Sealed {
    /// Whether ownership is recorded at all.
    const RECORDS_OWNERS: bool;

    /// Whether a link is proven to lead to a block before it is followed.
    const LINKS_CHECKED: bool = true;

    /// Gives block `index` an owner.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    unsafe fn claim(&self, index: usize) -> bool;

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

    /// Whether block `index` is [`NEVER_ALLOCATED`].
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    unsafe fn is_never_allocated(&self, index: usize) -> bool;

    /// Whether block `index` is [`RETIRING`]: claimed, but no owner's any more, so that it must not be released.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    #[inline(always)]
    unsafe fn is_retiring(&self, _: usize) -> bool {
        false
    }
}

/// A byte a block, in memory that the pool was given, `OFFSET` bytes behind an address: an owner that has something
/// there anyway, as the C ABI has its control block, need not add up the two on every operation.
#[derive(Clone, Copy, Debug)]
pub struct ByteMap<const OFFSET: usize = 0>(*mut u8);

impl<const OFFSET: usize> ByteMap<OFFSET> {
    /// A map `OFFSET` bytes behind `address`.
    ///
    /// # Safety
    ///
    /// 1. There are as many readable and writable bytes as the pool has blocks, for as long as the result is used.
    /// 2. Each holds [`FREE`], [`NEVER_ALLOCATED`], [`LIVE`] or [`RETIRING`], and nothing else writes to them meanwhile.
    #[inline(always)]
    pub const unsafe fn new(address: *mut u8) -> Self {
        Self(address)
    }

    #[inline(always)]
    fn mark(&self, index: usize) -> *mut u8 {
        self.0.wrapping_add(index).wrapping_add(OFFSET)
    }

    /// The mark of block `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, index: usize) -> u8 {
        // SAFETY: the caller gives an index below the capacity, and `new` was promised that many bytes.
        unsafe { self.mark(index).read() }
    }

    /// Sets the mark of block `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that these marks are for.
    #[inline(always)]
    pub(crate) unsafe fn set(&self, index: usize, mark: u8) {
        // SAFETY: as in `get`.
        unsafe { self.mark(index).write(mark) }
    }
}

impl<const OFFSET: usize> Sealed for ByteMap<OFFSET> {}
impl Sealed for NoMap {}
impl Sealed for NoChecks {}

// SAFETY: a mark is LIVE from claim to release and at no other time.
unsafe impl<const OFFSET: usize> AllocationMap for ByteMap<OFFSET> {
    const RECORDS_OWNERS: bool = true;

    #[inline(always)]
    unsafe fn claim(&self, index: usize) -> bool {
        // SAFETY: the caller's index, here and below.
        let free = !unsafe { self.is_claimed(index) };
        if free {
            // SAFETY: as above.
            unsafe { self.set(index, LIVE) };
        }
        free
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

    unsafe fn is_never_allocated(&self, index: usize) -> bool {
        // SAFETY: the caller's index.
        unsafe { self.get(index) == NEVER_ALLOCATED }
    }

    #[inline(always)]
    unsafe fn is_retiring(&self, index: usize) -> bool {
        // SAFETY: the caller's index.
        unsafe { self.get(index) == RETIRING }
    }
}

/// No marks: for a typed pool, whose handles can be neither forged nor returned twice.
#[derive(Clone, Copy, Debug)]
pub struct NoMap;

// SAFETY: exempt, as the trait says.
unsafe impl AllocationMap for NoMap {
    const RECORDS_OWNERS: bool = false;

    #[inline(always)]
    unsafe fn claim(&self, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn release(&self, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn is_claimed(&self, _: usize) -> bool {
        false
    }

    unsafe fn is_never_allocated(&self, _: usize) -> bool {
        false
    }
}

/// No marks, and links that are followed as they are: for a typed pool of whose blocks nothing but its own handles ever
/// knows. Such a pool keeps no reserve, and nobody can wait for its blocks.
#[derive(Clone, Copy, Debug)]
pub struct NoChecks;

// SAFETY: exempt, as the trait says.
unsafe impl AllocationMap for NoChecks {
    const RECORDS_OWNERS: bool = false;
    const LINKS_CHECKED: bool = false;

    #[inline(always)]
    unsafe fn claim(&self, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn release(&self, _: usize) -> bool {
        true
    }

    #[inline(always)]
    unsafe fn is_claimed(&self, _: usize) -> bool {
        false
    }

    unsafe fn is_never_allocated(&self, _: usize) -> bool {
        false
    }
}
