//! A value in a block with several owners.

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::sync::OwnerCount;
use crate::{AtomicDynPool, AtomicPool, Checks, DynPool, Pool, PoolBox, PoolSet, RawLock, Reclaim, Rejected};

/// What is in a block that several own: the value, and how many they are.
#[derive(Debug)]
pub struct Shared<T> {
    owners: OwnerCount,
    value: T,
}

impl<T> Shared<T> {
    /// A value with one owner to be.
    pub const fn new(value: T) -> Self {
        Self { owners: OwnerCount::one(), value }
    }

    /// The value again: of what a pool refused, so that it is not lost. O(1).
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

/// One of the owners of a value in a block; the last to go drops the value and returns the block.
///
/// Two words. Cost: cloning and dropping are one atomic step each (on targets without, interrupts are masked for it);
/// the last drop is that of the pool's free besides. Context: as the pool's free; it may be sent to another thread, or
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
    /// The first owner.
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

/// The first owner of a value in a block that `alloc` found for it, or the value again.
#[inline(always)]
fn first_owner<'p, T, P: Reclaim>(
    alloc: impl FnOnce(Shared<T>) -> Result<PoolBox<'p, Shared<T>, P>, Rejected<Shared<T>>>,
    value: T,
) -> Result<PoolArc<'p, T, P>, Rejected<T>> {
    match alloc(Shared::new(value)) {
        Ok(value) => Ok(PoolArc::new(value)),
        Err(Rejected { error, value }) => Err(Rejected { error, value: value.into_inner() }),
    }
}

impl<T, const N: usize, L: RawLock, M: Checks> Pool<Shared<T>, N, L, M> {
    /// Moves `value` into a block that may have several owners: [`alloc`](Self::alloc) and [`PoolArc::new`]. Cost and
    /// context are those of `alloc`.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc), with the value itself given back.
    #[inline]
    pub fn alloc_arc(&'static self, value: T) -> Result<PoolArc<'static, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc(value), value)
    }
}

impl<T, const N: usize, const W: usize> AtomicPool<Shared<T>, N, W> {
    /// Moves `value` into a block that may have several owners: [`alloc`](Self::alloc) and [`PoolArc::new`]. Cost and
    /// context are those of `alloc`.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc), with the value itself given back.
    #[inline]
    pub fn alloc_arc(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc(value), value)
    }
}

impl<L: RawLock> DynPool<'_, L> {
    /// Moves `value` into a block that may have several owners; a counter lies beside it. Cost and context are those of
    /// [`alloc_value`](Self::alloc_value).
    ///
    /// # Errors
    ///
    /// As [`alloc_value`](Self::alloc_value), with the value itself given back.
    #[inline]
    pub fn alloc_arc<T>(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc_value(value), value)
    }
}

impl AtomicDynPool<'_> {
    /// Moves `value` into a block that may have several owners; a counter lies beside it. Cost and context are those of
    /// [`alloc_value`](Self::alloc_value). The counter is changed atomically: the blocks must lie where atomics work.
    ///
    /// # Errors
    ///
    /// As [`alloc_value`](Self::alloc_value), with the value itself given back.
    #[inline]
    pub fn alloc_arc<T>(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc_value(value), value)
    }
}

impl<const CLASSES: usize, L: RawLock> PoolSet<'_, CLASSES, L> {
    /// Moves `value` into a block that may have several owners; a counter lies beside it. Cost and context are those of
    /// [`alloc_value`](Self::alloc_value).
    ///
    /// # Errors
    ///
    /// As [`alloc_value`](Self::alloc_value), with the value itself given back.
    #[inline]
    pub fn alloc_arc<T>(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc_value(value), value)
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
            // SAFETY: the last owner; a box drops the value and returns the block.
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
