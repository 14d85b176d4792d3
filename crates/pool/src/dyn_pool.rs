//! Pools of byte blocks over memory that the program provides.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::free_list::{FreeList, Link};
use crate::locked_pool::{FreeListState, LockedOperations, LockedPool};
use crate::sealed::Sealed;
use crate::sync::Guarded;
use crate::{
    ByteMap, DefaultLock, Error, Geometry, Owns, PoolBox, RawLock, Reclaim, Rejected, Stats, WaitablePool,
};

/// A pool of byte blocks over borrowed memory: a static, a stack array, a linker section, part of a heap.
///
/// RAM besides that memory: this struct (12 words and the lock). At the end of the memory lies the allocation map, with one
/// byte for each block.
///
/// * Cost: making one is O(capacity) (the map is zeroed); alloc and free are O(1), one critical section of `L`.
/// * Context: as `L` allows; the pool is `Sync` exactly when its lock is.
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
    state: Guarded<FreeListState>,
    geometry: Geometry,
    base: NonNull<u8>,
    map: NonNull<u8>,
    memory: PhantomData<&'m mut [MaybeUninit<u8>]>,
}

// SAFETY: the list and the map are used with the lock held only, which excludes all other contexts.
unsafe impl<L: RawLock + Sync> Sync for DynPool<'_, L> {}
// SAFETY: the pool owns, by exclusive borrow, all it points to.
unsafe impl<L: RawLock + Send> Send for DynPool<'_, L> {}

impl<'m, L: RawLock> DynPool<'m, L> {
    /// Cuts `memory` into as many blocks of at least `block_size` bytes, aligned to `align` bytes and to a pointer,
    /// as fit with their map. O(capacity).
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
        // This runs once for each pool, so a division is acceptable.
        let capacity = memory.len().saturating_sub(padding) / (stride + 1);
        if capacity == 0 {
            return Err(Error::UnsuitableMemory);
        }
        let geometry = Geometry::new(block_size, align, capacity)?;
        memory[padding + geometry.bytes()..][..capacity].fill(MaybeUninit::new(crate::allocation_map::FREE));
        let base = memory[padding..].as_mut_ptr().cast::<u8>();
        // SAFETY: both are addresses inside a slice, which do not lie at null; the map begins behind the blocks.
        let (base, map) =
            unsafe { (NonNull::new_unchecked(base), NonNull::new_unchecked(base.add(geometry.bytes()))) };
        let state = Guarded::new(FreeListState::NEW);
        Ok(Self { lock: L::INIT, state, geometry, base, map, memory: PhantomData })
    }

    /// Allocates a block, a stride of bytes. O(1); one critical section. The content of the bytes is undefined.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    #[inline]
    pub fn alloc(&self) -> Result<PoolBox<'_, [MaybeUninit<u8>], Self>, Error> {
        let block = self.alloc_raw()?;
        // SAFETY: just allocated.
        Ok(unsafe { PoolBox::from_parts(self, self.view(block)) })
    }

    /// Allocates a block and moves `value` into it. O(1); one critical section, in which `value` is not touched.
    ///
    /// # Errors
    ///
    /// [`Error::UnsuitableMemory`] if a `T` is larger than a block, or more strictly aligned than the blocks are;
    /// [`Error::Exhausted`] or [`Error::Corrupt`]. The value is returned.
    #[inline]
    pub fn alloc_value<T>(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        place(self, (self.base, &self.geometry), || self.alloc_raw(), value)
    }

    /// Allocates a block and returns its address. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    #[inline]
    pub fn alloc_raw(&self) -> Result<NonNull<u8>, Error> {
        self.alloc_block()
    }

    /// What [`alloc_raw`](Self::alloc_raw) would answer now; nothing is allocated, nothing is counted. O(1); one critical
    /// section.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw).
    pub fn can_alloc(&self) -> Result<(), Error> {
        self.with_lock(|list| list.can_alloc())
    }

    /// Frees a block by its address. O(1); one critical section.
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
        // SAFETY: as the caller promises.
        unsafe { self.free_block(block) }
    }

    /// As [`alloc_raw`](Self::alloc_raw), from the reserve as well: for interrupts. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// As [`alloc_raw`](Self::alloc_raw).
    pub fn alloc_raw_from_isr(&self) -> Result<NonNull<u8>, Error> {
        self.with_lock(|list| list.alloc_from_isr())
    }

    /// Keeps the last `blocks` free blocks for [`alloc_raw_from_isr`](Self::alloc_raw_from_isr); 0 for none. O(1);
    /// one critical section. A pool with a reserve allocs and frees on the slow path.
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`]; nothing is changed.
    pub fn set_isr_reserve(&self, blocks: usize) -> Result<(), Error> {
        self.with_lock(|list| list.set_reserve(blocks))
    }

    /// Fills `blocks` with the addresses of free blocks: all or none. O(n) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::BatchTooLarge`], [`Error::Exhausted`] or [`Error::Corrupt`]; then no block is allocated.
    pub fn alloc_batch_raw(&self, blocks: &mut [MaybeUninit<NonNull<u8>>]) -> Result<(), Error> {
        self.with_lock(|list| list.alloc_batch(blocks))
    }

    /// Frees blocks by their addresses: all or none. O(n) inside one critical section.
    ///
    /// # Errors
    ///
    /// The position of the first address that is wrong, with the reason; then no block is freed, and one refusal is
    /// counted. A block that comes twice is a [`Error::DoubleFree`].
    ///
    /// # Safety
    ///
    /// Each that is a live block of this pool is the caller's and is not used again.
    pub unsafe fn free_batch_raw(&self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        // SAFETY: as the caller promises.
        self.with_lock(|list| unsafe { list.free_batch(blocks) })
    }

    /// The address of block 0. O(1), no critical section.
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The geometry. O(1), no critical section.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    pub fn stats(&self) -> Stats {
        self.snapshot()
    }

    /// Walks the free list and compares it with the allocation map. O(capacity) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        self.with_lock(|list| list.validate())
    }

    /// Rebuilds the free list from the allocation map after [`Error::Corrupt`], and returns its length in blocks.
    /// O(capacity) inside one critical section. Live blocks are not touched.
    pub fn repair(&self) -> usize {
        self.with_lock(|list| list.repair())
    }

    /// Resets [`Stats::lowest_free`] to the current number. O(capacity) inside one critical section.
    pub fn reset_lowest_free(&self) {
        self.with_lock(|list| list.reset_lowest_free());
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

// SAFETY: the allocation map says so.
unsafe impl<L: RawLock> Owns for DynPool<'_, L> {
    fn owns(&self, address: *const u8) -> bool {
        self.with_lock(|list| list.is_live(address))
    }
}

impl<L: RawLock> Sealed for DynPool<'_, L> {}

// SAFETY: the lock is used for this pool only.
unsafe impl<L: RawLock> LockedPool for DynPool<'_, L> {
    type Lock = L;
    type Map = ByteMap;

    #[inline(always)]
    fn lock(&self) -> &L {
        &self.lock
    }

    #[inline(always)]
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        self.lock.assert_held();
        let result = self.state.with_mut(|state| {
            // SAFETY: with the lock held nothing else has a reference to the state.
            let state = unsafe { &mut *state };
            // SAFETY: `new` made the map, which is the pool's by exclusive borrow.
            let map = unsafe { ByteMap::new(self.map.as_ptr()) };
            // SAFETY: the four parts are this pool's own, by exclusive borrow, and `new` cut the memory to `geometry`.
            let mut list = unsafe {
                FreeList::new(
                    (&mut state.head, &mut state.len),
                    &mut state.counters,
                    self.base.as_ptr(),
                    &self.geometry,
                    map,
                )
            };
            work(&mut list)
        });
        self.lock.assert_held();
        result
    }
}

// SAFETY: a block is a stride long, and any byte is a `MaybeUninit`.
unsafe impl<L: RawLock> WaitablePool for DynPool<'_, L> {
    type Block = [MaybeUninit<u8>];

    #[inline(always)]
    fn view(&self, block: NonNull<u8>) -> NonNull<[MaybeUninit<u8>]> {
        NonNull::slice_from_raw_parts(block.cast(), self.geometry.stride())
    }
}

/// Whether every block is aligned for a `T`, if the first begins at `base`. O(1).
#[inline(always)]
pub(crate) fn all_aligned_for<T>(base: NonNull<u8>, geometry: &Geometry) -> bool {
    (base.addr().get() | geometry.stride()) & (align_of::<T>() - 1) == 0
}

/// Moves `value` into the block that `alloc` allocates from `pool`, whose blocks begin at `base`, if it fits such a block.
#[inline(always)]
pub(crate) fn place<'p, T, P: Reclaim>(
    pool: &'p P,
    (base, geometry): (NonNull<u8>, &Geometry),
    alloc: impl FnOnce() -> Result<NonNull<u8>, Error>,
    value: T,
) -> Result<PoolBox<'p, T, P>, Rejected<T>> {
    if !all_aligned_for::<T>(base, geometry) || size_of::<T>() > geometry.stride() {
        return Err(Rejected { error: Error::UnsuitableMemory, value });
    }
    match alloc() {
        Ok(block) => {
            let block = block.cast::<T>();
            // SAFETY: just allocated, and as large and aligned as a `T`.
            unsafe { block.write(value) };
            // SAFETY: just allocated and written.
            Ok(unsafe { PoolBox::from_parts(pool, block) })
        }
        Err(error) => Err(Rejected { error, value }),
    }
}
