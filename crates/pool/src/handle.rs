//! The owner of a block of a [`Pool`].

use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use crate::{DefaultLock, Error, Marked, Marking, Pool, RawLock};

/// A value in a block of a static pool: owns it, drops it, returns the block.
///
/// Two words. It may be sent to another thread, or dropped in an interrupt, exactly when the pool's lock is `Sync`
/// and the value may be sent. `V` is the type seen in the block: `T`, or `MaybeUninit<T>` before it is filled.
///
/// ```
/// use microusc_pool::{Pool, PoolBox};
///
/// static LINES: Pool<[u8; 80], 4> = Pool::new();
///
/// // Across C and back: the address is the handle.
/// let line = LINES.alloc([b' '; 80]).unwrap();
/// let address = PoolBox::into_raw(line);
/// // SAFETY: `address` came from `into_raw` and is used once.
/// let line = unsafe { PoolBox::from_raw(&LINES, address) }.unwrap();
/// drop(line);
/// assert_eq!(LINES.stats().used(), 0);
/// ```
pub struct PoolBox<
    T: 'static,
    const N: usize,
    L: RawLock + 'static = DefaultLock,
    M: Marking + 'static = Marked,
    V = T,
> {
    pool: &'static Pool<T, N, L, M>,
    value: NonNull<V>,
}

// SAFETY: the handle is the value's only owner, and the pool may be used from the other thread since it is `Sync`.
unsafe impl<T: Send, const N: usize, L: RawLock + Sync, M: Marking, V: Send> Send for PoolBox<T, N, L, M, V> {}
// SAFETY: a shared handle gives out shared references to the value only.
unsafe impl<T: Send, const N: usize, L: RawLock + Sync, M: Marking, V: Sync> Sync for PoolBox<T, N, L, M, V> {}

impl<T, const N: usize, L: RawLock, M: Marking, V> PoolBox<T, N, L, M, V> {
    /// # Safety
    ///
    /// `value` is a block of `pool` that nobody else owns, and holds a valid `V`, which is `T` or `MaybeUninit<T>`.
    #[inline(always)]
    pub(crate) unsafe fn new(pool: &'static Pool<T, N, L, M>, value: NonNull<V>) -> Self {
        Self { pool, value }
    }

    /// Gives the block up as an address, for C or a queue of words; [`from_raw`](PoolBox::from_raw) takes it back.
    /// O(1), no critical section.
    #[inline]
    pub fn into_raw(handle: Self) -> NonNull<V> {
        ManuallyDrop::new(handle).value
    }
}

impl<T, const N: usize, L: RawLock> PoolBox<T, N, L, Marked> {
    /// Takes back what [`into_raw`](Self::into_raw) gave. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::NotABlock`] if the address is not a live block of `pool` (never given out, or freed already).
    ///
    /// # Safety
    ///
    /// 1. If it is a live block, then nobody else owns or uses it from now on.
    /// 2. It holds a valid `T`.
    pub unsafe fn from_raw(pool: &'static Pool<T, N, L, Marked>, address: NonNull<T>) -> Result<Self, Error> {
        if pool.with_raw(|raw| raw.is_live(address.as_ptr().cast())) {
            // SAFETY: as the caller promises.
            Ok(unsafe { Self::new(pool, address) })
        } else {
            Err(Error::NotABlock)
        }
    }
}

impl<T, const N: usize, L: RawLock, M: Marking> PoolBox<T, N, L, M, MaybeUninit<T>> {
    /// Fills the block.
    #[inline]
    pub fn write(self, value: T) -> PoolBox<T, N, L, M> {
        let pool = self.pool;
        let block = Self::into_raw(self).cast::<T>();
        // SAFETY: the block is ours, as large and aligned as a `T`.
        unsafe { block.write(value) };
        // SAFETY: taken from the handle that was consumed, and written.
        unsafe { PoolBox::new(pool, block) }
    }

    /// States that the block holds a value, such as one that a peripheral wrote there.
    ///
    /// # Safety
    ///
    /// The block holds a valid `T`.
    #[inline]
    pub unsafe fn assume_init(self) -> PoolBox<T, N, L, M> {
        let pool = self.pool;
        // SAFETY: taken from the handle that was consumed; initialised, as the caller promises.
        unsafe { PoolBox::new(pool, Self::into_raw(self).cast()) }
    }
}

impl<T, const N: usize, L: RawLock, M: Marking, V> Drop for PoolBox<T, N, L, M, V> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the handle owns the value and is not used again.
        unsafe { self.value.drop_in_place() };
        // SAFETY: the block is a live one and this handle, its owner, gives it up.
        // A refusal is counted by the pool; it means that somebody gave the block back behind the handle's back.
        let _counted = unsafe { self.pool.put(self.value.as_ptr().cast()) };
    }
}

impl<T, const N: usize, L: RawLock, M: Marking, V> Deref for PoolBox<T, N, L, M, V> {
    type Target = V;

    #[inline(always)]
    fn deref(&self) -> &V {
        // SAFETY: the handle owns a valid value.
        unsafe { self.value.as_ref() }
    }
}

impl<T, const N: usize, L: RawLock, M: Marking, V> DerefMut for PoolBox<T, N, L, M, V> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut V {
        // SAFETY: the handle owns a valid value, and is borrowed exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<T, const N: usize, L: RawLock, M: Marking, V: fmt::Debug> fmt::Debug for PoolBox<T, N, L, M, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
