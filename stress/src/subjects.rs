//! The pools under stress.

use std::ptr::NonNull;

use microusc_pool::{AtomicPool, Error, MaskedSpinLock, Pool, PoolBox, RawLock, words_for};

use crate::signals::Signals;

/// Blocks of each pool: few enough that it runs empty, and more than one word of the lock-free pool.
pub(crate) const BLOCKS: usize = 40;

/// Content of a block.
pub(crate) type Block = [u64; 4];

/// A pool that threads and signal handlers use.
pub(crate) trait Subject: 'static {
    const NAME: &str;

    /// Takes a block, if there is one.
    fn take() -> Option<NonNull<Block>>;

    /// Returns it; `false` if the pool refuses.
    ///
    /// # Safety
    ///
    /// The block is the caller's, who does not use it again.
    unsafe fn put(block: NonNull<Block>) -> bool;

    /// Every block is free, the pool is whole, and nothing was refused. Nobody else uses it meanwhile.
    fn all_is_well() -> bool;
}

/// The answer of a pool that may be empty but not damaged.
pub(crate) fn unless_exhausted<V>(answer: Result<V, Error>) -> Option<V> {
    match answer {
        Ok(value) => Some(value),
        Err(Error::Exhausted) => None,
        Err(_) => crate::owner::fault("the free list is damaged"),
    }
}

/// Whether nothing is wrong with a locked pool of which no block is in use.
pub(crate) fn is_whole<L: RawLock>(pool: &Pool<Block, BLOCKS, L>) -> bool {
    let stats = pool.stats();
    (stats.free, stats.refused, stats.damaged) == (BLOCKS, 0, 0) && pool.validate().is_ok()
}

/// The locked pool, with the lock for two cores.
pub(crate) struct Locked;

static LOCKED: Pool<Block, BLOCKS, MaskedSpinLock<Signals>> = Pool::new();

impl Subject for Locked {
    const NAME: &str = "locked";

    fn take() -> Option<NonNull<Block>> {
        unless_exhausted(LOCKED.alloc_uninit()).map(|block| PoolBox::into_raw(block).cast())
    }

    unsafe fn put(block: NonNull<Block>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { LOCKED.free_raw(block.as_ptr()) }.is_ok()
    }

    fn all_is_well() -> bool {
        is_whole(&LOCKED)
    }
}

/// The lock-free pool.
pub(crate) struct LockFree;

static LOCK_FREE: AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }> = AtomicPool::new();

impl Subject for LockFree {
    const NAME: &str = "lock-free";

    fn take() -> Option<NonNull<Block>> {
        unless_exhausted(LOCK_FREE.alloc_uninit()).map(|block| PoolBox::into_raw(block).cast())
    }

    unsafe fn put(block: NonNull<Block>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { LOCK_FREE.free_raw(block.as_ptr()) }.is_ok()
    }

    fn all_is_well() -> bool {
        let stats = LOCK_FREE.stats();
        (stats.free, stats.refused) == (BLOCKS, 0)
    }
}
