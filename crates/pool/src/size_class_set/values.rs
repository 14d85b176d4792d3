//! Values in blocks of the class that fits them. Slices: `AllocSlice`.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::PoolSet;
use crate::{Error, PoolBox, RawLock, Rejected};

impl<const CLASSES: usize, L: RawLock> PoolSet<'_, CLASSES, L> {
    /// Allocates a block as bytes, all that it has: at least `size`, aligned to `align`. Their content is undefined. Cost as [`alloc_raw`](Self::alloc_raw).
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw).
    pub fn alloc(&self, size: usize, align: usize) -> Result<PoolBox<'_, [MaybeUninit<u8>], Self>, Error> {
        let start = self.alloc_raw(size, align)?;
        let bytes = NonNull::slice_from_raw_parts(start.cast(), self.bytes_of(start));
        // SAFETY: just allocated; a block is a stride long, and any byte is a `MaybeUninit`.
        Ok(unsafe { PoolBox::from_parts(self, bytes) })
    }

    /// Allocates a block and moves `value` into it. Cost as [`alloc_raw`](Self::alloc_raw), and the move, outside of every lock.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw), with the value returned.
    pub fn alloc_value<T>(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        match self.alloc_raw(size_of::<T>(), align_of::<T>()) {
            Ok(block) => {
                let block = block.cast::<T>();
                // SAFETY: just allocated, and as large and aligned as a `T`.
                unsafe { block.write(value) };
                // SAFETY: just allocated and written.
                Ok(unsafe { PoolBox::from_parts(self, block) })
            }
            Err(error) => Err(Rejected { error, value }),
        }
    }
}
