//! The free list of a pool: single-threaded, intrusive, and without trust in anything that it reads from a block.
//!
//! ```text
//!  head --> block 4 --> block 1 --> block 7 --> null     free_list_len = 3: linked through their first word
//!
//!  blocks    0     1     2     3     4     5     6     7     8     9
//!  map       L     .     L     L     .     L     L     .     .     .      L: in use
//!            '--- used, or listed, at some time ---------'   '-- unused    first_unused = 8
//! ```
//!
//! Unused blocks are not on the list: the block at `first_unused` is allocated when the list is empty. A pool whose blocks
//! were all linked in advance has `first_unused == capacity`. A static pool starts with `first_unused == 0` and an empty
//! list, which is all zero bytes: no initialisation at run time, and no copy of it in flash.
//!
//! A pool consists of four parts, and its owner decides where they lie: two words (head and length of the list), the
//! [`Counters`], the [allocation map](crate::allocation_map), and the blocks. [`FreeList`] borrows them for one operation.
//! The owner serialises operations, usually with a lock.
//!
//! The fast path is in this file, everything else in the others.

mod batch;
mod slow_path;
mod two_phase_free;
mod walk;

use core::ptr::NonNull;

use crate::allocation_map::AllocationMap;
use crate::{Counters, Error, Geometry};

/// What a free block holds in its first word.
#[derive(Debug)]
#[repr(C)]
pub struct Link {
    /// The next free block, or null.
    pub next: *mut Link,
}

/// The parts of a pool, borrowed for one operation.
///
/// # Constant time
///
/// [`alloc`](Self::alloc) and [`free`](Self::free) run the same instructions whichever block it is and however many are in use. The
/// first use of a block, refusals and options that are on take the slow path, which is constant as well. The walks ([`validate`](Self::validate),
/// [`repair`](Self::repair), [`link_all`](Self::link_all)) are O(capacity).
#[derive(Debug)]
pub struct FreeList<'a, M: AllocationMap> {
    head: &'a mut *mut Link,
    len: &'a mut usize,
    counters: &'a mut Counters,
    base: *mut u8,
    geometry: &'a Geometry,
    map: M,
}

impl<'a, M: AllocationMap> FreeList<'a, M> {
    /// Borrows the parts of a pool; `len` is the number of blocks on the list.
    ///
    /// # Safety
    ///
    /// 1. `base` is aligned to a pointer and points to `geometry.bytes()` bytes that are valid for reads and writes
    ///    for `'a`, as `map` is for `geometry.capacity()` blocks.
    /// 2. The same four parts (head and length, counters, map, blocks) always come together; all but the blocks are zeroed at first; nothing
    ///    but a `FreeList` over them and the owners of allocated blocks writes to them. (Other writes into free blocks
    ///    are detected, not trusted.)
    #[inline(always)]
    pub unsafe fn new(
        (head, len): (&'a mut *mut Link, &'a mut usize),
        counters: &'a mut Counters,
        base: *mut u8,
        geometry: &'a Geometry,
        map: M,
    ) -> Self {
        base.expose_provenance();
        Self { head, len, counters, base, geometry, map }
    }

    /// Allocates a block. O(1). The content of the block is undefined.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], and [`Error::Corrupt`] when the list does not lead to a free block.
    #[inline(always)]
    pub fn alloc(&mut self) -> Result<NonNull<u8>, Error> {
        self.alloc_fast().map_or_else(|| self.alloc_slow(), Ok)
    }

    /// The fast path of [`alloc`](Self::alloc): the list leads to a free block. On `None` nothing has changed, and the
    /// caller continues with [`alloc_slow`](Self::alloc_slow), which it may keep out of its own fast path. O(1).
    #[inline(always)]
    pub fn alloc_fast(&mut self) -> Option<NonNull<u8>> {
        self.alloc_below(self.counters.fast_path_limit)
    }

    /// Allocates the first block of the list if its index is below `limit`.
    #[inline(always)]
    fn alloc_below(&mut self, limit: usize) -> Option<NonNull<u8>> {
        let head = self.head.addr();
        if !M::LINKS_CHECKED {
            return self.alloc_without_checks();
        }
        let index = self.index_below(head, limit)?;
        // SAFETY: `index` is below `fast_path_limit` or `first_unused`, which are at most the capacity.
        if !unsafe { self.map.claim(index) } {
            return None;
        }
        let block = self.link(head);
        // SAFETY: the index proves the address to be a block of this pool, aligned for a link, and the map said that it was
        // free, so no owner's data is read. If the link was overwritten, what is read is checked in this same way before
        // it is used as an address.
        *self.head = unsafe { block.as_ref().next };
        *self.len = self.len.wrapping_sub(1);
        Some(block.cast())
    }

    /// Allocates the first block of the list, and follows its link as it is.
    #[inline(always)]
    fn alloc_without_checks(&mut self) -> Option<NonNull<u8>> {
        let block = NonNull::new(*self.head)?;
        // SAFETY: without checks only the pool writes to a free block, as `NoChecks` demands: the link is whole.
        *self.head = unsafe { block.as_ref().next };
        *self.len = self.len.wrapping_sub(1);
        Some(block.cast())
    }

    /// Frees a block. O(1). The address may be anything: it is not used before it is proven to be a block in use.
    ///
    /// # Errors
    ///
    /// [`Error::NotABlock`] and [`Error::DoubleFree`]; the pool is unharmed and the refusal counted.
    ///
    /// # Safety
    ///
    /// If `block` is a live block of this pool, then its owner gives it up. (Any other address is refused.) With
    /// [`NoMap`](crate::NoMap) and [`NoChecks`](crate::NoChecks), `block` must be a live block.
    #[inline(always)]
    pub unsafe fn free(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: as the caller promises.
        match unsafe { self.free_fast(block) } {
            Some(()) => Ok(()),
            // SAFETY: as the caller promises.
            None => unsafe { self.free_slow(block) },
        }
    }

    /// The fast path of [`free`](Self::free): `block` is a live block. On `None` nothing has changed, and the caller
    /// continues with [`free_slow`](Self::free_slow), which it may keep out of its own fast path. O(1).
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free).
    #[inline(always)]
    pub unsafe fn free_fast(&mut self, block: *mut u8) -> Option<()> {
        // SAFETY: as the caller promises.
        unsafe { self.free_below(block, self.counters.fast_path_limit) }
    }

    /// Frees `block` if it is a live block whose index is below `limit`.
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free).
    #[inline(always)]
    unsafe fn free_below(&mut self, block: *mut u8, limit: usize) -> Option<()> {
        if M::RECORDS_OWNERS {
            let index = self.index_below(block.addr(), limit)?;
            // SAFETY: `index` is below `fast_path_limit` or `first_unused`, which are at most the capacity.
            if !unsafe { self.map.release(index) } {
                return None;
            }
        }
        // SAFETY: the address is that of a live block, by the map or by the caller's promise, and its owner gave it up.
        unsafe { self.push(block) };
        Some(())
    }

    /// Puts `block` in front of the list.
    ///
    /// # Safety
    ///
    /// It is a block of this pool that is on no list and that no owner uses.
    #[inline(always)]
    unsafe fn push(&mut self, block: *mut u8) {
        let link = self.link(block.addr());
        // SAFETY: a block is aligned for a link, and the caller promises that nothing else uses it.
        unsafe { link.write(Link { next: *self.head }) };
        *self.head = link.as_ptr();
        *self.len = self.len.wrapping_add(1);
    }

    /// Number of blocks in use. O(1).
    pub fn used(&self) -> usize {
        self.geometry.capacity().saturating_sub(self.free_blocks())
    }

    /// Number of free blocks. O(1). If the length of the list was overwritten, the answer is wrong, and there is no panic.
    #[inline]
    pub fn free_blocks(&self) -> usize {
        self.len.wrapping_add(self.geometry.capacity() - self.counters.first_unused)
    }

    /// Whether `block` is a block of this pool that has an owner. A [retiring](Self::begin_free) block has none. O(1), for
    /// any address.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_live"))]
    pub fn is_live(&self, block: *const u8) -> bool {
        self.index_of(block).is_some_and(|index| self.is_claimed(index)) && !self.is_retiring(block)
    }

    /// The index of the block that begins at `block`, in use or not; `None` if none does. O(1), for any address.
    #[inline]
    pub fn index_of(&self, block: *const u8) -> Option<usize> {
        self.index_below(block.addr(), self.geometry.capacity())
    }

    /// Block `index`, if it is free: it stays free as long as the lock is held. O(1).
    pub fn free_block_at(&self, index: usize) -> Option<NonNull<u8>> {
        let is_free = index < self.geometry.capacity() && !self.is_claimed(index);
        is_free.then(|| self.block_at(index))
    }

    /// The index of the block at `address`, if it is one of the first `limit`, which is at most the capacity.
    #[inline(always)]
    fn index_below(&self, address: usize, limit: usize) -> Option<usize> {
        self.geometry.index_below(address.wrapping_sub(self.base.addr()), limit)
    }

    /// The block with this index, which is below the capacity.
    #[inline(always)]
    fn block_at(&self, index: usize) -> NonNull<u8> {
        self.link(self.base.addr() + index * self.geometry.stride()).cast()
    }

    /// `address` as a link with access to the whole memory of the pool.
    ///
    /// An owner may free a block by a pointer that has access to a part of the block only.
    #[inline(always)]
    fn link(&self, address: usize) -> NonNull<Link> {
        let link = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: called with addresses inside the memory of the pool only, which does not lie at null.
        unsafe { NonNull::new_unchecked(link) }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_claimed"))]
    fn is_claimed(&self, index: usize) -> bool {
        // SAFETY: called with indices below the capacity only.
        unsafe { self.map.is_claimed(index) }
    }

    /// Whether `block` is one whose free has [begun](Self::begin_free) and not finished.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_retiring"))]
    fn is_retiring(&self, block: *const u8) -> bool {
        // SAFETY: the index of a block.
        self.index_of(block).is_some_and(|index| unsafe { self.map.is_retiring(index) })
    }
}
