//! Our pools, as programs use them.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

use microusc_memory::{memory_pool_alloc, memory_pool_free, memory_pool_malloc, memory_pool_t};
use microusc_pool::{AtomicPool, Pool, PoolBox, words_for};

use crate::measure::{BLOCKS, Content, Peer};

type LockedPool = Pool<Content, BLOCKS>;
static LOCKED: LockedPool = Pool::new();

/// A static pool with the default lock.
pub(crate) struct Locked;

impl Peer for Locked {
    type Handle = PoolBox<'static, MaybeUninit<Content>, LockedPool>;

    #[inline(always)]
    fn alloc() -> Self::Handle {
        LOCKED.alloc_uninit().expect("there are enough blocks")
    }

    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        PoolBox::as_ptr(handle).cast()
    }

    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

type AtomicOurs = AtomicPool<Content, BLOCKS, { words_for(BLOCKS) }>;
static LOCK_FREE: AtomicOurs = AtomicPool::new();

/// The lock-free pool.
pub(crate) struct LockFree;

impl Peer for LockFree {
    type Handle = PoolBox<'static, MaybeUninit<Content>, AtomicOurs>;

    #[inline(always)]
    fn alloc() -> Self::Handle {
        LOCK_FREE.alloc_uninit().expect("there are enough blocks")
    }

    #[inline(always)]
    fn start(handle: &mut Self::Handle) -> NonNull<u64> {
        PoolBox::as_ptr(handle).cast()
    }

    #[inline(always)]
    fn free(handle: Self::Handle) {
        drop(handle);
    }
}

static C_POOL: AtomicPtr<memory_pool_t> = AtomicPtr::new(std::ptr::null_mut());

/// The C functions: a lock, and every check.
pub(crate) struct CAbi;

impl Peer for CAbi {
    type Handle = NonNull<c_void>;

    fn set_up() {
        // SAFETY: makes a pool of its own, which is never destroyed.
        let pool = unsafe { memory_pool_malloc(size_of::<Content>(), BLOCKS) };
        assert!(!pool.is_null(), "there is memory for a pool");
        C_POOL.store(pool, Ordering::Release);
    }

    #[inline(always)]
    fn alloc() -> NonNull<c_void> {
        // SAFETY: the pool is never destroyed.
        NonNull::new(unsafe { memory_pool_alloc(C_POOL.load(Ordering::Relaxed)) })
            .expect("there are enough blocks")
    }

    #[inline(always)]
    fn start(handle: &mut NonNull<c_void>) -> NonNull<u64> {
        handle.cast()
    }

    #[inline(always)]
    fn free(handle: NonNull<c_void>) {
        // SAFETY: the pool is never destroyed; the block is live, and not used again.
        unsafe { memory_pool_free(C_POOL.load(Ordering::Relaxed), handle.as_ptr()) };
    }
}
