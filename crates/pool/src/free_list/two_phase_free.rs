//! Returning blocks in two steps, for an owner of the pool that does something to them in between with the lock open.
//!
//! ```text
//!                 begin_free                finish_free
//!   LIVE  ------------------->  RETIRING  ------------->  FREE, on the list
//!         <-------------------
//!               cancel_free
//! ```
//!
//! A block that is leaving counts as in use, is on no list, and belongs to nobody but who began: to return it again is a
//! double free, and a forged link to it is damage. The fast path does not tell it from a block in use, so it is closed from
//! the first `begin_free` until the pool's owner, which counts them, says that no block is leaving any more
//! ([`set_retiring`](FreeList::set_retiring)).

use core::ptr::NonNull;

use super::{FreeList, Link};
use crate::Error;
use crate::allocation_map::{ByteMap, FREE, LIVE, RETIRING};

impl<const OFFSET: usize> FreeList<'_, ByteMap<OFFSET>> {
    /// Takes `block` from its owner. O(1). The address may be anything.
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free).
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free): if `block` is a live block of this pool, then its owner gives it up, to the caller. From now
    /// on it is the caller's, until [`finish_free`](Self::finish_free) or [`cancel_free`](Self::cancel_free).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_begin_put"))]
    pub unsafe fn begin_free(&mut self, block: *mut u8) -> Result<(), Error> {
        match self.marked(block, LIVE) {
            Some(index) => {
                // SAFETY: the index of a block.
                unsafe { self.marks.set(index, RETIRING) };
                self.set_retiring(true);
                Ok(())
            }
            None => Err(self.refuse(block)),
        }
    }

    /// Gives `block`, which is leaving, to its owner again. O(1). Any other address changes nothing.
    ///
    /// # Safety
    ///
    /// If `block` is leaving, then it was the caller who [began](Self::begin_free).
    pub unsafe fn cancel_free(&mut self, block: *mut u8) {
        if let Some(index) = self.marked(block, RETIRING) {
            // SAFETY: the index of a block.
            unsafe { self.marks.set(index, LIVE) };
        }
    }

    /// Puts `block`, which is leaving, on the list; `false` if it was not leaving. O(1).
    ///
    /// # Safety
    ///
    /// If `block` is leaving, then it was the caller who [began](Self::begin_free), and the caller does not use it again.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_finish_put"))]
    pub unsafe fn finish_free(&mut self, block: *mut u8) -> bool {
        let Some(index) = self.marked(block, RETIRING) else { return false };
        let link = self.link(block.addr());
        // SAFETY: the index of a block that belongs to nobody but the caller; so it is aligned, and ours.
        unsafe {
            self.marks.set(index, FREE);
            link.write(Link { next: *self.head });
        }
        *self.head = link.as_ptr();
        *self.free_list_len = self.free_list_len.wrapping_add(1);
        true
    }

    /// Begins with all of `blocks`, or with none. O(n), n being their number; the addresses may be anything.
    ///
    /// # Errors
    ///
    /// As [`free_batch`](Self::free_batch).
    ///
    /// # Safety
    ///
    /// As [`begin_free`](Self::begin_free), for each of `blocks`.
    pub unsafe fn begin_free_batch(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        if blocks.len() > self.geometry.capacity() {
            return Err((0, Error::BatchTooLarge));
        }
        for (at, block) in blocks.iter().enumerate() {
            // SAFETY: as the caller promises.
            if let Err(error) = unsafe { self.begin_free(*block) } {
                // SAFETY: begun above.
                blocks.iter().take(at).for_each(|begun| unsafe { self.cancel_free(*begun) });
                return Err((at, error));
            }
        }
        Ok(())
    }

    /// Block `index`, if it is free: nobody uses it as long as the lock is held. O(1).
    pub fn free_block_at(&self, index: usize) -> Option<NonNull<u8>> {
        let is_free = index < self.geometry.capacity() && !self.is_claimed(index);
        is_free.then(|| self.link(self.base.addr() + index * self.geometry.stride()).cast())
    }

    /// Counts damage that somebody else found. O(1).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_count_damage"))]
    pub fn count_damage(&mut self) {
        self.counters.damaged = self.counters.damaged.saturating_add(1);
    }

    /// The index of `block`, if it has this mark.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_marked"))]
    fn marked(&self, block: *mut u8, mark: u8) -> Option<usize> {
        // SAFETY: the index of a block.
        self.index_of(block).filter(|index| unsafe { self.marks.get(*index) } == mark)
    }
}
