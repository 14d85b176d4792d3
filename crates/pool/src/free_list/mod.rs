//! The unsafe heart: an intrusive free list, single-threaded, that believes nothing it reads from a block.
//!
//! ```text
//!  head --> block 4 --> block 1 --> block 7 --> null       `free_list_len` = 3 blocks, linked through their first word
//!
//!  blocks    0     1     2     3     4     5     6     7     8     9
//!  marks     L     .     L     L     .     L     L     .
//!            '---------- free_list_len at some time ---------' '-- first_unused --'   first_unused = 8: never touched, not on the list
//! ```
//!
//! A pool whose list was threaded in advance has `first_unused == capacity`. A static pool starts with `first_unused == 0` and an
//! empty list: all zero bytes, hence no initialisation at run time and no copy of it in flash.
//!
//! Everything a pool knows is in four places, wherever its owner keeps them: two words (head and number free_list_len), the
//! [`Counters`], the marks, and the blocks. [`FreeList`] borrows them for the length of one operation. Locks, handles,
//! names and ports are other modules' business.

mod batch;
mod two_phase_free;
mod walk;

use core::ptr::NonNull;

use crate::allocation_map::AllocationMap;
use crate::{Error, Geometry};

/// What a free block holds in its first word.
#[derive(Debug)]
#[repr(C)]
pub struct Link {
    /// The next free block, or null.
    pub next: *mut Link,
}

/// Counters that no operation needs to read from memory it does not trust. All zero at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// Blocks below this index are taken and returned by the usual path: all of `first_unused`, or none while the gate is
    /// closed.
    pub fast_path_limit: usize,
    /// Blocks below this index have been on the list at some time.
    pub first_unused: usize,
    /// Allocations refused because every block was in use.
    pub exhausted: u32,
    /// Frees refused: double, or not a block.
    pub refused: u32,
    /// Free blocks that are kept for urgent takers.
    pub reserve: u32,
    /// Times that damage was met in the free list.
    pub damaged: u16,
    /// Why the gate is closed: a bit for each reason; 0: it is open.
    pub slow_path_reasons: u8,
    /// Tasks that wait for a block, each of which is owed one; `u8::MAX`: so many or more.
    pub waiting: u8,
}

/// The pool keeps a [reserve](FreeList::set_reserve).
const RESERVED: u8 = 1;
/// Tasks [wait](FreeList::set_waiting) for a block.
const WAITED_FOR: u8 = 2;
/// Somebody [watches](FreeList::set_diagnostics) who takes and returns blocks.
const WATCHED: u8 = 4;
/// Blocks are [leaving](FreeList::begin_free), which the fast path does not tell from blocks in use.
const RETIRING: u8 = 8;

/// The largest number of waiting tasks that is counted: from here on no free block is left for a new caller.
const MANY: u8 = u8::MAX;

impl Counters {
    /// All counters zero.
    pub const NEW: Self = Self {
        fast_path_limit: 0,
        first_unused: 0,
        exhausted: 0,
        refused: 0,
        reserve: 0,
        damaged: 0,
        slow_path_reasons: 0,
        waiting: 0,
    };
}

/// A pool for the length of one operation.
///
/// # Constant time
///
/// [`alloc`](Self::alloc) and [`free`](Self::free) run the same instructions whatever the pool holds, save that a block
/// that was never used before comes from another, equally constant, path. The walks ([`validate`](Self::validate),
/// [`repair`](Self::repair), [`link_all`](Self::link_all)) cost O(capacity).
#[derive(Debug)]
pub struct FreeList<'a, M: AllocationMap> {
    head: &'a mut *mut Link,
    free_list_len: &'a mut usize,
    counters: &'a mut Counters,
    base: *mut u8,
    geometry: &'a Geometry,
    marks: M,
}

impl<'a, M: AllocationMap> FreeList<'a, M> {
    /// Borrows the parts of a pool.
    ///
    /// # Safety
    ///
    /// 1. `base` is aligned to a pointer and points to `geometry.bytes()` bytes that are valid for reads and writes
    ///    for `'a`, as `marks` are for `geometry.capacity()` blocks.
    /// 2. The same four parts (head and count, counters, marks, blocks) always come together, zeroed at first; nothing
    ///    but a `FreeList` over them and the owners of taken blocks writes to them. (Foreign writes into free blocks
    ///    are detected, not trusted.)
    #[inline(always)]
    pub unsafe fn new(
        (head, free_list_len): (&'a mut *mut Link, &'a mut usize),
        counters: &'a mut Counters,
        base: *mut u8,
        geometry: &'a Geometry,
        marks: M,
    ) -> Self {
        base.expose_provenance();
        Self { head, free_list_len, counters, base, geometry, marks }
    }

    /// Takes a free block. O(1). The block's content is whatever was there.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], and [`Error::Corrupt`] when the list does not lead to a free block.
    #[inline(always)]
    pub fn alloc(&mut self) -> Result<NonNull<u8>, Error> {
        self.alloc_fast().map_or_else(|| self.alloc_slow(), Ok)
    }

    /// The usual case of [`alloc`](Self::alloc): the list leads to a free block. `None` changes nothing, and calls for
    /// [`alloc_slow`](Self::alloc_slow), which a caller may keep out of its own hot path.
    #[inline(always)]
    pub fn alloc_fast(&mut self) -> Option<NonNull<u8>> {
        self.alloc_below(self.counters.fast_path_limit)
    }

    #[inline(always)]
    fn alloc_below(&mut self, limit: usize) -> Option<NonNull<u8>> {
        let head = self.head.addr();
        if !M::LINKS_CHECKED {
            return self.alloc_without_checks();
        }
        let index = self.index_below(head, limit)?;
        // SAFETY: `index` is below `open` or `first_unused`, which are at most the capacity.
        if !unsafe { self.marks.claim(index) } {
            return None;
        }
        let block = self.link(head);
        // SAFETY: the index proves the address to be a block of ours, aligned for a link, and its mark was free, so
        // no owner's data is read. Should the link have been overwritten, then what is read is checked in this same
        // way before it is used as an address.
        *self.head = unsafe { block.as_ref().next };
        *self.free_list_len = self.free_list_len.wrapping_sub(1);
        Some(block.cast())
    }

    /// Takes the first block, believing the list.
    #[inline(always)]
    fn alloc_without_checks(&mut self) -> Option<NonNull<u8>> {
        let block = NonNull::new(*self.head)?;
        // SAFETY: without checks nobody but the pool writes to a free block, as `NoChecks` demands: the link is whole.
        *self.head = unsafe { block.as_ref().next };
        *self.free_list_len = self.free_list_len.wrapping_sub(1);
        Some(block.cast())
    }

    /// The other cases of [`alloc`](Self::alloc): the gate is closed, the list is empty, or it is damaged. O(1).
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc); [`Error::Exhausted`] also when what is left is the [reserve](Self::set_reserve), or
    /// owed to tasks that [wait](Self::set_waiting).
    #[cold]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_take_otherwise"))]
    pub fn alloc_slow(&mut self) -> Result<NonNull<u8>, Error> {
        if self.counters.slow_path_reasons != 0 {
            return self.alloc_unless(self.available() == 0);
        }
        self.alloc_first_unused()
    }

    /// As [`alloc`](Self::alloc), from the reserve as well: for interrupts, which cannot wait. O(1).
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc); [`Error::Exhausted`] also when what is left is owed to tasks that
    /// [wait](Self::set_waiting).
    #[inline]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_take_urgent"))]
    pub fn alloc_from_isr(&mut self) -> Result<NonNull<u8>, Error> {
        let owed = self.waiting().min(self.unreserved());
        self.alloc_unless(self.free_blocks() <= owed)
    }

    /// Takes a block, unless those that are free are `withheld` from the caller. O(1).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_unless"))]
    fn alloc_unless(&mut self, withheld: bool) -> Result<NonNull<u8>, Error> {
        if withheld && self.free_blocks() != 0 {
            // Damage is damage for each caller, also for one that would get nothing from a whole list.
            return if self.is_plausible() { self.exhausted() } else { self.damaged() };
        }
        self.alloc_for_waiter()
    }

    /// Takes a block, whoever it is kept for. O(1).
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    #[inline]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_for_waiter"))]
    pub(crate) fn alloc_for_waiter(&mut self) -> Result<NonNull<u8>, Error> {
        self.alloc_below(self.counters.first_unused).map_or_else(|| self.alloc_first_unused(), Ok)
    }

    /// The list does not lead to a block: it is empty, or damaged.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_first_unused"))]
    fn alloc_first_unused(&mut self) -> Result<NonNull<u8>, Error> {
        if !self.head.is_null() || *self.free_list_len != 0 {
            return self.damaged();
        }
        let index = self.counters.first_unused;
        if index == self.geometry.capacity() {
            return self.exhausted();
        }
        // SAFETY: `index` is below the capacity.
        if !unsafe { self.marks.claim(index) } {
            return self.damaged();
        }
        self.set_first_unused(index + 1);
        Ok(self.link(self.base.addr() + index * self.geometry.stride()).cast())
    }

    /// What [`alloc`](Self::alloc) would say now; nothing is taken, nothing counted. O(1).
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    pub fn can_alloc(&self) -> Result<(), Error> {
        match self.available() {
            _ if !self.is_plausible() => Err(Error::Corrupt),
            0 => Err(Error::Exhausted),
            _ => Ok(()),
        }
    }

    /// Whether the list leads to a free block, or has ended: all that is to be seen without a walk. O(1).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_plausible"))]
    fn is_plausible(&self) -> bool {
        match self.index_below(self.head.addr(), self.counters.first_unused) {
            Some(index) => !self.is_claimed(index),
            None => self.head.is_null() && *self.free_list_len == 0,
        }
    }

    /// Returns a block. O(1). The address may be anything: it is not used before it is proven.
    ///
    /// # Errors
    ///
    /// [`Error::NotABlock`] and [`Error::DoubleFree`]; the pool is unharmed and the refusal counted.
    ///
    /// # Safety
    ///
    /// If `block` is a live block of this pool, then its owner gives it up. (Any other address is refused.) With
    /// [`NoMap`](crate::NoMap), `block` must be a live block.
    #[inline(always)]
    pub unsafe fn free(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: as the caller promises.
        match unsafe { self.free_fast(block) } {
            Some(()) => Ok(()),
            // SAFETY: as the caller promises.
            None => unsafe { self.free_slow(block) },
        }
    }

    /// The usual case of [`free`](Self::free): `block` is a live block. `None` changes nothing, and calls for
    /// [`free_slow`](Self::free_slow), which a caller may keep out of its own hot path.
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free).
    #[inline(always)]
    pub unsafe fn free_fast(&mut self, block: *mut u8) -> Option<()> {
        // SAFETY: as the caller promises.
        unsafe { self.free_below(block, self.counters.fast_path_limit) }
    }

    /// # Safety
    ///
    /// As [`free`](Self::free).
    #[inline(always)]
    unsafe fn free_below(&mut self, block: *mut u8, limit: usize) -> Option<()> {
        if M::RECORDS_OWNERS {
            let index = self.index_below(block.addr(), limit)?;
            // SAFETY: `index` is below `open` or `first_unused`, which are at most the capacity.
            if !unsafe { self.marks.release(index) } {
                return None;
            }
        }
        let link = self.link(block.addr());
        // SAFETY: the address is that of a live block, by the marks or by the caller's promise; so it is aligned,
        // ours, and the caller's to give.
        unsafe { link.write(Link { next: *self.head }) };
        *self.head = link.as_ptr();
        *self.free_list_len = self.free_list_len.wrapping_add(1);
        Some(())
    }

    /// The other cases of [`free`](Self::free): the gate is closed, or `block` is to be refused. O(1).
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free).
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free).
    #[cold]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_put_otherwise"))]
    pub unsafe fn free_slow(&mut self, block: *mut u8) -> Result<(), Error> {
        let may_be_live = self.counters.slow_path_reasons != 0 && !self.is_retiring(block);
        // SAFETY: as the caller promises.
        if may_be_live && unsafe { self.free_below(block, self.counters.first_unused) }.is_some() {
            return Ok(());
        }
        Err(self.refuse(block))
    }

    /// Whether `block` is one whose return has [begun](Self::begin_free) and not finished.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_retiring"))]
    fn is_retiring(&self, block: *const u8) -> bool {
        // SAFETY: the index of a block.
        self.index_of(block).is_some_and(|index| unsafe { self.marks.is_retiring(index) })
    }

    /// Counts the refusal of `block`, and names the reason.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_refuse"))]
    fn refuse(&mut self, block: *mut u8) -> Error {
        self.counters.refused = self.counters.refused.saturating_add(1);
        let is_block = self.index_of(block).is_some();
        if is_block { Error::DoubleFree } else { Error::NotABlock }
    }

    /// Keeps the last `blocks` free blocks for [`alloc_from_isr`](Self::alloc_from_isr). O(1). With a reserve the gate is
    /// closed; 0 opens it.
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`] if the pool does not have so many blocks, or is one [without checks](crate::NoChecks),
    /// which keeps none; nothing is changed.
    pub fn set_reserve(&mut self, blocks: usize) -> Result<(), Error> {
        match u32::try_from(blocks) {
            Ok(reserve) if M::LINKS_CHECKED && blocks <= self.geometry.capacity() => {
                self.counters.reserve = reserve;
                self.set_slow_path_reason(RESERVED, reserve > 0);
                Ok(())
            }
            _ => Err(Error::ReserveTooLarge),
        }
    }

    /// Says how many tasks wait for a block. O(1). While any does, the gate is closed, so that every free serves them, and as
    /// many free blocks are owed to them: a caller that comes later gets none of these, whether or not the tasks have been
    /// served yet.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_waiting"))]
    pub fn set_waiting(&mut self, tasks: usize) {
        self.counters.waiting = if tasks < MANY as usize { tasks as u8 } else { MANY };
        self.set_slow_path_reason(WAITED_FOR, tasks > 0);
    }

    /// Tasks that wait; more than there are blocks if they are too many to be counted.
    fn waiting(&self) -> usize {
        if self.counters.waiting == MANY { usize::MAX } else { self.counters.waiting.into() }
    }

    /// Closes the gate while somebody watches who takes and returns blocks, so that every operation can tell. O(1).
    pub fn set_diagnostics(&mut self, watched: bool) {
        self.set_slow_path_reason(WATCHED, watched);
    }

    /// Closes the gate while blocks are [leaving](Self::begin_free), or opens it. O(1). Each `begin_free` closes it; the owner of
    /// the pool, which knows when no block is leaving any more, opens it.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_retiring"))]
    pub fn set_retiring(&mut self, retiring: bool) {
        self.set_slow_path_reason(RETIRING, retiring);
    }

    /// Number of blocks that can be taken without touching the reserve, or what is owed to tasks that
    /// [wait](Self::set_waiting). O(1).
    #[inline]
    pub fn available(&self) -> usize {
        self.unreserved().saturating_sub(self.waiting())
    }

    /// Number of free blocks above the reserve: what tasks that wait can be given. O(1).
    #[inline]
    pub(crate) fn unreserved(&self) -> usize {
        self.free_blocks().saturating_sub(self.counters.reserve as usize)
    }

    /// Adds or drops a reason for the gate to be closed. While it is closed every operation takes the other path, so
    /// that whoever is there (a reserve to be kept, somebody to be served) can do its part; the usual path pays
    /// nothing for the possibility.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_slow_path_reason"))]
    fn set_slow_path_reason(&mut self, reason: u8, holds: bool) {
        self.counters.slow_path_reasons = if holds {
            self.counters.slow_path_reasons | reason
        } else {
            self.counters.slow_path_reasons & !reason
        };
        self.set_first_unused(self.counters.first_unused);
    }

    /// Blocks below `first_unused` have been on the list.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_first_unused"))]
    fn set_first_unused(&mut self, first_unused: usize) {
        self.counters.first_unused = first_unused;
        self.counters.fast_path_limit = if self.counters.slow_path_reasons == 0 { first_unused } else { 0 };
    }

    /// Number of blocks in use. O(1).
    pub fn used(&self) -> usize {
        self.geometry.capacity().saturating_sub(self.free_blocks())
    }

    /// Number of blocks that can be taken. O(1). Nonsense if the number free_list_len was overwritten, and no panic.
    #[inline]
    pub fn free_blocks(&self) -> usize {
        self.free_list_len.wrapping_add(self.geometry.capacity() - self.counters.first_unused)
    }

    /// Whether `block` is a block of this pool that has an owner: one that is [leaving](Self::begin_free) has none. O(1), for any
    /// address.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_live"))]
    pub fn is_live(&self, block: *const u8) -> bool {
        self.index_of(block).is_some_and(|index| self.is_claimed(index)) && !self.is_retiring(block)
    }

    /// The number of the block that begins at `block`, in use or not; `None` if none does. O(1), for any address.
    #[inline]
    pub fn index_of(&self, block: *const u8) -> Option<usize> {
        self.index_below(block.addr(), self.geometry.capacity())
    }

    /// The index of the block at `address`, if it is one of the first `limit`, which is at most the capacity.
    #[inline(always)]
    fn index_below(&self, address: usize, limit: usize) -> Option<usize> {
        self.geometry.index_below(address.wrapping_sub(self.base.addr()), limit)
    }

    /// `address` as a link that may be used as widely as the pool's memory, wherever the number came from.
    ///
    /// An owner may give back a pointer that was only good for its own part of the block.
    #[inline(always)]
    fn link(&self, address: usize) -> NonNull<Link> {
        let link = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: called with addresses inside the pool's memory only, which does not lie at null.
        unsafe { NonNull::new_unchecked(link) }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_claimed"))]
    fn is_claimed(&self, index: usize) -> bool {
        // SAFETY: called with indices below the capacity only.
        unsafe { self.marks.is_claimed(index) }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_exhausted"))]
    fn exhausted(&mut self) -> Result<NonNull<u8>, Error> {
        self.counters.exhausted = self.counters.exhausted.saturating_add(1);
        Err(Error::Exhausted)
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_damaged"))]
    fn damaged(&mut self) -> Result<NonNull<u8>, Error> {
        self.counters.damaged = self.counters.damaged.saturating_add(1);
        Err(Error::Corrupt)
    }
}
