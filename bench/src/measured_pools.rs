//! The pools that are measured. Every operation is a function of its own, which is never inlined.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use microusc_memory::*;
use microusc_pool::{
    AtomicPool, Checked, DefaultLock, LinksChecked, NoLock, Pool, PoolBox, RawLock, words_for,
};

/// Blocks of each measured pool.
pub(crate) const BLOCKS: usize = 1000;

/// Content of a block: 32 bytes.
pub(crate) type Content = MaybeUninit<[u64; 4]>;

/// A pool that is measured.
pub(crate) trait MeasuredPool {
    /// The owner of a block.
    type Handle;
    /// Allocates a block; there is one.
    fn alloc(&mut self) -> Self::Handle;
    /// Frees the block.
    fn free(&mut self, handle: Self::Handle);
}

/// No pool: the cost of the harness alone.
pub(crate) struct Null;

#[inline(never)]
fn null_alloc() -> usize {
    std::hint::black_box(1)
}
#[inline(never)]
fn null_free(handle: usize) {
    std::hint::black_box(handle);
}

impl MeasuredPool for Null {
    type Handle = usize;
    #[inline(always)]
    fn alloc(&mut self) -> usize {
        null_alloc()
    }
    #[inline(always)]
    fn free(&mut self, handle: usize) {
        null_free(handle);
    }
}

type TypedPool<L, M> = Pool<Content, BLOCKS, L, M>;
type TypedHandle<L, M> = PoolBox<'static, MaybeUninit<Content>, TypedPool<L, M>>;

/// A typed pool through its handles.
pub(crate) struct Typed<L: RawLock + 'static, M: microusc_pool::Checks + 'static>(&'static TypedPool<L, M>);

/// One context, no allocation map: the compiler excludes what the map would find.
pub(crate) type Unsynchronised = Typed<NoLock, LinksChecked>;
/// One context, nothing checked, as in the C original.
pub(crate) type Unchecked = Typed<NoLock, microusc_pool::Unchecked>;
/// Shared, with allocation map: a static pool as most programs declare it.
pub(crate) type Shared = Typed<DefaultLock, Checked>;

impl<L: RawLock, M: microusc_pool::Checks> Typed<L, M> {
    pub(crate) fn new() -> Self {
        Self(Box::leak(Box::new(Pool::new())))
    }
}

#[inline(never)]
fn typed_alloc<L: RawLock, M: microusc_pool::Checks>(
    pool: &'static TypedPool<L, M>,
) -> Option<TypedHandle<L, M>> {
    pool.alloc_uninit().ok()
}
#[inline(never)]
fn typed_free<L: RawLock, M: microusc_pool::Checks>(handle: TypedHandle<L, M>) {
    drop(handle);
}

impl<L: RawLock, M: microusc_pool::Checks> MeasuredPool for Typed<L, M> {
    type Handle = TypedHandle<L, M>;
    #[inline(always)]
    fn alloc(&mut self) -> Self::Handle {
        let handle = typed_alloc(self.0);
        // SAFETY: the patterns never ask for more blocks than the pool has.
        unsafe { handle.unwrap_unchecked() }
    }
    #[inline(always)]
    fn free(&mut self, handle: Self::Handle) {
        typed_free(handle);
    }
}

type MeasuredAtomicPool = AtomicPool<Content, BLOCKS, { words_for(BLOCKS) }>;
type AtomicHandle = PoolBox<'static, MaybeUninit<Content>, MeasuredAtomicPool>;

/// The lock-free pool through its handles.
pub(crate) struct LockFree(&'static MeasuredAtomicPool);

impl LockFree {
    pub(crate) fn new() -> Self {
        Self(Box::leak(Box::new(AtomicPool::new())))
    }
}

#[inline(never)]
fn atomic_alloc(pool: &'static MeasuredAtomicPool) -> Option<AtomicHandle> {
    pool.alloc_uninit().ok()
}
#[inline(never)]
fn atomic_free(handle: AtomicHandle) {
    drop(handle);
}

impl MeasuredPool for LockFree {
    type Handle = AtomicHandle;
    #[inline(always)]
    fn alloc(&mut self) -> AtomicHandle {
        let handle = atomic_alloc(self.0);
        // SAFETY: the patterns never ask for more blocks than the pool has.
        unsafe { handle.unwrap_unchecked() }
    }
    #[inline(always)]
    fn free(&mut self, handle: AtomicHandle) {
        atomic_free(handle);
    }
}

/// The C functions.
pub(crate) struct CAbi {
    pool: *mut memory_pool_t,
    alloc: unsafe extern "C" fn(*mut memory_pool_t) -> *mut c_void,
    free: unsafe extern "C" fn(*mut memory_pool_t, *mut c_void),
}

unsafe extern "C" fn free_unsynchronized(pool: *mut memory_pool_t, block: *mut c_void) {
    // SAFETY: as for this function.
    unsafe { memory_pool_free_unsynchronized(pool, block) };
}

impl CAbi {
    /// `memory_pool_alloc` and `memory_pool_free`: lock and all checks.
    pub(crate) fn checked() -> Self {
        Self { pool: Self::make(), alloc: memory_pool_alloc, free: memory_pool_free }
    }

    /// The same without the lock.
    pub(crate) fn unsynchronized() -> Self {
        Self { pool: Self::make(), alloc: memory_pool_alloc_unsynchronized, free: free_unsynchronized }
    }

    fn make() -> *mut memory_pool_t {
        // SAFETY: makes a pool of its own.
        let pool = unsafe { memory_pool_malloc(32, BLOCKS) };
        assert!(!pool.is_null(), "the chip's memory has room for one pool");
        pool
    }
}

impl Drop for CAbi {
    fn drop(&mut self) {
        // SAFETY: made by `make`, and not used again.
        unsafe { memory_pool_destroy(self.pool) };
    }
}

impl MeasuredPool for CAbi {
    type Handle = *mut c_void;
    #[inline(always)]
    fn alloc(&mut self) -> *mut c_void {
        // SAFETY: the pool lives as long as `self`.
        unsafe { (self.alloc)(self.pool) }
    }
    #[inline(always)]
    fn free(&mut self, block: *mut c_void) {
        // SAFETY: a block of the pool, freed once.
        unsafe { (self.free)(self.pool, block) }
    }
}
