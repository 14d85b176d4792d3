//! The allocation map: which blocks have an owner, kept outside the blocks.
//!
//! ```text
//!                    alloc                        free
//!  NEVER_ALLOCATED ---------->  LIVE  ----------------------> FREE
//!        1                      0x80  <----------------------   0
//!                                             alloc
//!  alloc of a LIVE block: the list was forged         -> Error::Corrupt
//!  free of a block in another state                   -> Error::DoubleFree
//! ```
//!
//! The map itself only returns `false`. `refuse` in `free_list/slow_path.rs` names the error of a free, `damaged` there that of an
//! alloc.
//!
//! Between LIVE and FREE a block may be RETIRING, 0x81: see `free_list/two_phase_free.rs`. The sign bit does not tell the two
//! apart. So the fast path is off while a block is retiring, and the slow path compares the whole state.
//!
//! The free list lies in the free blocks, where an overrun or a write after free reaches it. So it may only propose: a
//! block is free if the map says so, and the map is not inside the blocks.
//!
//! It takes a byte for each block, not a bit: on a core without bit instructions, finding the word, the bit and the new
//! value costs about eight instructions more in each direction, on every call, and saves seven eighths of a byte.

use crate::sealed::Sealed;

/// The state of a block that has been freed. A map of zeros says so of every block.
pub const FREE: u8 = 0;
/// The state of a free block that was not allocated since the lowest number of free blocks was last reset.
pub const NEVER_ALLOCATED: u8 = 1;
/// The state of a block that has an owner. It is the sign bit, so that one branch tests for it.
pub const LIVE: u8 = 0x80;
/// The state of a block that its owner has freed and that is not on the free list yet. It counts as claimed.
pub const RETIRING: u8 = 0x81;

/// Records which blocks have an owner: [`ByteMap`], [`NoMap`] or [`NoChecks`]. Sealed: only types of this crate implement it.
///
/// # Safety
///
/// 1. `claim` returns `false` for every index claimed and not released since; else it makes the index claimed.
/// 2. `release` returns `false`, changing nothing, for an index that is not claimed.
///
/// [`NoMap`] and [`NoChecks`] are exempt: they are for pools whose types make both cases impossible.
pub unsafe trait AllocationMap: Sealed {
    /// Whether owners are recorded at all.
    const RECORDS_OWNERS: bool;

    /// Whether a link is proven to lead to a block before it is followed.
    const LINKS_CHECKED: bool = true;

    /// Gives block `index` an owner.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    unsafe fn claim(&self, index: usize) -> bool;

    /// Takes block `index` from its owner.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    unsafe fn release(&self, index: usize) -> bool;

    /// Whether block `index` is known to have an owner, or to be [`RETIRING`].
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    unsafe fn is_claimed(&self, index: usize) -> bool;

    /// Whether block `index` is [`NEVER_ALLOCATED`].
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    unsafe fn is_never_allocated(&self, index: usize) -> bool;

    /// Whether block `index` is [`RETIRING`]: claimed, but without an owner, so that it must not be released.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    #[inline(always)]
    unsafe fn is_retiring(&self, _: usize) -> bool {
        false
    }
}

/// A byte for each block, `OFFSET` bytes after an address. The C functions keep their control block at that address, and
/// with a constant offset no operation needs to add up the two.
#[derive(Clone, Copy, Debug)]
pub struct ByteMap<const OFFSET: usize = 0>(*mut u8);

impl<const OFFSET: usize> ByteMap<OFFSET> {
    /// A map `OFFSET` bytes after `address`.
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
    fn state(&self, index: usize) -> *mut u8 {
        self.0.wrapping_add(index).wrapping_add(OFFSET)
    }

    /// The state of block `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, index: usize) -> u8 {
        // SAFETY: the caller gives an index below the capacity, and `new` was promised that many bytes.
        unsafe { self.state(index).read() }
    }

    /// Sets the state of block `index`.
    ///
    /// # Safety
    ///
    /// `index` is below the capacity of the pool that this map is for.
    #[inline(always)]
    pub(crate) unsafe fn set(&self, index: usize, state: u8) {
        // SAFETY: as in `get`.
        unsafe { self.state(index).write(state) }
    }
}

impl<const OFFSET: usize> Sealed for ByteMap<OFFSET> {}
impl Sealed for NoMap {}
impl Sealed for NoChecks {}

// SAFETY: a state is LIVE or RETIRING from claim to release and at no other time.
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

/// Records nothing: for a typed pool, whose handles can be neither forged nor freed twice.
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

/// Records nothing, and links are followed as they are: for a typed pool whose blocks are known to its own handles only.
/// Such a pool keeps no reserve, and no task can wait for its blocks.
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
