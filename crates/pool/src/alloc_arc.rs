//! `alloc_arc` of each pool: a block for a value with several owners.

use crate::{
    AtomicDynPool, AtomicPool, Checks, DynPool, Pool, PoolArc, PoolBox, PoolSet, RawLock, Reclaim, Rejected,
    Shared,
};

/// Makes `value` shared and its first owner, in the block that `alloc` allocates; or returns the value.
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
    /// As [`alloc`](Self::alloc), with the value itself returned.
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
    /// As [`alloc`](Self::alloc), with the value itself returned.
    #[inline]
    pub fn alloc_arc(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc(value), value)
    }
}

impl<L: RawLock> DynPool<'_, L> {
    /// Moves `value` into a block that may have several owners; their number lies beside it. Cost and context are those of
    /// [`alloc_value`](Self::alloc_value).
    ///
    /// # Errors
    ///
    /// As [`alloc_value`](Self::alloc_value), with the value itself returned.
    #[inline]
    pub fn alloc_arc<T>(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc_value(value), value)
    }
}

impl AtomicDynPool<'_> {
    /// Moves `value` into a block that may have several owners; their number lies beside it. Cost and context are those of
    /// [`alloc_value`](Self::alloc_value). The counter is changed atomically: the blocks must lie where atomics work.
    ///
    /// # Errors
    ///
    /// As [`alloc_value`](Self::alloc_value), with the value itself returned.
    #[inline]
    pub fn alloc_arc<T>(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc_value(value), value)
    }
}

impl<const CLASSES: usize, L: RawLock> PoolSet<'_, CLASSES, L> {
    /// Moves `value` into a block that may have several owners; their number lies beside it. Cost and context are those of
    /// [`alloc_value`](Self::alloc_value).
    ///
    /// # Errors
    ///
    /// As [`alloc_value`](Self::alloc_value), with the value itself returned.
    #[inline]
    pub fn alloc_arc<T>(&self, value: T) -> Result<PoolArc<'_, T, Self>, Rejected<T>> {
        first_owner(|value| self.alloc_value(value), value)
    }
}
