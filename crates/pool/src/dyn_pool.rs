//! Untyped pools over memory they are given.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::free_list::{FreeList, Link};
use crate::pool::FreeListState;
use crate::sealed::Sealed;
use crate::sync::Guarded;
use crate::{
    ByteMap, DefaultLock, Error, Geometry, LockedPool, Owns, PoolBox, RawLock, Reclaim, Rejected, Stats,
    StatsBuilder,
};

/// A pool of byte blocks over borrowed memory: a static, a stack array, a linker section, part of a heap.
///
/// RAM besides the memory given: this struct (12 words and the lock). Of the memory given, one byte a block is used
/// for marks, at its end.
///
/// * Cost: making one is O(capacity) (the marks are zeroed); alloc and free are O(1), one critical section of `L`.
/// * Context: whatever `L` allows; the pool is `Sync` exactly when its lock is.
///
/// ```
/// use core::mem::MaybeUninit;
/// use microusc_pool::{DynPool, NoLock};
///
/// let mut memory = [MaybeUninit::uninit(); 1000];
/// let pool: DynPool<NoLock> = DynPool::new(&mut memory, 64, 4)?;
/// let mut block = pool.alloc()?;
/// block.fill(MaybeUninit::new(0x55));
/// let answer = pool.alloc_value(42u64)?; // any type that fits a block
/// assert_eq!((*answer, pool.stats().used()), (42, 2));
/// drop((block, answer));
/// assert_eq!(pool.stats().used(), 0);
/// # Ok::<(), microusc_pool::Error>(())
/// ```
pub struct DynPool<'m, L: RawLock = DefaultLock> {
    lock: L,
    list: Guarded<FreeListState>,
    geometry: Geometry,
    base: NonNull<u8>,
    marks: NonNull<u8>,
    memory: PhantomData<&'m mut [MaybeUninit<u8>]>,
}

// SAFETY: the list and the marks are touched with the lock closed only, which excludes everybody else.
unsafe impl<L: RawLock + Sync> Sync for DynPool<'_, L> {}
// SAFETY: the pool owns, by exclusive borrow, all it points to.
unsafe impl<L: RawLock + Send> Send for DynPool<'_, L> {}

impl<'m, L: RawLock> DynPool<'m, L> {
    /// Cuts `memory` into as many blocks of at least `block_size` bytes, aligned to `align` bytes and to a pointer,
    /// as fit with their marks. O(capacity).
    ///
    /// # Errors
    ///
    /// [`Error::BlockTooSmall`], [`Error::BadAlignment`], [`Error::TooLarge`], and [`Error::UnsuitableMemory`] when
    /// not one block fits.
    pub fn new(memory: &'m mut [MaybeUninit<u8>], block_size: usize, align: usize) -> Result<Self, Error> {
        if block_size < crate::LINK_BYTES {
            return Err(Error::BlockTooSmall);
        }
        let stride = Geometry::stride_for(block_size, align)?;
        let start = memory.as_mut_ptr();
        let padding = start.align_offset(align.max(align_of::<Link>()));
        // Once for each pool, far from any hot path: a division is welcome here.
        let capacity = memory.len().saturating_sub(padding) / (stride + 1);
        if capacity == 0 {
            return Err(Error::UnsuitableMemory);
        }
        let geometry = Geometry::new(block_size, align, capacity)?;
        memory[padding + geometry.bytes()..][..capacity].fill(MaybeUninit::new(crate::allocation_map::FREE));
        let base = memory[padding..].as_mut_ptr().cast::<u8>();
        // SAFETY: both are addresses inside a slice, which do not lie at null; the marks begin behind the blocks.
        let (base, marks) =
            unsafe { (NonNull::new_unchecked(base), NonNull::new_unchecked(base.add(geometry.bytes()))) };
        let list = Guarded::new(FreeListState::EMPTY);
        Ok(Self { lock: L::INIT, list, geometry, base, marks, memory: PhantomData })
    }

    /// Takes a block of a stride's bytes. O(1); one critical section. Its content is whatever was there.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    #[inline]
    pub fn alloc(&self) -> Result<PoolBox<'_, [MaybeUninit<u8>], Self>, Error> {
        let block = self.alloc_raw()?;
        // SAFETY: just taken.
        Ok(unsafe { PoolBox::from_parts(self, self.view(block)) })
    }

    /// Moves `value` into a block. O(1); one critical section, in which `value` is not touched.
    ///
    /// # Errors
    ///
    /// [`Error::UnsuitableMemory`] if a `T` is larger than a block, or more strictly aligned than the blocks are;
    /// [`Error::Exhausted`] or [`Error::Corrupt`]. The value is given back.
    #[inline]
    pub fn alloc_value<T>(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        place(self, (self.base, &self.geometry), || self.alloc_raw(), value)
    }

    /// Takes a block as an address. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    #[inline]
    pub fn alloc_raw(&self) -> Result<NonNull<u8>, Error> {
        // SAFETY: the lock is closed.
        match self.lock.with_or_stay_locked(|| unsafe { self.with_free_list(|raw| raw.alloc_fast()) }) {
            Ok(block) => Ok(block),
            Err(saved) => self.alloc_slow(saved),
        }
    }

    /// What [`alloc_raw`](Self::alloc_raw) would say now; nothing is taken, nothing counted. O(1); one critical
    /// section.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw).
    pub fn can_alloc(&self) -> Result<(), Error> {
        self.with_lock(|raw| raw.can_alloc())
    }

    /// Returns a block by its address. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::DoubleFree`] and [`Error::NotABlock`]: the pool is unharmed and the refusal counted.
    ///
    /// # Safety
    ///
    /// If `block` is a live block of this pool, then it is the caller's and is not used again.
    #[inline]
    pub unsafe fn free_raw(&self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: the lock is closed; the block is as the caller promises.
        match self.lock.with_or_stay_locked(|| unsafe { self.with_free_list(|raw| raw.free_fast(block)) }) {
            Ok(()) => Ok(()),
            // SAFETY: as the caller promises.
            Err(saved) => unsafe { self.free_slow(block, saved) },
        }
    }

    /// As [`alloc_raw`](Self::alloc_raw), from the reserve as well: for interrupts. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw).
    pub fn alloc_raw_from_isr(&self) -> Result<NonNull<u8>, Error> {
        self.with_lock(|raw| raw.alloc_from_isr())
    }

    /// Keeps the last `blocks` free blocks for [`alloc_raw_from_isr`](Self::alloc_raw_from_isr); 0 for none. O(1);
    /// one critical section. A pool with a reserve takes and returns blocks by a somewhat longer path.
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`]; nothing is changed.
    pub fn set_isr_reserve(&self, blocks: usize) -> Result<(), Error> {
        self.with_lock(|raw| raw.set_reserve(blocks))
    }

    /// Fills `blocks` with the addresses of free blocks: all or none. O(n) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::BatchTooLarge`], [`Error::Exhausted`] or [`Error::Corrupt`]; then no block is taken.
    pub fn alloc_batch_raw(&self, blocks: &mut [MaybeUninit<NonNull<u8>>]) -> Result<(), Error> {
        self.with_lock(|raw| raw.alloc_batch(blocks))
    }

    /// Returns blocks by their addresses: all or none. O(n) inside one critical section.
    ///
    /// # Errors
    ///
    /// The number of the first address that is wrong, with the reason; then no block is returned, and one refusal is
    /// counted. A block that comes twice is a [`Error::DoubleFree`].
    ///
    /// # Safety
    ///
    /// Each that is a live block of this pool is the caller's and is not used again.
    pub unsafe fn free_batch_raw(&self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        // SAFETY: as the caller promises.
        self.with_lock(|raw| unsafe { raw.free_batch(blocks) })
    }

    /// Where block 0 begins. O(1), no critical section.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The geometry. O(1), no critical section.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    pub fn stats(&self) -> Stats {
        StatsBuilder::make(|survey| self.with_lock(|raw| raw.collect_stats(survey)))
    }

    /// Walks the free list and compares it with the marks. O(capacity) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        self.with_lock(|raw| raw.validate())
    }

    /// Makes the free list anew from the marks after [`Error::Corrupt`], and returns its length in blocks.
    /// O(capacity) inside one critical section. Live blocks are not touched.
    pub fn repair(&self) -> usize {
        self.with_lock(|raw| raw.repair())
    }

    /// Starts [`Stats::lowest_free`] anew from now. O(capacity) inside one critical section.
    pub fn reset_lowest_free(&self) {
        self.with_lock(|raw| raw.reset_lowest_free());
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, saved: L::Saved) -> Result<NonNull<u8>, Error> {
        // SAFETY: the lock is closed.
        let taken = unsafe { self.with_free_list(|raw| raw.alloc_slow()) };
        // SAFETY: closed with `saved` by `alloc_raw`.
        unsafe { self.lock.release(saved) };
        taken
    }

    /// # Safety
    ///
    /// As [`FreeList::free`]; the lock is closed with `saved`.
    #[cold]
    #[inline(never)]
    unsafe fn free_slow(&self, block: *mut u8, saved: L::Saved) -> Result<(), Error> {
        // SAFETY: the lock is closed; the block is as the caller promises.
        let answer = unsafe { self.with_free_list(|raw| raw.free_slow(block)) };
        // SAFETY: closed with `saved` by `free_raw`.
        unsafe { self.lock.release(saved) };
        answer
    }

    #[inline(always)]
    fn with_lock<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        // SAFETY: the lock is closed.
        self.lock.with(|| unsafe { self.with_free_list(work) })
    }

    /// # Safety
    ///
    /// The lock is closed.
    #[inline(always)]
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        self.lock.assert_held();
        let result = self.list.with_mut(|list| {
            // SAFETY: with the lock closed nobody else has a reference to the list.
            let list = unsafe { &mut *list };
            // SAFETY: `new` set up the marks, and they are the pool's by exclusive borrow.
            let marks = unsafe { ByteMap::new(self.marks.as_ptr()) };
            // SAFETY: the four parts are this pool's own, by exclusive borrow, and `new` cut the memory to `geometry`.
            let mut raw = unsafe {
                FreeList::new(
                    (&mut list.head, &mut list.free_list_len),
                    &mut list.counters,
                    self.base.as_ptr(),
                    &self.geometry,
                    marks,
                )
            };
            work(&mut raw)
        });
        self.lock.assert_held();
        result
    }
}

// SAFETY: the memory is the pool's by exclusive borrow, wherever the pool moves; a block in use is on no list.
unsafe impl<L: RawLock> Reclaim for DynPool<'_, L> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_raw(block.as_ptr()) };
    }
}

// SAFETY: the marks know.
unsafe impl<L: RawLock> Owns for DynPool<'_, L> {
    fn owns(&self, address: *const u8) -> bool {
        self.with_lock(|raw| raw.is_live(address))
    }
}

impl<L: RawLock> Sealed for DynPool<'_, L> {}

// SAFETY: the lock guards this very pool. A block is a stride long, and any byte is a `MaybeUninit`.
unsafe impl<L: RawLock> LockedPool for DynPool<'_, L> {
    type Lock = L;
    type Block = [MaybeUninit<u8>];

    #[inline(always)]
    fn lock(&self) -> &L {
        &self.lock
    }

    #[inline(always)]
    fn view(&self, block: NonNull<u8>) -> NonNull<[MaybeUninit<u8>]> {
        NonNull::slice_from_raw_parts(block.cast(), self.geometry.stride())
    }

    #[inline(always)]
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        // SAFETY: as the caller promises.
        unsafe { DynPool::with_free_list(self, work) }
    }
}

/// Whether each block is as aligned as a `T`, where the first begins at `base`. O(1).
#[inline(always)]
pub(crate) fn all_aligned_for<T>(base: NonNull<u8>, geometry: &Geometry) -> bool {
    (base.addr().get() | geometry.stride()) & (align_of::<T>() - 1) == 0
}

/// Moves `value` into a block that `take` takes from `pool`, whose blocks begin at `base`, if it fits such a block.
#[inline(always)]
pub(crate) fn place<'p, T, P: Reclaim>(
    pool: &'p P,
    (base, geometry): (NonNull<u8>, &Geometry),
    take: impl FnOnce() -> Result<NonNull<u8>, Error>,
    value: T,
) -> Result<PoolBox<'p, T, P>, Rejected<T>> {
    if !all_aligned_for::<T>(base, geometry) || size_of::<T>() > geometry.stride() {
        return Err(Rejected { error: Error::UnsuitableMemory, value });
    }
    match take() {
        Ok(block) => {
            let block = block.cast::<T>();
            // SAFETY: the block is ours, and as large and aligned as a `T`.
            unsafe { block.write(value) };
            // SAFETY: just taken and written.
            Ok(unsafe { PoolBox::from_parts(pool, block) })
        }
        Err(error) => Err(Rejected { error, value }),
    }
}
