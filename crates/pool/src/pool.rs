//! Typed pools that are constants: `static POOL: Pool<T, N> = Pool::new();`.

use core::cell::UnsafeCell;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::{NonNull, null_mut};

use crate::free_list::{Counters, FreeList, Link};
use crate::sealed::Sealed;
use crate::sync::{Guarded, ahead};
use crate::{
    AllocationMap, ByteMap, DefaultLock, Error, Geometry, LockedPool, NoChecks, NoMap, Owns, PoolBox,
    RawLock, Reclaim, Rejected, Stats, StatsBuilder,
};

/// Whether a pool records the owner of each block, and where: [`Checked`], [`LinksChecked`] or [`Unchecked`]. Sealed: no other
/// type implements it, since the pool's unsafe code relies on what it says.
pub trait Checks: Sealed {
    /// Room for the marks of `N` blocks.
    type Room<const N: usize>;
    /// How they are used.
    type Map: AllocationMap;
    /// The map at the start: all zero.
    ///
    /// # Safety
    ///
    /// `room` is the room of a pool of `N` blocks, valid for reads and writes as long as the result is used, in which only
    /// the pool's marks are written.
    unsafe fn marks<const N: usize>(room: *mut Self::Room<N>) -> Self::Map;
}

/// A mark for each block: double frees and foreign addresses that come back through
/// [`PoolBox::from_raw`] are refused, and a forged link never leads to a block in use. One byte a block.
#[derive(Debug)]
pub struct Checked;

/// No marks: for a pool whose blocks never leave the type system. Links are still checked for range and stride.
#[derive(Debug)]
pub struct LinksChecked;

/// Nothing is checked: for a pool whose blocks never leave the type system, next to code that never writes astray.
///
/// What is left is the list itself and the number of free blocks. A damaged link is followed.
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
    unsafe fn marks<const N: usize>(room: *mut [u8; N]) -> ByteMap {
        // SAFETY: as the caller promises.
        unsafe { ByteMap::new(room.cast()) }
    }
}

impl Checks for LinksChecked {
    type Room<const N: usize> = [u8; 0];
    type Map = NoMap;

    #[inline(always)]
    unsafe fn marks<const N: usize>(_: *mut [u8; 0]) -> NoMap {
        NoMap
    }
}

impl Checks for Unchecked {
    type Room<const N: usize> = [u8; 0];
    type Map = NoChecks;

    #[inline(always)]
    unsafe fn marks<const N: usize>(_: *mut [u8; 0]) -> NoChecks {
        NoChecks
    }
}

/// A block: a value while it has an owner, a link while it is free.
#[repr(C)]
pub(crate) union BlockStorage<T> {
    value: ManuallyDrop<MaybeUninit<T>>,
    link: ManuallyDrop<Link>,
}

#[repr(C)]
pub(crate) struct FreeListState {
    pub(crate) head: *mut Link,
    pub(crate) free_list_len: usize,
    pub(crate) counters: Counters,
}

impl FreeListState {
    /// Of a pool that was never used: all zero.
    pub(crate) const EMPTY: Self = Self { head: null_mut(), free_list_len: 0, counters: Counters::NEW };
}

/// A pool of `N` blocks, each for one `T`.
///
/// `Pool::new()` is a constant of zero bytes: a static pool lies in `.bss`, takes no flash, and is ready before
/// `main`. RAM besides the blocks: 32 bytes (48 with pointers of 64 bits), the lock, and a byte a block ([`Checked`]) or none ([`LinksChecked`], [`Unchecked`]).
///
/// * Cost: [`alloc`](Self::alloc) and dropping its handle are O(1), each one short critical section of `L`.
/// * Context: whatever `L` allows; a `Pool` is `Sync` exactly when its lock is (and `T` may be sent). Which lock a pool has
///   that names none depends on the target: [`DefaultLock`] has the table.
/// * A pool is used in place, for ever (`&'static self`): its blocks know their addresses.
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
    list: Guarded<FreeListState>,
    marks: UnsafeCell<MaybeUninit<M::Room<N>>>,
    blocks: UnsafeCell<MaybeUninit<[BlockStorage<T>; N]>>,
}

// SAFETY: the list and the marks are touched with the lock closed only, and `L: Sync` promises that this excludes
// everybody else. A value is reached through its handle, of which there is one; `T: Send` lets it be made in one
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
            list: Guarded::new(FreeListState::EMPTY),
            marks: UnsafeCell::new(MaybeUninit::zeroed()),
            blocks: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Moves `value` into a block. O(1); one critical section, in which `value` is not touched.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`], with the value given back.
    #[inline]
    pub fn alloc(&'static self, value: T) -> Result<Boxed<Self>, Rejected<T>> {
        match self.alloc_block() {
            Ok(block) => {
                // SAFETY: the block is ours, and as large and aligned as a `T`.
                unsafe { block.write(value) };
                // SAFETY: just taken and written.
                Ok(unsafe { PoolBox::from_parts(self, block) })
            }
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// Makes a value in a block, only when there is one. O(1) plus `make`, which runs outside the critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`]; then `make` is not called.
    #[inline]
    pub fn alloc_with(&'static self, make: impl FnOnce() -> T) -> Result<Boxed<Self>, Error> {
        let block = self.alloc_uninit()?;
        Ok(PoolBox::write(block, make()))
    }

    /// Takes a block without filling it. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    #[inline]
    pub fn alloc_uninit(&'static self) -> Result<PoolBox<'static, MaybeUninit<T>, Self>, Error> {
        // SAFETY: just taken; a `MaybeUninit` needs no initialisation.
        self.alloc_block().map(|block| unsafe { PoolBox::from_parts(self, block.cast()) })
    }

    /// As [`alloc`](Self::alloc), from the reserve as well: for interrupts. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// As [`alloc`](Self::alloc).
    pub fn alloc_from_isr(&'static self, value: T) -> Result<Boxed<Self>, Rejected<T>> {
        match self.with_lock(|raw| raw.alloc_from_isr()) {
            Ok(block) => {
                let block = block.cast::<T>();
                // SAFETY: the block is ours, and as large and aligned as a `T`.
                unsafe { block.write(value) };
                // SAFETY: just taken and written.
                Ok(unsafe { PoolBox::from_parts(self, block) })
            }
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// Keeps the last `blocks` free blocks for [`alloc_from_isr`](Self::alloc_from_isr); 0 for none. O(1); one
    /// critical section. A pool with a reserve takes and returns blocks by a somewhat longer path.
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
        self.with_lock(|raw| raw.set_reserve(blocks))
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    pub fn stats(&self) -> Stats {
        StatsBuilder::make(|survey| self.with_lock(|raw| raw.collect_stats(survey)))
    }

    /// Walks the free list and compares it with the marks. O(N) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        self.with_lock(|raw| raw.validate())
    }

    #[inline(always)]
    fn alloc_block(&self) -> Result<NonNull<T>, Error> {
        // SAFETY: the lock is closed.
        let usual = || unsafe { self.with_free_list(|raw| raw.alloc_fast()) }.inspect(|_| self.fetch_ahead());
        match self.lock.with_or_stay_locked(usual) {
            Ok(block) => Ok(block.cast()),
            Err(saved) => self.alloc_slow(saved).map(NonNull::cast),
        }
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, saved: L::Saved) -> Result<NonNull<u8>, Error> {
        // SAFETY: the lock is closed.
        let taken = unsafe { self.with_free_list(|raw| raw.alloc_slow()) };
        // SAFETY: closed with `saved` by `alloc_block`.
        unsafe { self.lock.release(saved) };
        taken
    }

    /// Returns a block to the list.
    ///
    /// # Safety
    ///
    /// As [`FreeList::free`].
    #[inline(always)]
    unsafe fn free_block(&self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: the lock is closed; the block is as the caller promises.
        let usual =
            || unsafe { self.with_free_list(|raw| raw.free_fast(block)) }.inspect(|()| self.remember(block));
        match self.lock.with_or_stay_locked(usual) {
            Ok(()) => Ok(()),
            // SAFETY: as the caller promises.
            Err(saved) => unsafe { self.free_slow(block, saved) },
        }
    }

    /// # Safety
    ///
    /// As [`FreeList::free`]; the lock is closed with `saved`.
    #[cold]
    #[inline(never)]
    unsafe fn free_slow(&self, block: *mut u8, saved: L::Saved) -> Result<(), Error> {
        // SAFETY: the lock is closed; the block is as the caller promises.
        let answer = unsafe { self.with_free_list(|raw| raw.free_slow(block)) };
        // SAFETY: closed with `saved` by `free_block`.
        unsafe { self.lock.release(saved) };
        answer
    }

    /// The first block was taken; the lock is closed.
    #[inline(always)]
    fn fetch_ahead(&self) {
        if L::SPINS {
            ahead::taken(self.blocks.get().addr());
        }
    }

    /// `block` is the first now; the lock is closed.
    #[inline(always)]
    fn remember(&self, block: *mut u8) {
        if L::SPINS {
            ahead::returned(self.blocks.get().addr(), block.addr());
        }
    }

    #[inline(always)]
    fn with_lock<R>(&self, work: impl FnOnce(&mut FreeList<'_, M::Map>) -> R) -> R {
        // SAFETY: the lock is closed.
        self.lock.with(|| unsafe { self.with_free_list(work) })
    }

    /// # Safety
    ///
    /// The lock is closed.
    #[inline(always)]
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, M::Map>) -> R) -> R {
        self.lock.assert_held();
        let result = self.list.with_mut(|list| {
            // SAFETY: with the lock closed nobody else has a reference to the list.
            let list = unsafe { &mut *list };
            // SAFETY: this pool's room for `N` marks, with the lock held.
            let marks = unsafe { M::marks::<N>(self.marks.get().cast()) };
            // SAFETY: the four parts are this pool's own and stay where they are for ever; `GEOMETRY` is that of
            // `blocks`; only this function and the owners of blocks reach them.
            let mut raw = unsafe {
                FreeList::new(
                    (&mut list.head, &mut list.free_list_len),
                    &mut list.counters,
                    self.blocks.get().cast(),
                    &const { Self::GEOMETRY },
                    marks,
                )
            };
            work(&mut raw)
        });
        self.lock.assert_held();
        result
    }
}

impl<T, const N: usize, L: RawLock> Pool<T, N, L, Checked> {
    /// Takes `K` blocks without filling them: all or none. O(K) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::BatchTooLarge`], [`Error::Exhausted`] or [`Error::Corrupt`]; then no block is taken.
    pub fn alloc_batch<const K: usize>(
        &'static self,
    ) -> Result<[PoolBox<'static, MaybeUninit<T>, Self>; K], Error> {
        let mut blocks = [MaybeUninit::uninit(); K];
        self.with_lock(|raw| raw.alloc_batch(&mut blocks))?;
        // SAFETY: all written, and just taken; a `MaybeUninit` needs no initialisation.
        Ok(blocks.map(|block| unsafe { PoolBox::from_parts(self, block.assume_init().cast()) }))
    }

    /// Returns a block by its address, without dropping what is in it. O(1); one critical section.
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

    /// Makes the free list anew from the marks after [`Error::Corrupt`], and returns its length in blocks.
    /// O(N) inside one critical section. Live blocks are not touched.
    pub fn repair(&self) -> usize {
        self.with_lock(|raw| raw.repair())
    }

    /// Starts [`Stats::lowest_free`] anew from now. O(N) inside one critical section.
    pub fn reset_lowest_free(&self) {
        self.with_lock(|raw| raw.reset_lowest_free());
    }
}

// SAFETY: blocks are given out to `&'static self` only, so that the pool never moves; a block in use is on no list.
unsafe impl<T, const N: usize, L: RawLock, M: Checks> Reclaim for Pool<T, N, L, M> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_block(block.as_ptr()) };
    }
}

// SAFETY: the marks know.
unsafe impl<T, const N: usize, L: RawLock> Owns for Pool<T, N, L, Checked> {
    fn owns(&self, address: *const u8) -> bool {
        self.with_lock(|raw| raw.is_live(address))
    }
}

// SAFETY: the lock guards this very pool.
unsafe impl<T, const N: usize, L: RawLock> LockedPool for Pool<T, N, L, Checked> {
    type Lock = L;
    type Block = MaybeUninit<T>;

    #[inline(always)]
    fn lock(&self) -> &L {
        &self.lock
    }

    #[inline(always)]
    fn view(&self, block: NonNull<u8>) -> NonNull<MaybeUninit<T>> {
        block.cast()
    }

    #[inline(always)]
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        // SAFETY: as the caller promises.
        unsafe { Pool::with_free_list(self, work) }
    }
}

impl<T, const N: usize, L: RawLock, M: Checks> TypedPool for Pool<T, N, L, M> {
    type Value = T;
}

/// A pool for values of one type.
pub trait TypedPool: Reclaim {
    /// What its blocks are for.
    type Value;
}

/// The handle of a static pool's value: `Boxed<Pool<Packet, 32>>`.
pub type Boxed<P> = PoolBox<'static, <P as TypedPool>::Value, P>;
