//! Operations on every block: validate, repair, statistics, preparation. O(capacity), far from the fast path.

use core::ptr::{NonNull, null_mut};

use super::{FreeList, Link};
use crate::allocation_map::{AllocationMap, ByteMap, FREE, LIVE, NEVER_ALLOCATED};
use crate::{Error, Stats, StatsBuilder};

impl<M: AllocationMap> FreeList<'_, M> {
    /// Walks the list and the allocation map, and checks that they agree. O(capacity), bounded even if the list is a
    /// cycle.
    ///
    /// ```text
    ///  list: at most free_list_len steps, each to a block that the map calls free, then null
    ///        a list that ends cannot hold a block twice          -> no duplicates
    ///  map:  exactly free_list_len free blocks below first_unused -> no block is lost
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        if *self.len > self.counters.first_unused {
            return Err(Error::Corrupt);
        }
        let mut at = *self.head;
        for _ in 0..*self.len {
            let index = self.index_below(at.addr(), self.counters.first_unused);
            if index.is_none_or(|index| self.is_claimed(index)) {
                return Err(Error::Corrupt);
            }
            // SAFETY: the index proves the address to be a block of this pool; it is free, so no owner's data is read.
            at = unsafe { self.link(at.addr()).as_ref().next };
        }
        let unclaimed = (0..self.counters.first_unused).filter(|&index| !self.is_claimed(index)).count();
        let they_agree = at.is_null() && (!M::RECORDS_OWNERS || unclaimed == *self.len);
        they_agree.then_some(()).ok_or(Error::Corrupt)
    }

    /// A snapshot. O(capacity): for an owner that has the pool to itself. Others call
    /// [`collect_stats`](Self::collect_stats) in several critical sections.
    pub fn stats(&self) -> Stats {
        StatsBuilder::build(|builder| self.collect_stats(builder))
    }

    /// One step of a [`StatsBuilder`]: first the counters, then the states of some blocks. O(64); `true` when it is
    /// complete. If `builder` was begun on another pool, it ends early, and no state beyond the end of this pool is read.
    ///
    /// An alloc does nothing for the lowest number of free blocks: blocks are allocated last-in-first-out, so one that was
    /// never allocated is allocated only when all others are in use. The number of those that were never allocated is the
    /// lowest number of free blocks. (Damage to the list may change the order; then the number is too low, never too high,
    /// until it is reset.)
    pub fn collect_stats(&self, builder: &mut StatsBuilder) -> bool {
        if builder.is_empty() {
            let capacity = self.geometry.capacity();
            let stats = Stats {
                stride_bytes: self.geometry.stride(),
                capacity,
                free: self.free_blocks(),
                lowest_free: capacity - self.counters.first_unused,
                exhausted: self.counters.exhausted,
                refused: self.counters.refused,
                damaged: self.counters.damaged.into(),
            };
            builder.begin(stats, self.counters.first_unused);
        }
        // SAFETY: below `first_unused`, which is at most the capacity. (The end that another pool set may be larger.)
        builder.count_never_allocated(self.counters.first_unused, |index| unsafe {
            self.map.is_never_allocated(index)
        })
    }
}

impl<const OFFSET: usize> FreeList<'_, ByteMap<OFFSET>> {
    /// Puts every block that was never on the list on it, lowest address first. O(capacity).
    ///
    /// For an owner whose users read the list: then an alloc always takes its block from the list.
    pub fn link_all(&mut self) {
        let mut next = *self.head;
        for index in (self.counters.first_unused..self.geometry.capacity()).rev() {
            // SAFETY: `index` is below the capacity.
            unsafe { self.map.set(index, NEVER_ALLOCATED) };
            next = self.link_in_front_of(next, index);
        }
        *self.head = next;
        self.set_first_unused(self.geometry.capacity());
    }

    /// Rebuilds the free list from the allocation map, which no overrun of a block reaches, and returns its length in
    /// blocks. O(capacity). Live blocks are not touched.
    pub fn repair(&mut self) -> usize {
        *self.head = null_mut();
        *self.len = 0;
        // Blocks that were never allocated go to the end: they show the lowest number of free blocks only while they are
        // the last to be allocated.
        for wanted in [NEVER_ALLOCATED, FREE] {
            for index in (0..self.counters.first_unused).rev() {
                // SAFETY: `index` is below `first_unused`, which is at most the capacity.
                if unsafe { self.map.get(index) } == wanted {
                    *self.head = self.link_in_front_of(*self.head, index);
                }
            }
        }
        *self.len
    }

    /// Resets the lowest number of free blocks to the current one. O(capacity).
    pub fn reset_lowest_free(&mut self) {
        for index in 0..self.counters.first_unused {
            if !self.is_claimed(index) {
                // SAFETY: `index` is below `first_unused`, which is at most the capacity.
                unsafe { self.map.set(index, NEVER_ALLOCATED) };
            }
        }
    }

    /// Calls `f` with the address of each live block, lowest first. O(capacity).
    pub fn for_each_live(&self, mut f: impl FnMut(NonNull<u8>)) {
        for index in 0..self.counters.first_unused {
            // SAFETY: `index` is below `first_unused`, which is at most the capacity.
            if unsafe { self.map.get(index) } == LIVE {
                f(self.block_at(index));
            }
        }
    }

    /// Links free block `index` in front of `next`, counts it, and returns it as the new front.
    fn link_in_front_of(&mut self, next: *mut Link, index: usize) -> *mut Link {
        let link = self.block_at(index).cast::<Link>();
        // SAFETY: block `index` is free, so nothing else uses it.
        unsafe { link.write(Link { next }) };
        *self.len += 1;
        link.as_ptr()
    }
}
