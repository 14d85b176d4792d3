//! Vectors of a run-time length, in one block each, of any pool.
//!
//! ```text
//!   PoolBox<MaybeUninit<[T; K]>>  --new------.                              .--into_boxed_slice--> PoolBox<[T]>
//!                                            +--> PoolVec<T> --push, pop--> |
//!   PoolBox<[MaybeUninit<u8>]>  --in_bytes---'                              '--dropped--> elements, then the block
//! ```
//!
//! A vector has a block and a length; it works with blocks of every pool.

use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::ptr::{NonNull, slice_from_raw_parts_mut};
use core::slice;

use crate::{Error, PoolBox, Reclaim, Rejected};

/// A block of bytes, as [`DynPool`](crate::DynPool) and [`PoolSet`](crate::PoolSet) allocate it.
pub type Bytes<'p, P> = PoolBox<'p, [MaybeUninit<u8>], P>;

/// A vector in one block of a pool. It grows up to the size of the block.
///
/// It is four words. Its elements are dropped first, then the block is freed. It may be sent to another thread, or dropped in
/// an interrupt, exactly when a [`PoolBox`] of its elements may.
///
/// * Cost: each operation is that of `Vec` without its growing: O(1), or O(elements copied or dropped). No critical
///   section, but for the pool's own free at the end.
/// * Context: any; it may be dropped where the pool's free is allowed.
///
/// ```
/// use microusc_pool::{AllocSlice, Error, Pool, PoolVec};
///
/// static LINES: Pool<[u8; 80], 4> = Pool::new();
///
/// let mut line = PoolVec::new(LINES.alloc_uninit()?);
/// line.extend_from_slice(b"21.5 ")?;
/// line.push(b'C')?;
/// assert_eq!((&*line, line.capacity()), (&b"21.5 C"[..], 80));
///
/// let sent = line.into_boxed_slice(); // the same block, now of a fixed length
/// assert_eq!((sent.len(), LINES.stats().used()), (6, 1));
/// # drop(sent);
///
/// let copy = LINES.alloc_slice_copy(b"offline")?; // both steps at once
/// assert_eq!(LINES.alloc_slice_copy(&[0; 81]).err(), Some(Error::NoRoom));
/// # drop(copy);
/// # Ok::<(), Error>(())
/// ```
///
/// In a block of bytes:
///
/// ```
/// use core::mem::{ManuallyDrop, MaybeUninit};
/// use microusc_pool::{DynPool, Error, NoLock, PoolVec};
///
/// let mut memory = [MaybeUninit::uninit(); 1000];
/// let pool: DynPool<NoLock> = DynPool::new(&mut memory, 64, 8)?;
/// let mut samples = PoolVec::in_bytes(pool.alloc()?)?;
/// while samples.push(7u32).is_ok() {}
/// assert_eq!(samples.len(), 16);
/// assert_eq!(samples.push(8).unwrap_err().value, 8); // the value is not lost
/// # Ok::<(), Error>(())
/// ```
pub struct PoolVec<'p, T, P: Reclaim + ?Sized> {
    /// The first `len` of them are values. Its drop frees the block and does not drop the values.
    room: PoolBox<'p, [MaybeUninit<T>], P>,
    len: usize,
}

impl<'p, T, P: Reclaim + ?Sized> PoolVec<'p, T, P> {
    /// An empty vector of up to `K` elements. O(1), no critical section.
    #[inline]
    pub fn new<const K: usize>(block: PoolBox<'p, MaybeUninit<[T; K]>, P>) -> Self {
        let pool = PoolBox::pool(&block);
        let room = NonNull::slice_from_raw_parts(PoolBox::into_raw(block).cast(), K);
        // SAFETY: the handle owned the block, an array of `K`; as a `MaybeUninit` each element is valid.
        Self { room: unsafe { PoolBox::from_parts(pool, room) }, len: 0 }
    }

    /// An empty vector of as many elements as fit the bytes: none, if one is larger; `usize::MAX`, if an element has no
    /// size. O(1) with one division, no critical section.
    ///
    /// # Errors
    ///
    /// [`Error::UnsuitableMemory`] if a `T` is more strictly aligned than the block is. The block is returned.
    #[inline]
    pub fn in_bytes(block: Bytes<'p, P>) -> Result<Self, Rejected<Bytes<'p, P>>> {
        if !block.as_ptr().addr().is_multiple_of(align_of::<T>()) {
            return Err(Rejected { error: Error::UnsuitableMemory, value: block });
        }
        let capacity = block.len().checked_div(size_of::<T>()).unwrap_or(usize::MAX);
        let pool = PoolBox::pool(&block);
        let room = NonNull::slice_from_raw_parts(PoolBox::into_raw(block).cast(), capacity);
        // SAFETY: the handle owned the block, it is aligned as checked, and so many `T` fit its bytes; as a `MaybeUninit`
        // each is valid.
        Ok(Self { room: unsafe { PoolBox::from_parts(pool, room) }, len: 0 })
    }

    /// The number of elements that fit the block. O(1).
    #[inline]
    pub fn capacity(&self) -> usize {
        self.room.len()
    }

    /// Appends a value. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::NoRoom`], with the value returned.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Rejected<T>> {
        match self.room.get_mut(self.len) {
            Some(free) => {
                free.write(value);
                self.len += 1;
                Ok(())
            }
            None => Err(Rejected { error: Error::NoRoom, value }),
        }
    }

    /// Appends clones of all `values`, or none if there is not room for all. O(`values`).
    ///
    /// # Errors
    ///
    /// [`Error::NoRoom`]; the vector is as it was.
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<(), Error>
    where
        T: Clone,
    {
        if values.len() > self.capacity() - self.len {
            return Err(Error::NoRoom);
        }
        // One at a time: if a clone panics, the vector has those before it.
        values.iter().try_for_each(|value| self.push(value.clone()).map_err(Error::from))
    }

    /// Removes the last value and returns it. O(1).
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: it was a value, and is outside the length from now on.
        Some(unsafe { self.start().add(self.len).read() })
    }

    /// Drops all values after the first `len`. O(values dropped).
    pub fn truncate(&mut self, len: usize) {
        let Some(more) = self.len.checked_sub(len) else { return };
        self.len = len;
        // SAFETY: values up to the old length, which are outside the new one, even if a drop panics.
        unsafe { slice_from_raw_parts_mut(self.start().add(len), more).drop_in_place() };
    }

    /// Drops all values. O(values).
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    #[inline(always)]
    fn start(&mut self) -> *mut T {
        self.room.as_mut_ptr().cast()
    }

    /// Turns the vector into an owner of a slice in the same block. O(1), no critical section.
    #[inline]
    pub fn into_boxed_slice(self) -> PoolBox<'p, [T], P> {
        let len = self.len;
        // SAFETY: the vector is not dropped, so the block has a new owner.
        let room = unsafe { core::ptr::read(&ManuallyDrop::new(self).room) };
        let pool = PoolBox::pool(&room);
        let values = NonNull::slice_from_raw_parts(PoolBox::into_raw(room).cast(), len);
        // SAFETY: the handle owned the block, and so many values are at its start.
        unsafe { PoolBox::from_parts(pool, values) }
    }

    /// Pins the values, as [`PoolBox::into_pin`] does, and for the same pools only. O(1), no critical section.
    #[inline]
    pub fn into_pin(self) -> Pin<Self>
    where
        'p: 'static,
        P: 'static,
    {
        // SAFETY: the values lie in the block, which does not move with the vector. It is freed after they were dropped, or
        // never, since pool and memory exist for ever. Functions that take a value out need the vector itself, which `Pin`
        // hides if the values must not move.
        unsafe { Pin::new_unchecked(self) }
    }
}

impl<T, P: Reclaim + ?Sized> Drop for PoolVec<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        // The block is freed when `room` is dropped, after this, also if a drop here panics.
        self.clear();
    }
}

impl<T, P: Reclaim + ?Sized> Deref for PoolVec<'_, T, P> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: so many are values.
        unsafe { slice::from_raw_parts(self.room.as_ptr().cast(), self.len) }
    }
}

impl<T, P: Reclaim + ?Sized> DerefMut for PoolVec<'_, T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many are values.
        unsafe { slice::from_raw_parts_mut(self.start(), self.len) }
    }
}

impl<T: fmt::Debug, P: Reclaim + ?Sized> fmt::Debug for PoolVec<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Text as bytes. Text that does not fit as a whole is not written, and is an error.
impl<P: Reclaim + ?Sized> fmt::Write for PoolVec<'_, u8, P> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.extend_from_slice(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
