//! Several blocks at once: all of them, or none.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::FreeList;
use crate::allocation_map::{ByteMap, FREE, LIVE};
use crate::{Error, Link};

impl<const OFFSET: usize> FreeList<'_, ByteMap<OFFSET>> {
    /// Fills `blocks` with free blocks. O(n), n being their number; their content is whatever was there.
    ///
    /// # Errors
    ///
    /// Then no block is taken: [`Error::BatchTooLarge`] if the pool never has so many, [`Error::Exhausted`] if it has
    /// not now, [`Error::Corrupt`].
    pub fn alloc_batch(&mut self, blocks: &mut [MaybeUninit<NonNull<u8>>]) -> Result<(), Error> {
        if blocks.len() > self.geometry.capacity() {
            return Err(Error::BatchTooLarge);
        }
        if blocks.len() > self.available() {
            self.counters.exhausted = self.counters.exhausted.saturating_add(1);
            return Err(Error::Exhausted);
        }
        let mut taken = 0;
        let failed = blocks.iter_mut().find_map(|room| match self.alloc() {
            Ok(block) => {
                room.write(block);
                taken += 1;
                None
            }
            Err(error) => Some(error),
        });
        let Some(error) = failed else { return Ok(()) };
        // Last taken, first returned: the list is as it was.
        for block in blocks.iter().take(taken).rev() {
            // SAFETY: written above, and nobody else's.
            let _ours = unsafe { self.free(block.assume_init().as_ptr()) };
        }
        Err(error)
    }

    /// Returns `blocks`. O(n), n being their number; the addresses may be anything.
    ///
    /// # Errors
    ///
    /// Then no block is returned, and one refusal is counted: [`Error::BatchTooLarge`] if the pool does not have so
    /// many; otherwise [`Error::NotABlock`] or [`Error::DoubleFree`] (also of one that comes twice), with the number
    /// of the first that is wrong.
    ///
    /// # Safety
    ///
    /// Each that is a live block of this pool is its owner's to give up.
    pub unsafe fn free_batch(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        if blocks.len() > self.geometry.capacity() {
            return Err((0, Error::BatchTooLarge));
        }
        // First the marks, which tell right from wrong and can be put back; then the links, which cannot fail.
        for (at, block) in blocks.iter().enumerate() {
            let index = self.index_below(block.addr(), self.counters.first_unused);
            // The whole mark is compared, as for every slow path: a block that is leaving is none to return.
            // SAFETY: the index is below `first_unused`, which is at most the capacity.
            let live = index.filter(|index| unsafe { self.marks.get(*index) } == LIVE);
            if let Some(index) = live {
                // SAFETY: as above.
                unsafe { self.marks.set(index, FREE) };
            } else {
                let released = blocks.iter().take(at);
                for index in
                    released.filter_map(|block| self.index_below(block.addr(), self.counters.first_unused))
                {
                    // SAFETY: as above.
                    unsafe { self.marks.set(index, LIVE) };
                }
                return Err((at, self.refuse(*block)));
            }
        }
        for block in blocks {
            let link = self.link(block.addr());
            // SAFETY: its mark says that it was live, and it is the caller's to give.
            unsafe { link.write(Link { next: *self.head }) };
            *self.head = link.as_ptr();
            *self.free_list_len = self.free_list_len.wrapping_add(1);
        }
        Ok(())
    }
}
