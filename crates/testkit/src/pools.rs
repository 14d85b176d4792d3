//! The pools of the Rust crate, as their model and as owner tables drive them.
//!
//! Every kind of pool implements [`SharedPool`], which suffices for several contexts at once, and [`ModelledPool`]. The
//! model needs the pool together with its memory, since it replaces it: that is a [`PoolHolder`], and every holder is a
//! [`PoolUnderTest`].

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use microusc_pool::{
    AtomicDynPool, AtomicPool, AtomicStats, AtomicWords, DynPool, Error, Pool, PoolBox, RawLock, Stats,
};

use crate::{Counts, PoolUnderTest, Refusal};

/// The content of a block of a typed pool: at least as large as any block that the model asks for on a host.
pub type HostBlock = [usize; 40];

/// The refusal that an error of the pool crate stands for.
///
/// # Panics
///
/// If no operation of the models may return this error.
pub fn refusal(error: Error) -> Refusal {
    match error {
        Error::Exhausted => Refusal::Exhausted,
        Error::NotABlock => Refusal::NotABlock,
        Error::DoubleFree => Refusal::DoubleFree,
        Error::Corrupt => Refusal::Corrupt,
        Error::BatchTooLarge => Refusal::BatchTooLarge,
        Error::NoClass => Refusal::NoClass,
        other => panic!("no operation may return `{other}`"),
    }
}

/// A pool that any number of contexts use through copies of a reference.
pub trait SharedPool: Copy {
    /// Allocates a block.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    fn alloc(self) -> Result<NonNull<u8>, Refusal>;

    /// Frees a block, or passes the pool an address that it must refuse.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    ///
    /// # Safety
    ///
    /// If `block` is a live block, the caller owns it and does not use it again.
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal>;

    /// Whether every block is free, no call was refused but for exhaustion, and no damage is found. No other context uses
    /// the pool meanwhile.
    fn is_whole(self) -> bool;
}

/// A shared pool with everything else that the model compares.
pub trait ModelledPool: SharedPool {
    /// See [`PoolUnderTest::HAS_LINKS`].
    const HAS_LINKS: bool;

    /// Allocates a block while no other context uses the pool, and compares the result with a forecast, if there is one.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    fn alloc_alone(self) -> Result<NonNull<u8>, Refusal> {
        self.alloc()
    }

    /// See [`PoolUnderTest::counts`].
    fn counts(self) -> Counts;

    /// See [`PoolUnderTest::validate`].
    fn validate(self) -> bool;

    /// See [`PoolUnderTest::repair`].
    fn repair(self) -> usize;

    /// See [`PoolUnderTest::reset_lowest_free`].
    fn reset_lowest_free(self);

    /// See [`PoolUnderTest::alloc_many`].
    fn alloc_many(self, _count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        None
    }

    /// See [`PoolUnderTest::free_many`].
    ///
    /// # Safety
    ///
    /// The caller owns those that are live blocks, and does not use them again if they are freed.
    unsafe fn free_many(self, _blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        None
    }
}

pub(crate) fn counts(stats: Stats) -> Counts {
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

fn is_unharmed(stats: Stats) -> bool {
    (stats.free, stats.refused, stats.damaged) == (stats.capacity, 0, 0)
}

impl<T, const N: usize, L: RawLock> SharedPool for &'static Pool<T, N, L> {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        Ok(PoolBox::into_raw(self.alloc_uninit().map_err(refusal)?).cast())
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.free_raw(block.cast()) }.map_err(refusal)
    }
    fn is_whole(self) -> bool {
        is_unharmed(self.stats()) && Pool::validate(self).is_ok()
    }
}

impl<T, const N: usize, L: RawLock> ModelledPool for &'static Pool<T, N, L> {
    const HAS_LINKS: bool = true;

    fn counts(self) -> Counts {
        counts(self.stats())
    }
    fn validate(self) -> bool {
        Pool::validate(self).is_ok()
    }
    fn repair(self) -> usize {
        Pool::repair(self)
    }
    fn reset_lowest_free(self) {
        Pool::reset_lowest_free(self);
    }
}

impl<T, const N: usize, const W: usize> SharedPool for &'static AtomicPool<T, N, W> {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        Ok(PoolBox::into_raw(self.alloc_uninit().map_err(refusal)?).cast())
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.free_raw(block.cast()) }.map_err(refusal)
    }
    fn is_whole(self) -> bool {
        let stats = self.stats();
        (stats.free, stats.refused) == (stats.capacity, 0)
    }
}

impl<T, const N: usize, const W: usize> ModelledPool for &'static AtomicPool<T, N, W> {
    const HAS_LINKS: bool = false;

    fn counts(self) -> Counts {
        atomic_counts(size_of::<T>(), self.stats())
    }
    fn validate(self) -> bool {
        true
    }
    fn repair(self) -> usize {
        self.stats().free
    }
    fn reset_lowest_free(self) {}
}

impl<L: RawLock> SharedPool for &DynPool<'_, L> {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        self.alloc_raw().map_err(refusal)
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.free_raw(block) }.map_err(refusal)
    }
    fn is_whole(self) -> bool {
        is_unharmed(self.stats()) && DynPool::validate(self).is_ok()
    }
}

impl<L: RawLock> ModelledPool for &DynPool<'_, L> {
    const HAS_LINKS: bool = true;

    fn alloc_alone(self) -> Result<NonNull<u8>, Refusal> {
        let forecast = self.can_alloc().map_err(refusal);
        let allocated = SharedPool::alloc(self);
        assert_eq!(forecast.err(), allocated.err(), "the forecast was wrong");
        allocated
    }
    fn counts(self) -> Counts {
        counts(self.stats())
    }
    fn validate(self) -> bool {
        DynPool::validate(self).is_ok()
    }
    fn repair(self) -> usize {
        DynPool::repair(self)
    }
    fn reset_lowest_free(self) {
        DynPool::reset_lowest_free(self);
    }
    fn alloc_many(self, count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        let mut blocks = vec![MaybeUninit::uninit(); count];
        let allocated = self.alloc_batch_raw(&mut blocks).map_err(refusal);
        // SAFETY: all of them are written if the batch was allocated.
        Some(allocated.map(|()| blocks.into_iter().map(|block| unsafe { block.assume_init() }).collect()))
    }
    unsafe fn free_many(self, blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        // SAFETY: as the caller promises.
        Some(unsafe { self.free_batch_raw(blocks) }.map_err(|(_, error)| refusal(error)))
    }
}

impl SharedPool for &AtomicDynPool<'_> {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        self.alloc_raw().map_err(refusal)
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.free_raw(block) }.map_err(refusal)
    }
    fn is_whole(self) -> bool {
        let stats = self.stats();
        (stats.free, stats.refused) == (stats.capacity, 0)
    }
}

impl ModelledPool for &AtomicDynPool<'_> {
    const HAS_LINKS: bool = false;

    fn counts(self) -> Counts {
        atomic_counts(self.geometry().stride(), self.stats())
    }
    fn validate(self) -> bool {
        true
    }
    fn repair(self) -> usize {
        self.stats().free
    }
    fn reset_lowest_free(self) {}
}

/// A pool with its memory, which can be replaced by another pool of the same kind.
pub trait PoolHolder {
    /// How the pool is used.
    type Pool<'a>: ModelledPool
    where
        Self: 'a;

    /// The pool.
    fn pool(&self) -> Self::Pool<'_>;

    /// Ends the pool, and makes one of at least `blocks` blocks of at least `block_size` bytes.
    fn replace(&mut self, block_size: usize, blocks: usize);
}

impl<H: PoolHolder + 'static> PoolUnderTest for H {
    const HAS_LINKS: bool = <H::Pool<'static> as ModelledPool>::HAS_LINKS;

    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.pool().alloc_alone()
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.pool().free(block) }
    }
    fn alloc_many(&mut self, count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        self.pool().alloc_many(count)
    }
    unsafe fn free_many(&mut self, blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        // SAFETY: as the caller promises.
        unsafe { self.pool().free_many(blocks) }
    }
    fn counts(&mut self) -> Counts {
        self.pool().counts()
    }
    fn validate(&mut self) -> bool {
        self.pool().validate()
    }
    fn repair(&mut self) -> usize {
        self.pool().repair()
    }
    fn reset_lowest_free(&mut self) {
        self.pool().reset_lowest_free();
    }
    fn restart(&mut self, block_size: usize, count: usize) {
        self.replace(block_size, count);
    }
}

/// A value that stays where it is until this is dropped, whatever borrows it.
pub(crate) struct Pinned<T: ?Sized>(NonNull<T>);

impl<T: ?Sized> Pinned<T> {
    pub(crate) fn new(value: Box<T>) -> Self {
        Self(NonNull::from(Box::leak(value)))
    }

    /// # Safety
    ///
    /// The result is not used after `self` is dropped, and nothing borrows the value mutably.
    pub(crate) unsafe fn borrow(&self) -> &'static T {
        // SAFETY: from a box; otherwise as the caller promises.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    ///
    /// The result is not used after `self` is dropped, and nothing else borrows the value.
    pub(crate) unsafe fn borrow_mut(&self) -> &'static mut T {
        let mut value = self.0;
        // SAFETY: from a box; otherwise as the caller promises.
        unsafe { value.as_mut() }
    }
}

impl<T: ?Sized> Drop for Pinned<T> {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`, and not used again.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Memory for a pool whose size is chosen when it is made.
pub(crate) type Memory = Pinned<[MaybeUninit<usize>]>;

impl Memory {
    pub(crate) fn of_bytes(bytes: usize) -> Self {
        Self::new(Box::new_uninit_slice(bytes.div_ceil(size_of::<usize>())))
    }

    /// # Safety
    ///
    /// As for [`borrow_mut`](Pinned::borrow_mut).
    pub(crate) unsafe fn bytes(&self) -> &'static mut [MaybeUninit<u8>] {
        // SAFETY: as the caller promises.
        let words = unsafe { self.borrow_mut() };
        // SAFETY: the same memory by bytes, any of which may be uninitialised.
        unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), size_of_val(words)) }
    }
}

/// A static pool, [`Pool`] or [`AtomicPool`]. Its geometry is a constant, so that it is replaced by one of the same.
pub struct Static<P> {
    pool: Pinned<P>,
    make: fn() -> P,
}

impl<P> Static<P> {
    /// A pool as `make` makes it.
    pub fn new(make: fn() -> P) -> Self {
        Self { pool: Pinned::new(Box::new(make())), make }
    }
}

impl<P: 'static> PoolHolder for Static<P>
where
    &'static P: ModelledPool,
{
    type Pool<'a> = &'static P;

    fn pool(&self) -> &'static P {
        // SAFETY: every use of the result ends before `self` does, and no handle remains: blocks are freed by address.
        unsafe { self.pool.borrow() }
    }
    fn replace(&mut self, _: usize, _: usize) {
        *self = Self::new(self.make);
    }
}

/// A pool over borrowed memory, with that memory.
pub struct Dynamic<L: RawLock + 'static> {
    // In the order in which they are dropped.
    pool: DynPool<'static, L>,
    _memory: Memory,
}

impl<L: RawLock> Dynamic<L> {
    /// A pool of `blocks` blocks of at least `block_size` bytes.
    pub fn new(block_size: usize, blocks: usize) -> Self {
        let stride = block_size.next_multiple_of(align_of::<usize>());
        let memory = Memory::of_bytes((stride + 1) * blocks);
        // SAFETY: only this pool borrows it, and is dropped before it.
        let pool =
            DynPool::new(unsafe { memory.bytes() }, block_size, 1).expect("the memory is large enough");
        Self { pool, _memory: memory }
    }
}

impl<L: RawLock + 'static> PoolHolder for Dynamic<L> {
    type Pool<'a> = &'a DynPool<'static, L>;

    fn pool(&self) -> &DynPool<'static, L> {
        &self.pool
    }
    fn replace(&mut self, block_size: usize, blocks: usize) {
        *self = Self::new(block_size, blocks);
    }
}

/// A lock-free pool over borrowed memory, with that memory and its words.
pub struct LockFreeDynamic<const W: usize> {
    // In the order in which they are dropped. `None` while the pool is replaced.
    pool: Option<AtomicDynPool<'static>>,
    memory: Memory,
    words: Pinned<AtomicWords<W>>,
}

impl<const W: usize> LockFreeDynamic<W> {
    /// A pool of `blocks` blocks of at least `block_size` bytes.
    pub fn new(block_size: usize, blocks: usize) -> Self {
        let words = Pinned::new(Box::new(AtomicWords::new()));
        let mut this = Self { pool: None, memory: Memory::of_bytes(0), words };
        this.replace(block_size, blocks);
        this
    }
}

impl<const W: usize> PoolHolder for LockFreeDynamic<W> {
    type Pool<'a> = &'a AtomicDynPool<'static>;

    fn pool(&self) -> &AtomicDynPool<'static> {
        self.pool.as_ref().expect("there is a pool, except in `replace`")
    }

    /// The words stay, and serve a pool of another geometry: nothing of the last one may remain in them.
    fn replace(&mut self, block_size: usize, blocks: usize) {
        self.pool = None;
        self.memory = Memory::of_bytes(block_size.next_multiple_of(align_of::<usize>()) * blocks);
        // SAFETY: only this pool borrows words and memory, and is dropped before them.
        let (words, memory) = unsafe { (self.words.borrow(), self.memory.bytes()) };
        let pool = AtomicDynPool::new(words, |_, _| true, memory, block_size, 1);
        self.pool = Some(pool.expect("memory and words are large enough"));
    }
}
