//! The slow path: the first use of a block, refusals, and what the options of a pool add. O(1) like the fast path.
//!
//! An option (a reserve for interrupts, waiting tasks, diagnostics, blocks between the two phases of a free) is a slow path
//! reason. While there is one, the limit of the fast path is 0, so that every operation comes here. The fast path does not
//! test for options and pays nothing for them.

use core::ptr::NonNull;

use super::FreeList;
use crate::Error;
use crate::allocation_map::AllocationMap;

/// The pool keeps a [reserve](FreeList::set_reserve).
const RESERVE: u8 = 1;
/// Tasks [wait](FreeList::set_waiting) for a block.
const WAITING_TASKS: u8 = 2;
/// [Diagnostics](FreeList::set_diagnostics) see each operation.
const DIAGNOSTICS: u8 = 4;
/// Blocks are [retiring](FreeList::begin_free); the fast path cannot tell them from blocks in use.
const RETIRING_BLOCKS: u8 = 8;

/// The largest number of waiting tasks that is counted. From here on all free blocks are kept for them.
const MANY_TASKS: u8 = u8::MAX;

impl<M: AllocationMap> FreeList<'_, M> {
    /// The slow path of [`alloc`](Self::alloc): there is a slow path reason, or the list is empty or damaged. O(1).
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc); [`Error::Exhausted`] also when the blocks that are left are the
    /// [reserve](Self::set_reserve), or kept for tasks that [wait](Self::set_waiting).
    #[cold]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_slow"))]
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
    /// As [`alloc`](Self::alloc); [`Error::Exhausted`] also when the blocks that are left are kept for tasks that
    /// [wait](Self::set_waiting).
    #[inline]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_from_isr"))]
    pub fn alloc_from_isr(&mut self) -> Result<NonNull<u8>, Error> {
        let kept_for_tasks = self.waiting().min(self.unreserved());
        self.alloc_unless(self.free_blocks() <= kept_for_tasks)
    }

    /// Allocates a block, unless the free ones are `withheld` from the caller. O(1).
    ///
    /// Not inlined: the first use of a block, which needs none of this, would save its registers.
    #[inline(never)]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_unless"))]
    fn alloc_unless(&mut self, withheld: bool) -> Result<NonNull<u8>, Error> {
        if withheld && self.free_blocks() != 0 {
            // Damage is reported to every caller, also to one that would get no block from a whole list.
            return if self.is_plausible() { self.exhausted() } else { self.damaged() };
        }
        self.alloc_for_waiter()
    }

    /// Allocates a block, also one that is kept for interrupts or tasks. O(1).
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    #[inline]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_for_waiter"))]
    pub(crate) fn alloc_for_waiter(&mut self) -> Result<NonNull<u8>, Error> {
        self.alloc_below(self.counters.first_unused).map_or_else(|| self.alloc_first_unused(), Ok)
    }

    /// Allocates the first unused block: the list does not lead to one, since it is empty, or damaged.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_alloc_first_unused"))]
    fn alloc_first_unused(&mut self) -> Result<NonNull<u8>, Error> {
        if !self.head.is_null() || *self.len != 0 {
            return self.damaged();
        }
        let index = self.counters.first_unused;
        if index == self.geometry.capacity() {
            return self.exhausted();
        }
        // SAFETY: `index` is below the capacity.
        if !unsafe { self.map.claim(index) } {
            return self.damaged();
        }
        self.set_first_unused(index + 1);
        Ok(self.block_at(index))
    }

    /// What [`alloc`](Self::alloc) would answer now. Nothing is allocated, nothing is counted. O(1).
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

    /// Whether the list leads to a free block, or is empty: what can be known without a walk. O(1).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_is_plausible"))]
    fn is_plausible(&self) -> bool {
        match self.index_below(self.head.addr(), self.counters.first_unused) {
            Some(index) => !self.is_claimed(index),
            None => self.head.is_null() && *self.len == 0,
        }
    }

    /// The slow path of [`free`](Self::free): there is a slow path reason, or `block` is to be refused. O(1).
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free).
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free).
    #[cold]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_free_slow"))]
    pub unsafe fn free_slow(&mut self, block: *mut u8) -> Result<(), Error> {
        // Without a slow path reason the fast path has looked at every block below `first_unused`, and has refused this one. With
        // one, the fast path served no block at all, so that this one is looked at here for the first time.
        let may_be_live = self.counters.slow_path_reasons != 0 && !self.is_retiring(block);
        // SAFETY: as the caller promises.
        if may_be_live && unsafe { self.free_below(block, self.counters.first_unused) }.is_some() {
            return Ok(());
        }
        Err(self.refuse(block))
    }

    /// Counts that `block` is refused, and names the reason.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_refuse"))]
    pub(super) fn refuse(&mut self, block: *mut u8) -> Error {
        self.counters.count_refused();
        let is_block = self.index_of(block).is_some();
        if is_block { Error::DoubleFree } else { Error::NotABlock }
    }

    /// Keeps the last `blocks` free blocks for [`alloc_from_isr`](Self::alloc_from_isr); 0 for none. O(1). With a reserve
    /// every operation takes the slow path.
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`] if the pool does not have so many blocks, or is one [without checks](crate::NoChecks),
    /// which keeps no reserve; nothing is changed.
    pub fn set_reserve(&mut self, blocks: usize) -> Result<(), Error> {
        match u32::try_from(blocks) {
            Ok(reserve) if M::LINKS_CHECKED && blocks <= self.geometry.capacity() => {
                self.counters.reserve = reserve;
                self.set_slow_path_reason(RESERVE, reserve > 0);
                Ok(())
            }
            _ => Err(Error::ReserveTooLarge),
        }
    }

    /// Sets how many tasks wait for a block. O(1). While there are any, every operation takes the slow path, so that a free
    /// serves them. As many free blocks are kept for them: a caller that comes later gets none of these, whether or not
    /// the tasks have been served yet.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_waiting"))]
    pub fn set_waiting(&mut self, tasks: usize) {
        self.counters.waiting = if tasks < MANY_TASKS as usize { tasks as u8 } else { MANY_TASKS };
        self.set_slow_path_reason(WAITING_TASKS, tasks > 0);
    }

    /// Number of waiting tasks; larger than any capacity if they are too many to be counted.
    fn waiting(&self) -> usize {
        if self.counters.waiting == MANY_TASKS { usize::MAX } else { self.counters.waiting.into() }
    }

    /// Sets whether diagnostics are on. While they are, every operation takes the slow path, where they see it. O(1).
    pub fn set_diagnostics(&mut self, on: bool) {
        self.set_slow_path_reason(DIAGNOSTICS, on);
    }

    /// Sets whether blocks are [retiring](Self::begin_free), so that every operation must take the slow path. O(1). Each
    /// `begin_free` turns it on. The owner of the pool counts retiring blocks and turns it off when there are none.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_retiring"))]
    pub fn set_retiring(&mut self, retiring: bool) {
        self.set_slow_path_reason(RETIRING_BLOCKS, retiring);
    }

    /// Number of free blocks besides the reserve and those kept for tasks that [wait](Self::set_waiting). O(1).
    #[inline]
    pub fn available(&self) -> usize {
        self.unreserved().saturating_sub(self.waiting())
    }

    /// Number of free blocks besides the reserve: the blocks that waiting tasks can be granted. O(1).
    #[inline]
    pub(crate) fn unreserved(&self) -> usize {
        self.free_blocks().saturating_sub(self.counters.reserve as usize)
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_slow_path_reason"))]
    fn set_slow_path_reason(&mut self, reason: u8, holds: bool) {
        self.counters.set_slow_path_reason(reason, holds);
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_set_first_unused"))]
    pub(super) fn set_first_unused(&mut self, index: usize) {
        self.counters.set_first_unused(index);
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_exhausted"))]
    fn exhausted(&mut self) -> Result<NonNull<u8>, Error> {
        self.counters.count_exhausted();
        Err(Error::Exhausted)
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_damaged"))]
    fn damaged(&mut self) -> Result<NonNull<u8>, Error> {
        self.counters.count_damaged();
        Err(Error::Corrupt)
    }

    /// Counts damage that the owner of the pool found. O(1).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_count_damage"))]
    pub fn count_damage(&mut self) {
        self.counters.count_damaged();
    }
}
