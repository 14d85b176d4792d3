//! The pools as the shadow model sees them. Small: some boards have 16 KiB.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use microusc_pool::{
    AtomicPool, DynPool, Error, InterruptLock, Pool, PoolBox, PoolSet, SizeClass, Stats, words_for,
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

type Lease = PoolBox<'static, MaybeUninit<Block>, TypedPool>;

/// Content of a block.
type Block = [u32; 5];
/// Its bytes.
pub const BLOCK_BYTES: usize = size_of::<Block>();
const BLOCKS: usize = 40;

type TypedPool = Pool<Block, BLOCKS, InterruptLock>;
type LockFreePool = AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }>;

/// A typed pool; its geometry is a constant, so a restart makes another of the same.
pub struct Typed {
    pool: *mut TypedPool,
    other: u64,
}

impl Typed {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "a subject is made where it is judged")]
    pub fn new() -> Self {
        Self { pool: Box::into_raw(Box::new(Pool::new())), other: 0 }
    }

    fn pool(&self) -> &'static TypedPool {
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
        let lease: Lease = self.pool().alloc_uninit().map_err(refusal)?;
        Ok(PoolBox::into_raw(lease).cast())
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
pub struct LockFree {
    pool: Box<LockFreePool>,
    other: u64,
}

impl LockFree {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "a subject is made where it is judged")]
    pub fn new() -> Self {
        Self { pool: Box::new(AtomicPool::new()), other: 0 }
    }
}

impl Subject for LockFree {
    const HAS_LINKS: bool = false;

    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        let lease = self.pool.alloc_uninit().map_err(refusal)?;
        Ok(PoolBox::into_raw(lease).cast())
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.pool.free_raw(block.cast()) }.map_err(refusal)
    }
    fn counts(&mut self) -> Counts {
        let stats = self.pool.stats();
        Counts {
            stride_bytes: size_of::<Block>(),
            capacity: stats.capacity,
            free: stats.free,
            lowest_free: None,
            exhausted: stats.exhausted,
            refused: stats.refused,
        }
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

/// Memory that lives until it is dropped, whatever borrows it.
struct Memory(*mut [MaybeUninit<u32>]);

impl Memory {
    fn new(bytes: usize) -> Self {
        Self(Box::into_raw(Box::new_uninit_slice(bytes / size_of::<u32>() + 1)))
    }

    /// # Safety
    ///
    /// The result is used by one borrower, and not after `self` is dropped.
    unsafe fn bytes(&self) -> &'static mut [MaybeUninit<u8>] {
        // SAFETY: made from a box; as the caller promises.
        unsafe { core::slice::from_raw_parts_mut(self.0.cast(), self.0.len() * size_of::<u32>()) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`; not used again.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// A dynamic pool with its memory.
pub struct Dynamic {
    pool: DynPool<'static, InterruptLock>,
    memory: Memory,
    other: u64,
}

impl Dynamic {
    /// A pool of so many blocks of so many bytes.
    pub fn new(size: usize, count: usize) -> Self {
        let memory = Memory::new((size.next_multiple_of(size_of::<usize>()) + 1) * count);
        // SAFETY: only this pool borrows it, which lives as long.
        let pool = DynPool::new(unsafe { memory.bytes() }, size, 1).expect("the memory is large enough");
        Self { pool, memory, other: 0 }
    }
}

impl Subject for Dynamic {
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
        let next = Self::new(size, count);
        let Self { pool, memory, .. } = core::mem::replace(self, next);
        drop((pool, memory));
    }
    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}

/// The middle class of a set. No block of the others is whole strides away from its own, so that an address beyond is
/// never one of theirs.
pub struct SetClass {
    set: PoolSet<'static, 3, InterruptLock>,
    memory: Memory,
    other: u64,
}

const CLASSES: [SizeClass; 3] = [
    SizeClass { block_size: 12, blocks: 1 },
    SizeClass { block_size: 24, blocks: BLOCKS },
    SizeClass { block_size: 48, blocks: 1 },
];

impl SetClass {
    /// A new set.
    #[expect(clippy::new_without_default, reason = "a subject is made where it is judged")]
    pub fn new() -> Self {
        let memory = Memory::new(PoolSet::<3, InterruptLock>::bytes_for(4, &CLASSES));
        // SAFETY: only this set borrows it, which lives as long.
        let set = PoolSet::new(unsafe { memory.bytes() }, 4, &CLASSES).expect("the memory is large enough");
        Self { set, memory, other: 0 }
    }

    fn class(&self) -> &DynPool<'static, InterruptLock> {
        self.set.pool(1).expect("there are three classes")
    }
}

impl Subject for SetClass {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.set.alloc_raw(20, 4).map_err(refusal)
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.set.free_raw(block) }.map_err(refusal)
    }
    fn counts(&mut self) -> Counts {
        let stats = self.set.stats();
        let of_class = counts(stats.classes[1].pool);
        // What lies in no class, or at the end of another, is refused there.
        let elsewhere = stats.refused + stats.classes[0].pool.refused + stats.classes[2].pool.refused;
        Counts { refused: of_class.refused + elsewhere, ..of_class }
    }
    fn validate(&mut self) -> bool {
        self.class().validate().is_ok()
    }
    fn repair(&mut self) -> usize {
        self.class().repair()
    }
    fn reset_lowest_free(&mut self) {
        self.class().reset_lowest_free();
    }
    fn restart(&mut self, _: usize, _: usize) {
        let Self { set, memory, .. } = core::mem::replace(self, Self::new());
        drop((set, memory));
    }
    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}

/// A pool with a flaw: it says yes to every free.
pub struct Forgetful(Dynamic);

impl Forgetful {
    /// A new one.
    #[expect(clippy::new_without_default, reason = "a subject is made where it is judged")]
    pub fn new() -> Self {
        Self(Dynamic::new(20, 8))
    }
}

impl Subject for Forgetful {
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.0.alloc()
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        let _forgotten = unsafe { self.0.free(block) };
        Ok(())
    }
    fn counts(&mut self) -> Counts {
        self.0.counts()
    }
    fn validate(&mut self) -> bool {
        self.0.validate()
    }
    fn repair(&mut self) -> usize {
        self.0.repair()
    }
    fn reset_lowest_free(&mut self) {
        self.0.reset_lowest_free();
    }
    fn restart(&mut self, size: usize, count: usize) {
        self.0.restart(size, count);
    }
    fn foreign(&mut self) -> *mut u8 {
        self.0.foreign()
    }
}
