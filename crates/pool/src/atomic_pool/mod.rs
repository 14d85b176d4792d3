//! The lock-free pool: a bit a block, and nothing else to agree about.
//!
//! ```text
//!  words    [ 1 1 0 1 ... | 0 0 0 0 ... | 1 0 ...  x x x ]      1: has an owner     x: beyond the last block
//!
//!  take: set a clear bit   - one atomic OR;   who finds the bit clear before has the block
//!  put:  clear a set bit   - one atomic AND;  who finds the bit set before has returned it, any other is refused
//! ```
//!
//! # Why there is no ABA problem
//!
//! A list needs two words to agree: the head, and the link in the block it points to. Between reading the one and
//! changing the other the world may turn once round and look the same, and a tag only makes that rarer, until the tag
//! wraps. Here an operation changes one bit of one word and depends on nothing else. When a bit looks the same, it is
//! the same: clear means free.
//!
//! # How long it may take
//!
//! Taking looks at the word that served last, and if that has no free block, once at each of the ⌈N/32⌉ words. Whenever
//! another context sets a bit between the look and the change, it begins that walk anew, elsewhere: somebody else has a
//! block then, so of all contexts together one always gets on. Returning is one step. No context waits for another: an
//! interrupt that arrives in the middle finishes, and so does what it interrupted.
//!
//! On chips, freeing a block leads the next alloc to its word, which then is one look. On hosts each thread has a place to
//! look of its own instead (by where its stack is), so that threads work on cache lines of their own.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

mod bitmap;
mod dyn_pool;

pub use bitmap::{AtomicStats, words_for};
pub use dyn_pool::{AtomicDynPool, AtomicWords};

use bitmap::{AtomicCounters, Bitmap};

use crate::pool::BlockStorage;
use crate::sync::BitWord;
use crate::{Error, Geometry, Owns, PoolBox, Reclaim, Rejected, TypedPool};

/// A pool of `N` blocks, each for one `T`, without a lock: `W` is [`words_for(N)`](words_for).
///
/// On targets that cannot change a word atomically the same operations mask interrupts for the few instructions; the
/// API is the same.
///
/// * Cost: see the [module](self); no critical section. RAM besides the blocks: `W` words and three more.
/// * Context: everywhere, non-maskable interrupts included (on targets with atomic words).
/// * Its words must be where atomics work: internal data RAM on the ESP32 family. A static is.
/// * It keeps no lowest-free mark, which would take two more atomic steps in each direction.
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
// SAFETY: the pool owns all it consists of; handles borrow it, so it is moved only when there are none.
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

    /// Moves `value` into a block.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`], with the value given back.
    #[inline]
    pub fn alloc(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        match self.alloc_uninit() {
            Ok(block) => Ok(PoolBox::write(block, value)),
            Err(error) => Err(Rejected { error, value }),
        }
    }

    /// Takes a block without filling it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc_uninit(&self) -> Result<PoolBox<'_, MaybeUninit<T>, Self>, Error> {
        let taken = match self.bits().alloc_fast() {
            Ok(index) => Some(self.handle(self.block(index))),
            Err(start) => self.alloc_elsewhere(start),
        };
        taken.ok_or(Error::Exhausted)
    }

    /// The rare end of [`alloc_uninit`](Self::alloc_uninit), handle included: so it can be the last call.
    #[cold]
    #[inline(never)]
    fn alloc_elsewhere(&self, start: usize) -> Option<PoolBox<'_, MaybeUninit<T>, Self>> {
        self.take_elsewhere(start).map(|block| self.handle(block))
    }

    #[inline(always)]
    fn handle(&self, block: NonNull<T>) -> PoolBox<'_, MaybeUninit<T>, Self> {
        // SAFETY: just taken by the caller; a `MaybeUninit` needs no initialisation.
        unsafe { PoolBox::from_parts(self, block.cast()) }
    }

    /// Takes a block as an address, without filling it; [`free_raw`](Self::free_raw) returns it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc_raw(&self) -> Result<NonNull<T>, Error> {
        let taken = match self.bits().alloc_fast() {
            Ok(index) => Some(self.block(index)),
            Err(start) => self.take_elsewhere(start),
        };
        taken.ok_or(Error::Exhausted)
    }

    #[cold]
    #[inline(never)]
    fn take_elsewhere(&self, start: usize) -> Option<NonNull<T>> {
        self.bits().take_elsewhere(start).map(|index| self.block(index))
    }

    /// Returns a block by its address, without dropping what is in it.
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
        self.bits().put(self.index_of(block.addr()))
    }

    /// The counters. O(N / 32).
    pub fn stats(&self) -> AtomicStats {
        self.bits().stats()
    }

    #[inline(always)]
    fn bits(&self) -> Bitmap<'_> {
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

// SAFETY: handles borrow the pool, so a block stays where it is; its bit is set until it is reclaimed.
unsafe impl<T, const N: usize, const W: usize> Reclaim for AtomicPool<T, N, W> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_raw(block.as_ptr().cast()) };
    }
}

// SAFETY: a bit is set from when a block is given out until it is reclaimed.
unsafe impl<T, const N: usize, const W: usize> Owns for AtomicPool<T, N, W> {
    fn owns(&self, address: *const u8) -> bool {
        self.bits().is_live(self.index_of(address.addr()))
    }
}

impl<T, const N: usize, const W: usize> TypedPool for AtomicPool<T, N, W> {
    type Value = T;
}
