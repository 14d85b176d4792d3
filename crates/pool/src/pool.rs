//! Typed pools that are constants: `static POOL: Pool<T, N> = Pool::new();`.

use core::cell::UnsafeCell;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;

use crate::free_list::{FreeList, Link};
use crate::locked_pool::{FreeListState, LockedOperations, LockedPool};
use crate::sealed::Sealed;
use crate::sync::{Guarded, prefetch};
use crate::{
    AllocationMap, Boxed, ByteMap, DefaultLock, Error, Geometry, NoChecks, NoMap, Owns, PoolBox, RawLock,
    Reclaim, Rejected, Stats, TypedPool, WaitablePool,
};

/// What a pool checks: [`Checked`], [`LinksChecked`] or [`Unchecked`]. Sealed: only types of this crate implement it, since
/// the pool's unsafe code relies on it.
pub trait Checks: Sealed {
    /// Room for the allocation map of `N` blocks.
    type Room<const N: usize>;
    /// The allocation map.
    type Map: AllocationMap;
    /// The map in `room`.
    ///
    /// # Safety
    ///
    /// `room` is the room of a pool of `N` blocks, valid for reads and writes as long as the result is used, all zero at
    /// first, and only the pool's map writes to it.
    unsafe fn map<const N: usize>(room: *mut Self::Room<N>) -> Self::Map;
}

/// The pool has an allocation map: double frees and foreign addresses that come back through [`PoolBox::from_raw`] are
/// refused, and a forged link never leads to a block in use. One byte of RAM for each block.
#[derive(Debug)]
pub struct Checked;

/// The pool has no allocation map: for a pool whose blocks are known to the type system only. Links are still checked for
/// range and stride.
#[derive(Debug)]
pub struct LinksChecked;

/// The pool checks nothing: for a pool whose blocks are known to the type system only, in a program without writes to wrong
/// addresses. It keeps its list and its counters, and follows a damaged link.
///
/// ```
/// use microusc_pool::{NoLock, Pool, Unchecked};
///
/// thread_local! {
///     static POOL: &'static Pool<u32, 8, NoLock, Unchecked> = Box::leak(Box::new(Pool::new()));
/// }
/// POOL.with(|pool| assert_eq!(*pool.alloc(7).unwrap(), 7));
/// ```
#[derive(Debug)]
pub struct Unchecked;

impl Sealed for Checked {}
impl Sealed for LinksChecked {}
impl Sealed for Unchecked {}
impl<T, const N: usize, L: RawLock, M: Checks> Sealed for Pool<T, N, L, M> {}

impl Checks for Checked {
    type Room<const N: usize> = [u8; N];
    type Map = ByteMap;

    #[inline(always)]
    unsafe fn map<const N: usize>(room: *mut [u8; N]) -> ByteMap {
        // SAFETY: as the caller promises.
        unsafe { ByteMap::new(room.cast()) }
    }
}

impl Checks for LinksChecked {
    type Room<const N: usize> = [u8; 0];
    type Map = NoMap;

    #[inline(always)]
    unsafe fn map<const N: usize>(_: *mut [u8; 0]) -> NoMap {
        NoMap
    }
}

impl Checks for Unchecked {
    type Room<const N: usize> = [u8; 0];
    type Map = NoChecks;

    #[inline(always)]
    unsafe fn map<const N: usize>(_: *mut [u8; 0]) -> NoChecks {
        NoChecks
    }
}

/// A block: a value while it has an owner, a link while it is free.
#[repr(C)]
pub(crate) union BlockStorage<T> {
    value: ManuallyDrop<MaybeUninit<T>>,
    link: ManuallyDrop<Link>,
}

/// A pool of `N` blocks, each for one `T`.
///
/// `Pool::new()` is a constant of zero bytes: a static pool lies in `.bss`, takes no flash, and is ready before
/// `main`. RAM besides the blocks: 32 bytes (48 with pointers of 64 bits), the lock, and a byte a block ([`Checked`]) or
/// none ([`LinksChecked`], [`Unchecked`]).
///
/// * Cost: [`alloc`](Self::alloc) and dropping its handle are O(1), each one short critical section of `L`.
/// * Context: as `L` allows; a `Pool` is `Sync` exactly when its lock is (and `T` may be sent). The lock of a pool that names
///   none depends on the target: see the table of [`DefaultLock`].
/// * A pool is used in place, for ever (`&'static self`), since its free blocks hold addresses of each other.
///
/// ```
/// use microusc_pool::{Error, Pool};
///
/// static POOL: Pool<[u8; 16], 2> = Pool::new();
///
/// let first = POOL.alloc([1; 16]).unwrap();
/// let second = POOL.alloc([2; 16]).unwrap();
/// let refused = POOL.alloc([3; 16]).unwrap_err();
/// assert_eq!((refused.error, refused.value), (Error::Exhausted, [3; 16])); // the value is not lost
/// drop(first);
/// assert_eq!(POOL.stats().free, 1);
/// # drop(second);
/// ```
pub struct Pool<T, const N: usize, L: RawLock = DefaultLock, M: Checks = Checked> {
    lock: L,
    state: Guarded<FreeListState>,
    map: UnsafeCell<MaybeUninit<M::Room<N>>>,
    blocks: UnsafeCell<MaybeUninit<[BlockStorage<T>; N]>>,
}

// SAFETY: the list and the map are used with the lock held only, and `L: Sync` promises that this excludes all other
// contexts. A value is reached through its handle, of which there is one; `T: Send` lets it be made in one
// thread and dropped in another.
unsafe impl<T: Send, const N: usize, L: RawLock + Sync, M: Checks> Sync for Pool<T, N, L, M> {}
// SAFETY: a pool is moved only before it is ever used, since using it takes a `&'static` reference.
unsafe impl<T: Send, const N: usize, L: RawLock + Send, M: Checks> Send for Pool<T, N, L, M> {}

impl<T, const N: usize, L: RawLock, M: Checks> Pool<T, N, L, M> {
    /// The geometry, computed by the compiler; a pool that cannot exist does not compile.
    const GEOMETRY: Geometry =
        match Geometry::new(size_of::<BlockStorage<T>>(), align_of::<BlockStorage<T>>(), N) {
            Ok(geometry) => geometry,
            Err(error) => panic!("{}", error.message()),
        };

    /// An empty pool, all zero bytes.
    ///
    /// A pool of no blocks does not compile:
    ///
    /// ```compile_fail
    /// static POOL: microusc_pool::Pool<u32, 0> = microusc_pool::Pool::new();
    /// ```
    #[expect(
        clippy::new_without_default,
        reason = "a pool is made in a constant, where Default cannot be called"
    )]
    pub const fn new() -> Self {
        let _checked = Self::GEOMETRY;
        Self {
            lock: L::INIT,
            state: Guarded::new(FreeListState::NEW),
            map: UnsafeCell::new(MaybeUninit::zeroed()),
            blocks: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Allocates a block and moves `value` into it. O(1); one critical section, in which `value` is not touched.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`], with the value returned.
    #[inline]
    pub fn alloc(&'static self, value: T) -> Result<Boxed<Self>, Rejected<T>> {
        match self.alloc_block() {
            Ok(block) => {
                let block = block.cast::<T>();
                // SAFETY: just allocated, and as large and aligned as a `T`.
                unsafe { block.write(value) };
                // SAFETY: just allocated and written.
                Ok(unsafe { PoolBox::from_parts(self, block) })
            }
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// Allocates a block and fills it with what `make` returns. O(1), and `make`, which runs outside the critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`]; then `make` is not called.
    #[inline]
    pub fn alloc_with(&'static self, make: impl FnOnce() -> T) -> Result<Boxed<Self>, Error> {
        let block = self.alloc_uninit()?;
        Ok(PoolBox::write(block, make()))
    }

    /// Allocates a block without filling it. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    #[inline]
    pub fn alloc_uninit(&'static self) -> Result<PoolBox<'static, MaybeUninit<T>, Self>, Error> {
        // SAFETY: just allocated; a `MaybeUninit` needs no initialisation.
        self.alloc_block().map(|block| unsafe { PoolBox::from_parts(self, block.cast()) })
    }

    /// As [`alloc`](Self::alloc), from the reserve as well: for interrupts. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    pub fn alloc_from_isr(&'static self, value: T) -> Result<Boxed<Self>, Rejected<T>> {
        match self.with_lock(|list| list.alloc_from_isr()) {
            Ok(block) => {
                let block = block.cast::<T>();
                // SAFETY: just allocated, and as large and aligned as a `T`.
                unsafe { block.write(value) };
                // SAFETY: just allocated and written.
                Ok(unsafe { PoolBox::from_parts(self, block) })
            }
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// Keeps the last `blocks` free blocks for [`alloc_from_isr`](Self::alloc_from_isr); 0 for none. O(1); one
    /// critical section. A pool with a reserve allocs and frees on the slow path.
    ///
    /// ```
    /// use microusc_pool::{Error, Pool};
    ///
    /// static POOL: Pool<u32, 4> = Pool::new();
    /// POOL.set_isr_reserve(3)?;
    /// let for_tasks = POOL.alloc(1).unwrap();
    /// assert_eq!(POOL.alloc(2).unwrap_err().error, Error::Exhausted);
    /// let for_interrupts = POOL.alloc_from_isr(2).unwrap();
    /// assert_eq!(POOL.set_isr_reserve(5), Err(Error::ReserveTooLarge));
    /// # drop((for_tasks, for_interrupts));
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`]; nothing is changed.
    pub fn set_isr_reserve(&self, blocks: usize) -> Result<(), Error> {
        self.with_lock(|list| list.set_reserve(blocks))
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    pub fn stats(&self) -> Stats {
        self.snapshot()
    }

    /// Walks the free list and compares it with the allocation map. O(N) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        self.with_lock(|list| list.validate())
    }
}

impl<T, const N: usize, L: RawLock> Pool<T, N, L, Checked> {
    /// Allocates `K` blocks without filling them: all or none. O(K) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::BatchTooLarge`], [`Error::Exhausted`] or [`Error::Corrupt`]; then no block is allocated.
    pub fn alloc_batch<const K: usize>(
        &'static self,
    ) -> Result<[PoolBox<'static, MaybeUninit<T>, Self>; K], Error> {
        let mut blocks = [MaybeUninit::uninit(); K];
        self.with_lock(|list| list.alloc_batch(&mut blocks))?;
        // SAFETY: all written, and just allocated; a `MaybeUninit` needs no initialisation.
        Ok(blocks.map(|block| unsafe { PoolBox::from_parts(self, block.assume_init().cast()) }))
    }

    /// Frees a block by its address, without dropping the value in it. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::DoubleFree`] and [`Error::NotABlock`]: the pool is unharmed and the refusal counted.
    ///
    /// # Safety
    ///
    /// If `block` is a live block of this pool, then it is the caller's (from [`PoolBox::into_raw`]) and is not used
    /// again.
    #[inline]
    pub unsafe fn free_raw(&self, block: *mut T) -> Result<(), Error> {
        // SAFETY: as the caller promises.
        unsafe { self.free_block(block.cast()) }
    }

    /// Rebuilds the free list from the allocation map after [`Error::Corrupt`], and returns its length in blocks.
    /// O(N) inside one critical section. Live blocks are not touched.
    pub fn repair(&self) -> usize {
        self.with_lock(|list| list.repair())
    }

    /// Resets [`Stats::lowest_free`] to the current number. O(N) inside one critical section.
    pub fn reset_lowest_free(&self) {
        self.with_lock(|list| list.reset_lowest_free());
    }
}

// SAFETY: blocks are allocated from `&'static self` only, so that the pool never moves; a block in use is on no list.
unsafe impl<T, const N: usize, L: RawLock, M: Checks> Reclaim for Pool<T, N, L, M> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_block(block.as_ptr()) };
    }
}

// SAFETY: the allocation map says so.
unsafe impl<T, const N: usize, L: RawLock> Owns for Pool<T, N, L, Checked> {
    fn owns(&self, address: *const u8) -> bool {
        self.with_lock(|list| list.is_live(address))
    }
}

// SAFETY: the lock is used for this pool only.
unsafe impl<T, const N: usize, L: RawLock, M: Checks> LockedPool for Pool<T, N, L, M> {
    type Lock = L;
    type Map = M::Map;

    #[inline(always)]
    fn lock(&self) -> &L {
        &self.lock
    }

    #[inline(always)]
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, M::Map>) -> R) -> R {
        self.lock.assert_held();
        let result = self.state.with_mut(|state| {
            // SAFETY: with the lock held nothing else has a reference to the state.
            let state = unsafe { &mut *state };
            // SAFETY: this pool's room for the map of `N` blocks, with the lock held.
            let map = unsafe { M::map::<N>(self.map.get().cast()) };
            // SAFETY: the four parts are this pool's own and stay where they are for ever; `GEOMETRY` is that of
            // `blocks`; only this function and the owners of blocks reach them.
            let mut list = unsafe {
                FreeList::new(
                    (&mut state.head, &mut state.len),
                    &mut state.counters,
                    self.blocks.get().cast(),
                    &const { Self::GEOMETRY },
                    map,
                )
            };
            work(&mut list)
        });
        self.lock.assert_held();
        result
    }

    #[inline(always)]
    fn prefetch_after_alloc(&self) {
        if L::SPINS {
            prefetch::after_alloc(self.blocks.get().addr());
        }
    }

    #[inline(always)]
    fn remember_freed(&self, block: *mut u8) {
        if L::SPINS {
            prefetch::remember_freed(self.blocks.get().addr(), block.addr());
        }
    }
}

// SAFETY: a block is as large and aligned as a `T`, and a `MaybeUninit` needs no initialisation.
unsafe impl<T, const N: usize, L: RawLock> WaitablePool for Pool<T, N, L, Checked> {
    type Block = MaybeUninit<T>;

    #[inline(always)]
    fn view(&self, block: NonNull<u8>) -> NonNull<MaybeUninit<T>> {
        block.cast()
    }
}

impl<T, const N: usize, L: RawLock, M: Checks> TypedPool for Pool<T, N, L, M> {
    type Value = T;
}
