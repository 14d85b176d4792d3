//! Vectors and slices of a run-time length, allocated in one step from any pool.

use core::iter::repeat_n;

use crate::dyn_pool::all_aligned_for;
use crate::{Checks, DynPool, Error, Pool, PoolBox, PoolSet, PoolVec, RawLock, Reclaim};

/// A pool whose blocks hold vectors and slices of `T`: one of arrays ([`Pool`], [`AtomicPool`](crate::AtomicPool)), or of bytes
/// ([`DynPool`], [`PoolSet`]).
///
/// Implemented for references, so that a static pool's slices are `'static`.
///
/// ```
/// use core::mem::MaybeUninit;
/// use microusc_pool::{AllocSlice, DynPool, Error, NoLock};
///
/// let mut memory = [MaybeUninit::uninit(); 1000];
/// let pool: DynPool<NoLock> = DynPool::new(&mut memory, 64, 8)?;
/// let squares = pool.alloc_slice((1..6u32).map(|n| n * n))?;
/// assert_eq!(*squares, [1, 4, 9, 16, 25]);
/// assert_eq!(pool.alloc_slice_filled(65, b' ').err(), Some(Error::NoRoom));
/// # Ok::<(), Error>(())
/// ```
pub trait AllocSlice<'p, T>: Sized {
    /// The pool whose blocks they are.
    type Pool: Reclaim + ?Sized + 'p;

    /// An empty vector with room for at least `capacity` elements. Cost: the pool's alloc.
    ///
    /// # Errors
    ///
    /// [`Error::NoRoom`] if no block of the pool ever has so much room ([`Error::NoClass`] of a set), [`Error::TooLarge`] if
    /// no memory has, [`Error::UnsuitableMemory`] if not all of its blocks are as aligned as a `T` ([`Error::NoClass`] of a
    /// set), and then no block is allocated; the errors of the pool's alloc.
    fn alloc_vec(self, capacity: usize) -> Result<PoolVec<'p, T, Self::Pool>, Error>;

    /// A slice of the items of `values`: as many as its `len` says, or fewer if it ends before. Cost: the pool's alloc,
    /// and the iteration, outside of every lock.
    ///
    /// If the iterator panics, the items so far are dropped and the block is freed.
    ///
    /// # Errors
    ///
    /// As [`alloc_vec`](Self::alloc_vec), and then the iterator is not advanced. It is dropped with its items, unless it was
    /// borrowed: after `alloc_slice(&mut values)` the caller still has it and may try again.
    fn alloc_slice<I>(self, values: I) -> Result<PoolBox<'p, [T], Self::Pool>, Error>
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let values = values.into_iter();
        let wanted = values.len();
        let mut slice = self.alloc_vec(wanted)?;
        values.take(wanted).try_for_each(|value| slice.push(value))?;
        Ok(slice.into_boxed_slice())
    }

    /// A slice that is a copy of `values`. Cost as [`alloc_slice`](Self::alloc_slice).
    ///
    /// # Errors
    ///
    /// As [`alloc_vec`](Self::alloc_vec).
    fn alloc_slice_copy(self, values: &[T]) -> Result<PoolBox<'p, [T], Self::Pool>, Error>
    where
        T: Copy,
    {
        let mut slice = self.alloc_vec(values.len())?;
        slice.extend_from_slice(values)?;
        Ok(slice.into_boxed_slice())
    }

    /// A slice of `len` clones of `value`. Cost as [`alloc_slice`](Self::alloc_slice).
    ///
    /// # Errors
    ///
    /// As [`alloc_vec`](Self::alloc_vec). The value is dropped; a caller that needs it passes a clone.
    fn alloc_slice_filled(self, len: usize, value: T) -> Result<PoolBox<'p, [T], Self::Pool>, Error>
    where
        T: Clone,
    {
        self.alloc_slice(repeat_n(value, len))
    }
}

/// Bytes of `count` values.
fn bytes_of<T>(count: usize) -> Result<usize, Error> {
    size_of::<T>().checked_mul(count).ok_or(Error::TooLarge)
}

impl<T, const K: usize, const N: usize, L: RawLock, M: Checks> AllocSlice<'static, T>
    for &'static Pool<[T; K], N, L, M>
{
    type Pool = Pool<[T; K], N, L, M>;

    fn alloc_vec(self, capacity: usize) -> Result<PoolVec<'static, T, Self::Pool>, Error> {
        if capacity > K { Err(Error::NoRoom) } else { self.alloc_uninit().map(PoolVec::new) }
    }
}

impl<'p, T, L: RawLock> AllocSlice<'p, T> for &'p DynPool<'_, L> {
    type Pool = DynPool<'p, L>;

    fn alloc_vec(self, capacity: usize) -> Result<PoolVec<'p, T, Self::Pool>, Error> {
        if bytes_of::<T>(capacity)? > self.geometry().stride() {
            return Err(Error::NoRoom);
        }
        // All blocks must be aligned, not only the next one: so the answer is always the same, and needs no block.
        if !all_aligned_for::<T>(self.base(), &self.geometry()) {
            return Err(Error::UnsuitableMemory);
        }
        Ok(PoolVec::in_bytes(self.alloc()?)?)
    }
}

impl<'p, T, const CLASSES: usize, L: RawLock> AllocSlice<'p, T> for &'p PoolSet<'_, CLASSES, L> {
    type Pool = PoolSet<'p, CLASSES, L>;

    fn alloc_vec(self, capacity: usize) -> Result<PoolVec<'p, T, Self::Pool>, Error> {
        Ok(PoolVec::in_bytes(self.alloc(bytes_of::<T>(capacity)?, align_of::<T>())?)?)
    }
}
