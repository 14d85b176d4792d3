//! Several blocks at once: all of them, or none.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::FreeList;
use crate::Error;
use crate::allocation_map::{ByteMap, FREE, LIVE};

impl<const OFFSET: usize> FreeList<'_, ByteMap<OFFSET>> {
    /// Fills `blocks` with allocated blocks, whose content is undefined. O(n), n being their number.
    ///
    /// # Errors
    ///
    /// Then no block is allocated: [`Error::BatchTooLarge`] if the pool never has so many, [`Error::Exhausted`] if it
    /// does not have so many now, [`Error::Corrupt`].
    pub fn alloc_batch(&mut self, blocks: &mut [MaybeUninit<NonNull<u8>>]) -> Result<(), Error> {
        if blocks.len() > self.geometry.capacity() {
            return Err(Error::BatchTooLarge);
        }
        if blocks.len() > self.available() {
            self.counters.count_exhausted();
            return Err(Error::Exhausted);
        }
        let mut allocated = 0;
        let failed = blocks.iter_mut().find_map(|room| match self.alloc() {
            Ok(block) => {
                room.write(block);
                allocated += 1;
                None
            }
            Err(error) => Some(error),
        });
        let Some(error) = failed else { return Ok(()) };
        // In reverse order, so that the list is as it was.
        for block in blocks.iter().take(allocated).rev() {
            // SAFETY: written above; this function is the only owner.
            let _accepted = unsafe { self.free(block.assume_init().as_ptr()) };
        }
        Err(error)
    }

    /// Frees `blocks`. O(n), n being their number; the addresses may be anything.
    ///
    /// # Errors
    ///
    /// Then no block is freed, and one refusal is counted: [`Error::BatchTooLarge`] if the pool does not have so
    /// many; otherwise [`Error::NotABlock`] or [`Error::DoubleFree`] (also if a block comes twice), with the position of
    /// the first address that is wrong.
    ///
    /// # Safety
    ///
    /// The owner of each that is a live block of this pool gives it up.
    pub unsafe fn free_batch(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        if blocks.len() > self.geometry.capacity() {
            return Err((0, Error::BatchTooLarge));
        }
        // First the map, in which a wrong address shows and a change can be undone; then the links, which cannot fail.
        for (at, block) in blocks.iter().enumerate() {
            let index = self.index_below(block.addr(), self.counters.first_unused);
            // The whole state is compared, as on every slow path: a retiring block cannot be freed.
            // SAFETY: the index is below `first_unused`, which is at most the capacity.
            let live = index.filter(|index| unsafe { self.map.get(*index) } == LIVE);
            if let Some(index) = live {
                // SAFETY: as above.
                unsafe { self.map.set(index, FREE) };
            } else {
                let released = blocks.iter().take(at);
                for index in
                    released.filter_map(|block| self.index_below(block.addr(), self.counters.first_unused))
                {
                    // SAFETY: as above.
                    unsafe { self.map.set(index, LIVE) };
                }
                return Err((at, self.refuse(*block)));
            }
        }
        for block in blocks {
            // SAFETY: the map said that it was live, and its owner gave it up.
            unsafe { self.push(*block) };
        }
        Ok(())
    }
}
