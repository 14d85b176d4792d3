//! A reference to a set as the allocator of collections.

use core::alloc::Layout;
use core::ptr::NonNull;

use allocator_api2::alloc::{AllocError, Allocator};

use super::PoolSet;
use crate::RawLock;

/// All bytes of a block.
fn whole<const CLASSES: usize, L: RawLock>(
    set: &PoolSet<'_, CLASSES, L>,
    block: NonNull<u8>,
) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(block, set.bytes_of(block))
}

/// A value without size needs no block.
fn nothing(layout: Layout) -> NonNull<[u8]> {
    NonNull::slice_from_raw_parts(layout.dangling_ptr(), 0)
}

// SAFETY: an allocated block stays where it is until it is freed, for as long as the set borrows the memory, whatever happens
// to the reference; and every copy of the reference is the same allocator.
unsafe impl<const CLASSES: usize, L: RawLock> Allocator for &PoolSet<'_, CLASSES, L> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        let block = self.alloc_raw(layout.size(), layout.align()).map_err(|_| AllocError)?;
        Ok(whole(self, block))
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: as the caller promises. A refusal is counted.
            let _counted = unsafe { self.free_raw(block.as_ptr()) };
        }
    }

    unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        // SAFETY: as the caller promises.
        let block = unsafe { self.realloc_raw(block.as_ptr(), new.size(), new.align()) };
        block.map(|block| whole(self, block)).map_err(|_| AllocError)
    }

    unsafe fn grow_zeroed(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as the caller promises.
        let grown = unsafe { self.grow(block, old, new) }?;
        // SAFETY: the caller owns the block, which has so many bytes.
        unsafe { grown.cast::<u8>().add(old.size()).write_bytes(0, grown.len() - old.size()) };
        Ok(grown)
    }

    unsafe fn shrink(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        if new.size() == 0 {
            // SAFETY: as the caller promises.
            unsafe { self.deallocate(block, old) };
            return Ok(nothing(new));
        }
        // SAFETY: as the caller promises.
        unsafe { self.grow(block, old, new) }
    }
}
