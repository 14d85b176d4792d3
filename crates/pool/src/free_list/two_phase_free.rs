//! Free in two phases, for an owner of the pool that works on a block in between while the lock is released.
//!
//! ```text
//!                 begin_free                 finish_free
//!   LIVE  --------------------->  RETIRING  ------------->  FREE, on the list
//!         <---------------------
//!               cancel_free
//! ```
//!
//! A retiring block counts as in use, is on no list, and belongs to the caller of `begin_free`: to free it again is a double
//! free, and a forged link to it is damage. The fast path cannot tell it from a block in use. So `begin_free` turns the fast
//! path off, and the owner of the pool, which counts retiring blocks, turns it on again
//! ([`set_retiring`](FreeList::set_retiring)).

use super::FreeList;
use crate::Error;
use crate::allocation_map::{ByteMap, FREE, LIVE, RETIRING};

impl<const OFFSET: usize> FreeList<'_, ByteMap<OFFSET>> {
    /// The first phase: `block` has no owner any more, and is not on the list yet. O(1). The address may be anything.
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free).
    ///
    /// # Safety
    ///
    /// As [`free`](Self::free): if `block` is a live block of this pool, then its owner gives it up to the caller. It is the
    /// caller's until [`finish_free`](Self::finish_free) or [`cancel_free`](Self::cancel_free).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_begin_free"))]
    pub unsafe fn begin_free(&mut self, block: *mut u8) -> Result<(), Error> {
        match self.index_in_state(block, LIVE) {
            Some(index) => {
                // SAFETY: the index of a block.
                unsafe { self.map.set(index, RETIRING) };
                self.set_retiring(true);
                Ok(())
            }
            None => Err(self.refuse(block)),
        }
    }

    /// Makes a retiring `block` live again. O(1). Any other address changes nothing.
    ///
    /// # Safety
    ///
    /// If `block` is retiring, then the caller [began](Self::begin_free) its free.
    pub unsafe fn cancel_free(&mut self, block: *mut u8) {
        if let Some(index) = self.index_in_state(block, RETIRING) {
            // SAFETY: the index of a block.
            unsafe { self.map.set(index, LIVE) };
        }
    }

    /// The second phase: puts a retiring `block` on the list; `false` if it is not retiring. O(1).
    ///
    /// # Safety
    ///
    /// If `block` is retiring, then the caller [began](Self::begin_free) its free, and does not use it again.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_finish_free"))]
    pub unsafe fn finish_free(&mut self, block: *mut u8) -> bool {
        let Some(index) = self.index_in_state(block, RETIRING) else { return false };
        // SAFETY: the index of a block that is on no list and that only the caller used.
        unsafe {
            self.map.set(index, FREE);
            self.push(block);
        }
        true
    }

    /// The first phase for all of `blocks`, or for none. O(n), n being their number; the addresses may be anything.
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

    /// The index of `block`, if the map has it in this state.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_index_in_state"))]
    fn index_in_state(&self, block: *mut u8, state: u8) -> Option<usize> {
        // SAFETY: the index of a block.
        self.index_of(block).filter(|index| unsafe { self.map.get(*index) } == state)
    }
}
