//! The owner of a value in a block, whatever pool the block is from.

use core::fmt;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::pin::Pin;
use core::ptr::NonNull;

use crate::Error;

/// A pool to which handles return their blocks.
///
/// # Safety
///
/// 1. An allocated block stays where it is, and is not allocated again, until it is given to `reclaim`: for as
///    long as the pool is borrowed by the handle, and for ever if the pool is `'static` and borrowed for `'static`.
/// 2. If the pool is `Sync`, `reclaim` may be called from any context that its lock admits.
pub unsafe trait Reclaim {
    /// Frees a block. O(1); cost and context are those of the pool's own free.
    ///
    /// An address that is not a block of the pool in use is refused and counted by the pool.
    ///
    /// # Safety
    ///
    /// If `block` is a block of this pool in use, it is the caller's, and is not used again.
    unsafe fn reclaim(&self, block: NonNull<u8>);
}

/// A pool that knows which of its blocks are in use.
///
/// # Safety
///
/// `owns` is true for the start of a block in use, and for no other address.
pub unsafe trait Owns: Reclaim {
    /// Whether `address` is a block of this pool in use. O(1), for any address; one critical section, if the pool has
    /// any.
    fn owns(&self, address: *const u8) -> bool;
}

/// A pool for values of one type.
pub trait TypedPool: Reclaim {
    /// The type of the values.
    type Value;
}

/// The handle of a static pool's value: `Boxed<Pool<Packet, 32>>`.
pub type Boxed<P> = PoolBox<'static, <P as TypedPool>::Value, P>;

/// The owner of a value in a block of a pool. On drop it drops the value and frees the block.
///
/// It is two words (three for a slice). It may be sent to another thread, or dropped in an interrupt, exactly when the pool
/// is `Sync` (its lock allows it) and the value may be sent. [`Boxed`] names the handle of a static pool.
///
/// ```
/// use microusc_pool::{Boxed, Pool, PoolBox};
///
/// static LINES: Pool<[u8; 80], 4> = Pool::new();
///
/// let line: Boxed<Pool<[u8; 80], 4>> = LINES.alloc([b' '; 80]).unwrap();
/// // Across C and back: the address is the handle.
/// let address = PoolBox::into_raw(line);
/// // SAFETY: `address` came from `into_raw` and is used once.
/// let line = unsafe { PoolBox::from_raw(&LINES, address) }.unwrap();
/// drop(line);
/// assert_eq!(LINES.stats().used(), 0);
/// ```
pub struct PoolBox<'p, V: ?Sized, P: Reclaim + ?Sized> {
    value: NonNull<V>,
    pool: &'p P,
}

// SAFETY: the handle is the value's only owner, and the pool may be used from the other thread since it is `Sync`.
unsafe impl<V: ?Sized + Send, P: Reclaim + ?Sized + Sync> Send for PoolBox<'_, V, P> {}
// SAFETY: a shared handle gives out shared references to the value only.
unsafe impl<V: ?Sized + Sync, P: Reclaim + ?Sized + Sync> Sync for PoolBox<'_, V, P> {}

impl<'p, V: ?Sized, P: Reclaim + ?Sized> PoolBox<'p, V, P> {
    /// Makes the owner of `value`, which lies at the start of a block of `pool`.
    ///
    /// # Safety
    ///
    /// The block is in use and has no other owner, `value` points to its start and is valid.
    #[inline(always)]
    pub unsafe fn from_parts(pool: &'p P, value: NonNull<V>) -> Self {
        Self { value, pool }
    }

    /// Turns the owner into an address, for C or a queue of words; [`from_raw`](PoolBox::from_raw) turns it back. O(1), no
    /// critical section.
    #[inline]
    pub fn into_raw(handle: Self) -> NonNull<V> {
        ManuallyDrop::new(handle).value
    }

    /// The pool of its block.
    #[inline]
    pub fn pool(handle: &Self) -> &'p P {
        handle.pool
    }

    /// The address of the value, which is that of its block.
    #[inline]
    pub fn as_ptr(handle: &Self) -> NonNull<V> {
        handle.value
    }

    /// Pins the value: the block stays in place, and is not used again before the value was dropped. O(1), no critical
    /// section.
    ///
    /// Only for pools that exist for ever, over memory that is theirs for ever, as with `Box<T, A>` of the standard library. A
    /// handle may be forgotten, and then the block must never be used for anything else, also after the scope of the pool
    /// (`'p`) or of its memory (`P`) has ended.
    ///
    /// ```
    /// use core::pin::Pin;
    /// use microusc_pool::{Boxed, Pool, PoolBox};
    ///
    /// static FUTURES: Pool<core::future::Pending<()>, 2> = Pool::new();
    /// let future = FUTURES.alloc_with(core::future::pending)?;
    /// let pinned: Pin<Boxed<Pool<core::future::Pending<()>, 2>>> = PoolBox::into_pin(future);
    /// # drop(pinned);
    /// # Ok::<(), microusc_pool::Error>(())
    /// ```
    #[inline]
    pub fn into_pin(handle: Self) -> Pin<Self>
    where
        'p: 'static,
        P: 'static,
    {
        // SAFETY: the value lies in the block, which neither moves with the handle nor is reclaimed before `drop` ran.
        // Pool and memory exist for ever, so if `drop` never runs the block is never used again.
        unsafe { Pin::new_unchecked(handle) }
    }
}

impl<'p, T, P: Owns + ?Sized> PoolBox<'p, T, P> {
    /// Turns an address from [`into_raw`](Self::into_raw) into the owner again. O(1); the cost of [`Owns::owns`].
    ///
    /// # Errors
    ///
    /// [`Error::NotABlock`] if the address is not a block of `pool` in use: never allocated, or freed already.
    ///
    /// # Safety
    ///
    /// 1. If it is a block in use, then it has no other owner and no other code uses it from now on.
    /// 2. It holds a valid `T`.
    #[inline]
    pub unsafe fn from_raw(pool: &'p P, address: NonNull<T>) -> Result<Self, Error> {
        if pool.owns(address.as_ptr().cast()) {
            Ok(Self { value: address, pool })
        } else {
            Err(Error::NotABlock)
        }
    }
}

impl<'p, T, P: Reclaim + ?Sized> PoolBox<'p, MaybeUninit<T>, P> {
    /// Moves `value` into the block. O(1), no critical section.
    #[inline]
    pub fn write(handle: Self, value: T) -> PoolBox<'p, T, P> {
        // SAFETY: the handle owns the block, which is as large and aligned as a `T`.
        unsafe { handle.value.cast::<T>().write(value) };
        // SAFETY: just written.
        unsafe { Self::assume_init(handle) }
    }

    /// States that the block holds a value, such as one that a peripheral wrote there. O(1), no critical section.
    ///
    /// # Safety
    ///
    /// The block holds a valid `T`.
    #[inline]
    pub unsafe fn assume_init(handle: Self) -> PoolBox<'p, T, P> {
        let pool = handle.pool;
        PoolBox { value: Self::into_raw(handle).cast(), pool }
    }
}

impl<V: ?Sized, P: Reclaim + ?Sized> Drop for PoolBox<'_, V, P> {
    #[inline]
    fn drop(&mut self) {
        // Dropped last, also if the drop of the value panics. Where a panic aborts, this is the same code as a plain call.
        let _freed = FreeOnDrop { block: self.value.cast(), pool: self.pool };
        // SAFETY: the handle owns the value and is not used again.
        unsafe { self.value.drop_in_place() };
    }
}

/// A block whose value is dropped: the block is freed when this is dropped.
struct FreeOnDrop<'p, P: Reclaim + ?Sized> {
    block: NonNull<u8>,
    pool: &'p P,
}

impl<P: Reclaim + ?Sized> Drop for FreeOnDrop<'_, P> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the handle owned the block and gave it up.
        unsafe { self.pool.reclaim(self.block) };
    }
}

impl<V: ?Sized, P: Reclaim + ?Sized> Deref for PoolBox<'_, V, P> {
    type Target = V;

    #[inline(always)]
    fn deref(&self) -> &V {
        // SAFETY: the handle owns a valid value.
        unsafe { self.value.as_ref() }
    }
}

impl<V: ?Sized, P: Reclaim + ?Sized> DerefMut for PoolBox<'_, V, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut V {
        // SAFETY: the handle owns a valid value, and is borrowed exclusively.
        unsafe { self.value.as_mut() }
    }
}

impl<V: ?Sized + fmt::Debug, P: Reclaim + ?Sized> fmt::Debug for PoolBox<'_, V, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
