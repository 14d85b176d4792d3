//! Values and slices in blocks of the class that fits them.

use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::PoolSet;
use crate::{Error, PoolBox, RawLock, Rejected};

impl<const CLASSES: usize, L: RawLock> PoolSet<'_, CLASSES, L> {
    /// Takes a block as bytes, all of those that it has: at least `size`, aligned to `align`. Their content is whatever
    /// was there. Cost as [`alloc_raw`](Self::alloc_raw).
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw).
    pub fn alloc(&self, size: usize, align: usize) -> Result<PoolBox<'_, [MaybeUninit<u8>], Self>, Error> {
        let start = self.alloc_raw(size, align)?;
        let bytes = NonNull::slice_from_raw_parts(start.cast(), self.bytes_of(start));
        // SAFETY: just taken; a block is a stride long, and any byte is a `MaybeUninit`.
        Ok(unsafe { PoolBox::from_parts(self, bytes) })
    }

    /// Moves `value` into a block. Cost as [`alloc_raw`](Self::alloc_raw), and the move, outside of every lock.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw), with the value given back.
    pub fn alloc_value<T>(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        match self.alloc_raw(size_of::<T>(), align_of::<T>()) {
            Ok(block) => {
                let block = block.cast::<T>();
                // SAFETY: the block is ours, and as large and aligned as a `T`.
                unsafe { block.write(value) };
                // SAFETY: just taken and written.
                Ok(unsafe { PoolBox::from_parts(self, block) })
            }
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// A slice of `len` clones of `value`. Cost as [`alloc_raw`](Self::alloc_raw), and O(`len`) outside of every lock.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw); [`Error::TooLarge`] if so many `T` exceed the address space.
    pub fn alloc_slice_filled<T: Clone>(
        &self,
        len: usize,
        value: T,
    ) -> Result<PoolBox<'_, [T], Self>, Error> {
        self.alloc_slice(core::iter::repeat_n(value, len))
    }

    /// A slice of what `values` yields, as many as its `len` says, or fewer if it ends before. Cost as
    /// [`alloc_raw`](Self::alloc_raw), and the iteration, outside of every lock.
    ///
    /// Should the iterator panic, what it had yielded is dropped and the block returned.
    ///
    /// ```
    /// # use core::mem::MaybeUninit;
    /// # use microusc_pool::{NoLock, PoolSet, SizeClass};
    /// # let mut memory = [MaybeUninit::uninit(); 2000];
    /// # let classes = [SizeClass { block_size: 64, blocks: 4 }];
    /// # let set: PoolSet<1, NoLock> = PoolSet::new(&mut memory, 8, &classes)?;
    /// let squares = set.alloc_slice((1..6u32).map(|n| n * n))?;
    /// assert_eq!(*squares, [1, 4, 9, 16, 25]);
    /// # drop(squares);
    /// # Ok::<(), microusc_pool::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw), and then nothing is taken from the iterator; [`Error::TooLarge`] if so many
    /// `T` exceed the address space.
    pub fn alloc_slice<I>(&self, values: I) -> Result<PoolBox<'_, [I::Item], Self>, Error>
    where
        I: IntoIterator<IntoIter: ExactSizeIterator>,
    {
        let values = values.into_iter();
        let wanted = values.len();
        let bytes = size_of::<I::Item>().checked_mul(wanted).ok_or(Error::TooLarge)?;
        let start = self.alloc_raw(bytes, align_of::<I::Item>())?.cast::<I::Item>();
        let filled = |len| {
            // SAFETY: the block is ours, and its first `len` values were written.
            unsafe { PoolBox::from_parts(self, NonNull::slice_from_raw_parts(start, len)) }
        };
        // The handle always owns exactly what was written, whatever `next` does.
        let mut slice = filled(0);
        for (at, value) in values.take(wanted).enumerate() {
            // SAFETY: `at` is below `wanted`, for which the block was taken.
            unsafe { start.add(at).write(value) };
            let _same_block = PoolBox::into_raw(slice);
            slice = filled(at + 1);
        }
        Ok(slice)
    }
}
