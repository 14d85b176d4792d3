//! What looks at every block: checking, repairing, preparing. O(capacity), far from the hot path.

use core::ptr::{NonNull, null_mut};

use super::{FreeList, Link};
use crate::allocation_map::{AllocationMap, ByteMap, FREE, LIVE, NEVER_ALLOCATED};
use crate::{Error, Stats, StatsBuilder};

impl<M: AllocationMap> FreeList<'_, M> {
    /// Walks the list and the marks, and says whether they tell the same story. O(capacity), bounded even if the
    /// list is a cycle.
    ///
    /// ```text
    ///  walk: at most `free_list_len` steps, each to a block whose mark is free, then null
    ///        a list that ends cannot hold a block twice     -> no duplicates
    ///  marks: exactly `free_list_len` free ones below `first_unused`      -> no block is lost
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        if *self.free_list_len > self.counters.first_unused {
            return Err(Error::Corrupt);
        }
        let mut at = *self.head;
        for _ in 0..*self.free_list_len {
            let free_list_len = self.index_below(at.addr(), self.counters.first_unused);
            if free_list_len.is_none_or(|index| self.is_claimed(index)) {
                return Err(Error::Corrupt);
            }
            // SAFETY: the index proves the address to be a block of ours; it is free, so no owner's data is read.
            at = unsafe { self.link(at.addr()).as_ref().next };
        }
        let unclaimed = (0..self.counters.first_unused).filter(|&index| !self.is_claimed(index)).count();
        let told_alike = at.is_null() && (!M::RECORDS_OWNERS || unclaimed == *self.free_list_len);
        told_alike.then_some(()).ok_or(Error::Corrupt)
    }

    /// A snapshot. O(capacity): for an owner that has the pool to itself, or [`survey`](Self::survey) for the others.
    pub fn stats(&self) -> Stats {
        StatsBuilder::make(|survey| self.collect_stats(survey))
    }

    /// A part of a [`StatsBuilder`]: at first the counters, then the marks of some blocks. O(64); `true` when it is complete.
    /// A survey that was begun on another pool ends early and says nothing of use; no mark beyond this pool's is read.
    ///
    /// The lowest number of free blocks costs nothing when blocks are taken: they are taken last-in-first-out, so a block
    /// that was never used is taken only when all others are in use, and those left are what was never needed. (Damage
    /// to the list may change the order; then there are fewer, never more, until it is started anew.)
    pub fn collect_stats(&self, survey: &mut StatsBuilder) -> bool {
        if survey.begins() {
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
            survey.begin(stats, self.counters.first_unused);
        }
        // SAFETY: below `first_unused`, which is at most the capacity. (A survey that another pool began may have a larger end.)
        survey.look(self.counters.first_unused, |index| unsafe { self.marks.is_never_allocated(index) })
    }
}

impl<const OFFSET: usize> FreeList<'_, ByteMap<OFFSET>> {
    /// Puts every block that was never free_list_len on the list, lowest address first. O(capacity).
    ///
    /// For an owner that must find every free block on the list; a taken block then never comes from the first_unused part.
    pub fn link_all(&mut self) {
        let mut next = *self.head;
        for index in (self.counters.first_unused..self.geometry.capacity()).rev() {
            // SAFETY: `index` is below the capacity.
            unsafe { self.marks.set(index, NEVER_ALLOCATED) };
            next = self.push_behind(index, next);
        }
        *self.head = next;
        self.set_first_unused(self.geometry.capacity());
    }

    /// Makes the free list anew from the marks, which no overrun of a block reaches, and returns its length in
    /// blocks. O(capacity). Live blocks are not touched.
    pub fn repair(&mut self) -> usize {
        *self.head = null_mut();
        *self.free_list_len = 0;
        // Never-used blocks go to the bottom: they tell the lowest number only while they are the last to be taken.
        for wanted in [NEVER_ALLOCATED, FREE] {
            for index in (0..self.counters.first_unused).rev() {
                // SAFETY: `index` is below `first_unused`, which is at most the capacity.
                if unsafe { self.marks.get(index) } == wanted {
                    *self.head = self.push_behind(index, *self.head);
                }
            }
        }
        *self.free_list_len
    }

    /// Starts the lowest number of free blocks anew from now. O(capacity).
    pub fn reset_lowest_free(&mut self) {
        for index in 0..self.counters.first_unused {
            if !self.is_claimed(index) {
                // SAFETY: `index` is below `first_unused`, which is at most the capacity.
                unsafe { self.marks.set(index, NEVER_ALLOCATED) };
            }
        }
    }

    /// Calls `f` with the address of each live block, lowest first. O(capacity).
    pub fn for_each_live(&self, mut f: impl FnMut(NonNull<u8>)) {
        for index in 0..self.counters.first_unused {
            // SAFETY: `index` is below `first_unused`, which is at most the capacity.
            if unsafe { self.marks.get(index) } == LIVE {
                f(self.link(self.base.addr() + index * self.geometry.stride()).cast());
            }
        }
    }

    /// Links free block `index` in front of `next`, counts it, and returns it as the new front.
    fn push_behind(&mut self, index: usize, next: *mut Link) -> *mut Link {
        let link = self.link(self.base.addr() + index * self.geometry.stride());
        // SAFETY: block `index` is ours and free: nobody else uses it.
        unsafe { link.write(Link { next }) };
        *self.free_list_len += 1;
        link.as_ptr()
    }
}
