//! Pools as the shadow model sees them, for property tests and the fuzzer.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use microusc_pool::{
    AtomicDynPool, AtomicPool, AtomicStats, AtomicWords, DynPool, Error, Pool, PoolBox, RawLock, Stats,
};
use microusc_testkit::{Counts, Refusal, Subject};

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Exhausted => Refusal::Exhausted,
        Error::NotABlock => Refusal::NotABlock,
        Error::DoubleFree => Refusal::DoubleFree,
        Error::Corrupt => Refusal::Corrupt,
        Error::BatchTooLarge => Refusal::BatchTooLarge,
        other => panic!("{other} is no answer to an operation"),
    }
}

fn counts(stats: Stats) -> Counts {
    Counts {
        stride_bytes: stats.stride_bytes,
        capacity: stats.capacity,
        free: stats.free,
        lowest_free: Some(stats.lowest_free),
        exhausted: stats.exhausted,
        refused: stats.refused,
    }
}

fn atomic_counts(stride_bytes: usize, stats: AtomicStats) -> Counts {
    Counts {
        stride_bytes,
        capacity: stats.capacity,
        free: stats.free,
        lowest_free: None,
        exhausted: stats.exhausted,
        refused: stats.refused,
    }
}

/// A dynamic pool with its memory.
pub(crate) struct Dynamic<L: RawLock + 'static> {
    pool: DynPool<'static, L>,
    memory: *mut [MaybeUninit<u64>],
    other: u64,
}

impl<L: RawLock> Dynamic<L> {
    pub(crate) fn new(size: usize, count: usize) -> Self {
        let stride = size.next_multiple_of(align_of::<usize>());
        let memory = Box::into_raw(Box::<[u64]>::new_uninit_slice((stride + 1) * count / 8 + 1));
        // SAFETY: just made, lives until `drop`, and is used through the pool only.
        let bytes = unsafe { std::slice::from_raw_parts_mut(memory.cast(), memory.len() * 8) };
        Self { pool: DynPool::new(bytes, size, 1).unwrap(), memory, other: 0 }
    }
}

impl<L: RawLock> Drop for Dynamic<L> {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`; the pool over it is not used again.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

impl<L: RawLock> Subject for Dynamic<L> {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        let forecast = self.pool.can_alloc();
        let taken = self.pool.alloc_raw();
        assert_eq!(forecast.err(), taken.err(), "the forecast was wrong");
        taken.map_err(refusal)
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.pool.free_raw(block) }.map_err(refusal)
    }
    fn alloc_many(&mut self, count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        let mut blocks = vec![MaybeUninit::uninit(); count];
        let taken = self.pool.alloc_batch_raw(&mut blocks).map_err(refusal);
        // SAFETY: all are written when the batch was taken.
        Some(taken.map(|()| blocks.into_iter().map(|block| unsafe { block.assume_init() }).collect()))
    }
    unsafe fn free_many(&mut self, blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        // SAFETY: as the caller promises.
        Some(unsafe { self.pool.free_batch_raw(blocks) }.map_err(|(_, error)| refusal(error)))
    }
    fn counts(&mut self) -> Counts {
        counts(self.pool.stats())
    }
    fn validate(&mut self) -> bool {
        self.pool.validate().is_ok()
    }
    fn repair(&mut self) -> usize {
        self.pool.repair()
    }
    fn reset_lowest_free(&mut self) {
        self.pool.reset_lowest_free();
    }
    fn restart(&mut self, size: usize, count: usize) {
        *self = Self::new(size, count);
    }
    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}

type Block = [usize; 40];

/// A typed pool; its geometry is a constant, so a restart makes another of the same.
pub(crate) struct Typed {
    pool: *mut Pool<Block, 40>,
    other: u64,
}

impl Typed {
    pub(crate) fn new() -> Self {
        Self { pool: Box::into_raw(Box::new(Pool::new())), other: 0 }
    }
    fn pool(&self) -> &'static Pool<Block, 40> {
        // SAFETY: made from a box, which lives until `drop`; no handle outlives that.
        unsafe { &*self.pool }
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`; not used again.
        drop(unsafe { Box::from_raw(self.pool) });
    }
}

impl Subject for Typed {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        let handle = self.pool().alloc_uninit().map_err(refusal)?;
        Ok(PoolBox::into_raw(handle).cast())
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.pool().free_raw(block.cast()) }.map_err(refusal)
    }
    fn counts(&mut self) -> Counts {
        counts(self.pool().stats())
    }
    fn validate(&mut self) -> bool {
        self.pool().validate().is_ok()
    }
    fn repair(&mut self) -> usize {
        self.pool().repair()
    }
    fn reset_lowest_free(&mut self) {
        self.pool().reset_lowest_free();
    }
    fn restart(&mut self, _: usize, _: usize) {
        *self = Self::new();
    }
    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}

/// A lock-free pool; its geometry is a constant, too.
pub(crate) struct LockFree {
    pool: Box<AtomicPool<Block, 40, 2>>,
    other: u64,
}

impl LockFree {
    pub(crate) fn new() -> Self {
        Self { pool: Box::new(AtomicPool::new()), other: 0 }
    }
}

impl Subject for LockFree {
    const HAS_LINKS: bool = false;

    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        let handle = self.pool.alloc_uninit().map_err(refusal)?;
        Ok(PoolBox::into_raw(handle).cast())
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.pool.free_raw(block.cast()) }.map_err(refusal)
    }
    fn counts(&mut self) -> Counts {
        atomic_counts(size_of::<Block>(), self.pool.stats())
    }
    fn validate(&mut self) -> bool {
        true
    }
    fn repair(&mut self) -> usize {
        self.pool.stats().free
    }
    fn reset_lowest_free(&mut self) {}
    fn restart(&mut self, _: usize, _: usize) {
        *self = Self::new();
    }
    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}

/// A lock-free pool over given memory, with that and its words. Sizes change in a restart, the words stay.
pub(crate) struct LockFreeDynamic {
    pool: Option<AtomicDynPool<'static>>,
    words: *mut AtomicWords<3>,
    memory: *mut [MaybeUninit<u64>],
    other: u64,
}

impl LockFreeDynamic {
    pub(crate) fn new(size: usize, count: usize) -> Self {
        Self::over(Box::into_raw(Box::new(AtomicWords::new())), size, count)
    }

    fn over(words: *mut AtomicWords<3>, size: usize, count: usize) -> Self {
        let stride = size.next_multiple_of(align_of::<usize>());
        let memory = Box::into_raw(Box::<[u64]>::new_uninit_slice((stride * count).div_ceil(8)));
        // SAFETY: just made, lives until `drop`, and is used through the pool only.
        let bytes = unsafe { std::slice::from_raw_parts_mut(memory.cast(), memory.len() * 8) };
        // SAFETY: lives until `drop`, which drops the pool first.
        let control = unsafe { &*words };
        let pool = AtomicDynPool::new(control, |_, _| true, bytes, size, 1).unwrap();
        Self { pool: Some(pool), words, memory, other: 0 }
    }

    fn pool(&self) -> &AtomicDynPool<'static> {
        self.pool.as_ref().expect("there is a pool until `drop`")
    }
}

impl Drop for LockFreeDynamic {
    fn drop(&mut self) {
        self.pool = None;
        // SAFETY: made from boxes in `new` and `over`; the pool over them is gone.
        drop(unsafe { (Box::from_raw(self.memory), Box::from_raw(self.words)) });
    }
}

impl Subject for LockFreeDynamic {
    const HAS_LINKS: bool = false;

    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.pool().alloc_raw().map_err(refusal)
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.pool().free_raw(block) }.map_err(refusal)
    }
    fn counts(&mut self) -> Counts {
        atomic_counts(self.pool().geometry().stride(), self.pool().stats())
    }
    fn validate(&mut self) -> bool {
        true
    }
    fn repair(&mut self) -> usize {
        self.pool().stats().free
    }
    fn reset_lowest_free(&mut self) {}
    fn restart(&mut self, size: usize, count: usize) {
        // The same words, for a pool of another geometry: nothing of the former may remain.
        self.pool = None;
        let next = Self::over(self.words, size, count);
        let former = std::mem::ManuallyDrop::new(std::mem::replace(self, next));
        // SAFETY: made from a box in `over`; its pool is gone, its words are those of the next.
        drop(unsafe { Box::from_raw(former.memory) });
    }
    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}
