//! Lock-free pools: one bit for each block, and no second word that must agree with it.
//!
//! ```text
//!  words    [ 1 1 0 1 ... | 0 0 0 0 ... | 1 0 ...  x x x ]      1: has an owner     x: beyond the last block
//!
//!  alloc: set a clear bit  - one atomic OR;   the context that found the bit clear has the block
//!  free:  clear a set bit  - one atomic AND;  the context that found the bit set has freed it, any other is refused
//! ```
//!
//! # Why there is no ABA problem
//!
//! In a list two words must agree: the head, and the link in the block that it points to. Between the read of one and the
//! change of the other, other contexts may change both and change them back. A tag makes that rarer, until the tag wraps.
//! Here an operation changes one bit of one word and depends on nothing else: a clear bit means a free block, whatever
//! happened in between.
//!
//! # How long it may take
//!
//! An alloc looks at the word of its hint, and if that has no free block, once at each of the ⌈N/32⌉ words. If another
//! context sets the bit between the look and the change, the walk begins anew at another word. That context has a block
//! then: of all contexts together one always makes progress. A free is one step. No context waits for another: an interrupt
//! that comes in the middle finishes, and so does the code that it interrupted.
//!
//! On chips, a free makes its word the hint, so that the next alloc looks at one word. On hosts each thread has a hint of
//! its own (found by the address of its stack), so that threads work on different cache lines.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

mod bitmap;
mod dyn_pool;
mod search_hint;

pub use bitmap::{AtomicStats, words_for};
pub use dyn_pool::{AtomicDynPool, AtomicWords};

use bitmap::{AtomicCounters, Bitmap};

use crate::pool::BlockStorage;
use crate::words::BitWord;
use crate::{AllocSlice, Error, Geometry, Owns, PoolBox, PoolVec, Reclaim, Rejected, TypedPool};

/// A pool of `N` blocks, each for one `T`, without a lock: `W` is [`words_for(N)`](words_for).
///
/// On targets without atomic instructions the same operations mask interrupts for a few instructions; the API is the same.
///
/// * Cost: see the [module](self); no critical section. RAM besides the blocks: `W` words and three more.
/// * Context: everywhere, non-maskable interrupts included (on targets with atomic words).
/// * Its words must be where atomics work: internal data RAM on the ESP32 family. A static is.
/// * It keeps no lowest number of free blocks, which would cost two more atomic steps in each direction.
///
/// ```
/// use microusc_pool::{AtomicPool, Error, words_for};
///
/// static EVENTS: AtomicPool<[u8; 24], 40, { words_for(40) }> = AtomicPool::new();
///
/// let event = EVENTS.alloc([0; 24]).unwrap();
/// assert_eq!(EVENTS.stats().free, 39);
/// drop(event);
/// # Ok::<(), Error>(())
/// ```
///
/// A wrong number of words does not compile:
///
/// ```compile_fail
/// static EVENTS: microusc_pool::AtomicPool<u64, 40, 1> = microusc_pool::AtomicPool::new();
/// ```
pub struct AtomicPool<T, const N: usize, const W: usize> {
    counters: AtomicCounters,
    words: [BitWord; W],
    blocks: UnsafeCell<MaybeUninit<[BlockStorage<T>; N]>>,
}

// SAFETY: a block is reached by the one context that set its bit; `T: Send` lets it be made here and dropped there.
unsafe impl<T: Send, const N: usize, const W: usize> Sync for AtomicPool<T, N, W> {}
// SAFETY: the pool owns its parts; handles borrow it, so it is moved only when there are none.
unsafe impl<T: Send, const N: usize, const W: usize> Send for AtomicPool<T, N, W> {}

impl<T, const N: usize, const W: usize> AtomicPool<T, N, W> {
    const GEOMETRY: Geometry =
        match Geometry::new(size_of::<BlockStorage<T>>(), align_of::<BlockStorage<T>>(), N) {
            Ok(geometry) if W == words_for(N) => geometry,
            Ok(_) => panic!("W must be words_for(N)"),
            Err(error) => panic!("{}", error.message()),
        };

    /// A pool of which nothing is in use, all zero bytes.
    #[expect(
        clippy::new_without_default,
        reason = "a pool is made in a constant, where Default cannot be called"
    )]
    pub const fn new() -> Self {
        let _checked = Self::GEOMETRY;
        Self {
            counters: AtomicCounters::new(),
            words: [const { BitWord::new() }; W],
            blocks: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Allocates a block and moves `value` into it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], with the value returned.
    #[inline]
    pub fn alloc(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        match self.alloc_uninit() {
            Ok(block) => Ok(PoolBox::write(block, value)),
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// Allocates a block without filling it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc_uninit(&self) -> Result<PoolBox<'_, MaybeUninit<T>, Self>, Error> {
        let allocated = match self.map().alloc_fast() {
            Ok(index) => Some(self.handle(self.block(index))),
            Err(start) => self.alloc_handle_slow(start),
        };
        allocated.ok_or(Error::Exhausted)
    }

    /// The slow path of [`alloc_uninit`](Self::alloc_uninit). It makes the handle as well, so that it can be the last call.
    #[cold]
    #[inline(never)]
    fn alloc_handle_slow(&self, start: usize) -> Option<PoolBox<'_, MaybeUninit<T>, Self>> {
        self.alloc_slow(start).map(|block| self.handle(block))
    }

    #[inline(always)]
    fn handle(&self, block: NonNull<T>) -> PoolBox<'_, MaybeUninit<T>, Self> {
        // SAFETY: just allocated by the caller; a `MaybeUninit` needs no initialisation.
        unsafe { PoolBox::from_parts(self, block.cast()) }
    }

    /// Allocates a block and returns its address, without filling it; [`free_raw`](Self::free_raw) frees it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc_raw(&self) -> Result<NonNull<T>, Error> {
        let allocated = match self.map().alloc_fast() {
            Ok(index) => Some(self.block(index)),
            Err(start) => self.alloc_slow(start),
        };
        allocated.ok_or(Error::Exhausted)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, start: usize) -> Option<NonNull<T>> {
        self.map().alloc_slow(start).map(|index| self.block(index))
    }

    /// Frees a block by its address, without dropping the value in it.
    ///
    /// # Errors
    ///
    /// [`Error::DoubleFree`] and [`Error::NotABlock`]: the pool is unharmed and the refusal counted.
    ///
    /// # Safety
    ///
    /// If `block` is a block of this pool in use, then it is the caller's (from [`PoolBox::into_raw`]) and is not
    /// used again.
    #[inline]
    pub unsafe fn free_raw(&self, block: *mut T) -> Result<(), Error> {
        self.map().free(self.index_of(block.addr()))
    }

    /// The counters. O(N / 32).
    pub fn stats(&self) -> AtomicStats {
        self.map().stats()
    }

    #[inline(always)]
    fn map(&self) -> Bitmap<'_> {
        Bitmap::new(&self.counters, &self.words, N)
    }

    /// The index of the block at `address`, or a number not below `N`.
    #[inline(always)]
    fn index_of(&self, address: usize) -> Option<usize> {
        Self::GEOMETRY.index_of(address.wrapping_sub(self.blocks.get().addr()))
    }

    #[inline(always)]
    fn block<V>(&self, index: usize) -> NonNull<V> {
        let blocks = self.blocks.get().cast::<BlockStorage<T>>();
        // SAFETY: `index` is below N; a pool does not lie at null.
        unsafe { NonNull::new_unchecked(blocks.add(index)).cast() }
    }
}

// SAFETY: handles borrow the pool, so a block stays where it is; its bit is set until it is freed.
unsafe impl<T, const N: usize, const W: usize> Reclaim for AtomicPool<T, N, W> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_raw(block.as_ptr().cast()) };
    }
}

// SAFETY: a bit is set from the alloc of a block to its free.
unsafe impl<T, const N: usize, const W: usize> Owns for AtomicPool<T, N, W> {
    fn owns(&self, address: *const u8) -> bool {
        self.map().is_live(self.index_of(address.addr()))
    }
}

impl<T, const N: usize, const W: usize> TypedPool for AtomicPool<T, N, W> {
    type Value = T;
}

impl<'p, T, const K: usize, const N: usize, const W: usize> AllocSlice<'p, T>
    for &'p AtomicPool<[T; K], N, W>
{
    type Pool = AtomicPool<[T; K], N, W>;

    fn alloc_vec(self, capacity: usize) -> Result<PoolVec<'p, T, Self::Pool>, Error> {
        if capacity > K { Err(Error::NoRoom) } else { self.alloc_uninit().map(PoolVec::new) }
    }
}
