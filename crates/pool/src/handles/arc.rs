//! A value in a block with several owners.

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::words::OwnerCount;
use crate::{PoolBox, Reclaim};

/// A value that has several owners, with their number.
#[derive(Debug)]
pub struct Shared<T> {
    owners: OwnerCount,
    value: T,
}

impl<T> Shared<T> {
    /// A value for a first owner.
    pub const fn new(value: T) -> Self {
        Self { owners: OwnerCount::one(), value }
    }

    /// The value: of a `Shared` that a pool refused, so that the value is not lost. O(1).
    ///
    /// ```
    /// use microusc_pool::{Pool, Shared};
    ///
    /// static NAMES: Pool<Shared<&str>, 1> = Pool::new();
    /// let first = NAMES.alloc(Shared::new("a")).unwrap();
    /// let refused = NAMES.alloc(Shared::new("b")).unwrap_err();
    /// assert_eq!(refused.value.into_inner(), "b");
    /// # drop(first);
    /// ```
    pub fn into_inner(self) -> T {
        self.value
    }
}

/// One of the owners of a value in a block. The last owner drops the value and frees the block.
///
/// Two words. Cost: cloning and dropping are one atomic step each (on targets without, interrupts are masked for it);
/// the last drop also costs the pool's free. Context: as the pool's free; it may be sent to another thread, or
/// dropped in an interrupt, exactly when the pool is `Sync` and the value may be sent and shared.
///
/// ```
/// use microusc_pool::{Pool, PoolArc, Shared};
///
/// struct Settings { name: &'static str }
/// static SETTINGS: Pool<Shared<Settings>, 4> = Pool::new();
///
/// let mine = SETTINGS.alloc_arc(Settings { name: "porch" })?;
/// let yours = mine.clone();
/// drop(mine);
/// assert_eq!((yours.name, SETTINGS.stats().used()), ("porch", 1));
/// drop(yours);
/// assert_eq!(SETTINGS.stats().used(), 0);
/// # Ok::<(), microusc_pool::Error>(())
/// ```
pub struct PoolArc<'p, T, P: Reclaim + ?Sized> {
    shared: NonNull<Shared<T>>,
    pool: &'p P,
}

// SAFETY: owners in several threads share the value, the last of them drops it wherever it is, and the pool may be used
// there since it is `Sync`.
unsafe impl<T: Send + Sync, P: Reclaim + ?Sized + Sync> Send for PoolArc<'_, T, P> {}
// SAFETY: as above; a shared owner can be cloned.
unsafe impl<T: Send + Sync, P: Reclaim + ?Sized + Sync> Sync for PoolArc<'_, T, P> {}

impl<'p, T, P: Reclaim + ?Sized> PoolArc<'p, T, P> {
    /// Makes the first owner of a value. O(1), no critical section.
    #[inline]
    pub fn new(value: PoolBox<'p, Shared<T>, P>) -> Self {
        let pool = PoolBox::pool(&value);
        Self { shared: PoolBox::into_raw(value), pool }
    }

    /// The value, if this is its only owner.
    #[inline]
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        // SAFETY: the block is in use while there is an owner.
        if !unsafe { this.shared.as_ref() }.owners.is_one() {
            return None;
        }
        // SAFETY: as above, and its only owner is borrowed exclusively.
        Some(unsafe { &mut this.shared.as_mut().value })
    }

    /// Whether both own the same value.
    #[inline]
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        this.shared == other.shared
    }
}

impl<T, P: Reclaim + ?Sized> Clone for PoolArc<'_, T, P> {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: the block is in use while there is an owner.
        unsafe { self.shared.as_ref() }.owners.add();
        Self { shared: self.shared, pool: self.pool }
    }
}

impl<T, P: Reclaim + ?Sized> Drop for PoolArc<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the block is in use while there is an owner.
        if unsafe { self.shared.as_ref() }.owners.remove() {
            // SAFETY: the last owner; a box drops the value and frees the block.
            drop(unsafe { PoolBox::from_parts(self.pool, self.shared) });
        }
    }
}

impl<T, P: Reclaim + ?Sized> Deref for PoolArc<'_, T, P> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the block is in use while there is an owner, and the value is shared.
        unsafe { &self.shared.as_ref().value }
    }
}

impl<T: fmt::Debug, P: Reclaim + ?Sized> fmt::Debug for PoolArc<'_, T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
