//! Pools with a lock around their free list: how all of them alloc and free.
//!
//! ```text
//!   alloc:  acquire ---> fast path of the list ---> release ---> a block
//!                            |
//!                            '-- none ---> slow path, a call at the end ---> release ---> a block or an error
//! ```
//!
//! A pool operation is a dozen instructions, and a call in the middle of them, even one that is never made, costs as many
//! again in saved registers. So the slow path is a function of its own, which the fast path calls last, with the lock still
//! held.

use core::ptr::{NonNull, null_mut};

use crate::allocation_map::AllocationMap;
use crate::free_list::{FreeList, Link};
use crate::lock::RawLock;
use crate::sealed::Sealed;
use crate::{Counters, Error, Stats, StatsBuilder};

/// A pool with a lock around its free list: [`Pool`](crate::Pool) and [`DynPool`](crate::DynPool). Sealed: only types of this
/// crate implement it.
///
/// # Safety
///
/// `with_free_list` gives access to the one free list that `lock` protects.
pub unsafe trait LockedPool: Sealed {
    /// The type of the lock.
    type Lock: RawLock;

    /// How the pool records which blocks have an owner.
    type Map: AllocationMap;

    /// The lock. O(1).
    fn lock(&self) -> &Self::Lock;

    /// Runs `work` on the free list.
    ///
    /// # Safety
    ///
    /// 1. The caller holds the lock.
    /// 2. `work` uses this pool by its argument only, and calls no code of others, such as a waker or the `drop` of a value.
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, Self::Map>) -> R) -> R;

    /// Called with the lock held when the fast path has allocated the first block. A pool may prefetch the next ones.
    #[inline(always)]
    fn prefetch_after_alloc(&self) {}

    /// Called with the lock held when the fast path has made `block` the first one. A pool may remember it for a prefetch.
    #[inline(always)]
    fn remember_freed(&self, _block: *mut u8) {}
}

/// The operations that every locked pool has. Only this crate calls them: with them, safe code could reach the free list.
pub(crate) trait LockedOperations: LockedPool {
    /// Runs `work` on the free list in one critical section. `work` is code of this crate, as
    /// [`with_free_list`](LockedPool::with_free_list) demands.
    #[inline(always)]
    fn with_lock<R>(&self, work: impl FnOnce(&mut FreeList<'_, Self::Map>) -> R) -> R {
        // SAFETY: the lock is held.
        self.lock().with(|| unsafe { self.with_free_list(work) })
    }

    /// Allocates a block. O(1); one critical section.
    #[inline(always)]
    fn alloc_block(&self) -> Result<NonNull<u8>, Error> {
        match self.alloc_fast() {
            Ok(block) => Ok(block),
            // SAFETY: the lock is still held.
            Err(saved) => unsafe { self.alloc_slow(saved) },
        }
    }

    /// The fast path of [`alloc_block`](Self::alloc_block). On `Err` the lock is still held, with the saved value.
    #[inline(always)]
    fn alloc_fast(&self) -> Result<NonNull<u8>, <Self::Lock as RawLock>::Saved> {
        self.lock().with_or_stay_locked(|| {
            // SAFETY: the lock is held.
            let block = unsafe { self.with_free_list(|list| list.alloc_fast()) }?;
            self.prefetch_after_alloc();
            Some(block)
        })
    }

    /// The slow path of [`alloc_block`](Self::alloc_block).
    ///
    /// # Safety
    ///
    /// The caller holds the lock, acquired with `saved`.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_slow(&self, saved: <Self::Lock as RawLock>::Saved) -> Result<NonNull<u8>, Error> {
        // SAFETY: the lock is held.
        let allocated = unsafe { self.with_free_list(|list| list.alloc_slow()) };
        // SAFETY: acquired with `saved`, as the caller promises.
        unsafe { self.lock().release(saved) };
        allocated
    }

    /// Frees a block. O(1); one critical section.
    ///
    /// # Safety
    ///
    /// As [`FreeList::free`].
    #[inline(always)]
    unsafe fn free_block(&self, block: *mut u8) -> Result<(), Error> {
        let fast = || {
            // SAFETY: the lock is held; the block is as the caller promises.
            unsafe { self.with_free_list(|list| list.free_fast(block)) }?;
            self.remember_freed(block);
            Some(())
        };
        match self.lock().with_or_stay_locked(fast) {
            Ok(()) => Ok(()),
            // SAFETY: as the caller promises; the lock is still held.
            Err(saved) => unsafe { self.free_slow(block, saved) },
        }
    }

    /// The slow path of [`free_block`](Self::free_block).
    ///
    /// # Safety
    ///
    /// As [`FreeList::free`]; the caller holds the lock, acquired with `saved`.
    #[cold]
    #[inline(never)]
    unsafe fn free_slow(&self, block: *mut u8, saved: <Self::Lock as RawLock>::Saved) -> Result<(), Error> {
        // SAFETY: the lock is held; the block is as the caller promises.
        let answer = unsafe { self.with_free_list(|list| list.free_slow(block)) };
        // SAFETY: acquired with `saved`, as the caller promises.
        unsafe { self.lock().release(saved) };
        answer
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    fn snapshot(&self) -> Stats {
        StatsBuilder::build(|builder| self.with_lock(|list| list.collect_stats(builder)))
    }
}

impl<P: LockedPool + ?Sized> LockedOperations for P {}

/// What a pool of this crate keeps under its lock besides the allocation map and the blocks.
#[repr(C)]
pub(crate) struct FreeListState {
    pub(crate) head: *mut Link,
    pub(crate) len: usize,
    pub(crate) counters: Counters,
}

impl FreeListState {
    /// Of a pool that was never used: all zero.
    pub(crate) const NEW: Self = Self { head: null_mut(), len: 0, counters: Counters::NEW };
}
