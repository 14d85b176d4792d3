//! Sets of pools of several block sizes: from a size to a class, from an address to its class.
//!
//! ```text
//!   alloc(90 B)                                        free(address)
//!       |  class with the smallest stride that holds it      |  class that begins last at or below the address
//!       v                                                  v
//!   [ 32 B x 40 ]   [ 64 B x 20 ]   [ 128 B x 8 ]   [ 512 B x 2 ]      each a DynPool, with its own lock
//!                     exhausted? ---spill--->  the next larger class, never a further one
//! ```
//!
//! Both are binary searches here (`blocks.rs`), of log2(CLASSES) steps. `routing.rs` has what all sets share, and linear searches for
//! the few classes of the C functions.
//!
//! Blocks are protected by the lock of their class, not by one of the set: a class is a whole [`DynPool`], a critical section is that of one pool, and requests of
//! different sizes do not wait for each other. The search for a class needs no lock, since it reads what never changes. The
//! counters that belong to no class have a lock of their own, which is not on the fast path.

#[cfg(feature = "allocator-api2")]
mod allocator;
mod blocks;
mod global;
mod routing;
mod stats;
mod values;

use core::mem::MaybeUninit;

pub use global::{GlobalSet, NoFallback};
pub use routing::{ClassPool, SizeClasses, check_class_order};
pub use stats::{ClassStats, SetStats};

use crate::sync::Guarded;
use crate::{DefaultLock, DynPool, Error, Geometry, LINK_BYTES, RawLock};
use stats::SetCounters;

/// The config of one class of a [`PoolSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeClass {
    /// Bytes of a block, at least a pointer's.
    pub block_size: usize,
    /// Number of blocks, at least 1.
    pub blocks: usize,
}

/// Several pools, smallest blocks first: a request goes to the class with the smallest blocks that hold it.
///
/// * Cost: alloc, free and usable size are O(log CLASSES) comparisons without a division, and then what the class's
///   pool costs: O(1), one critical section of `L`. With spill, an alloc may enter a second one.
/// * Context: as `L` allows; a set is `Sync` exactly when its lock is.
/// * RAM besides the memory of the blocks: a [`DynPool`] and 5 bytes for each class, two words, two counters and a lock.
///
/// ```
/// use core::mem::MaybeUninit;
/// use microusc_pool::{AllocSlice, NoLock, PoolSet, SizeClass};
///
/// const CLASSES: [SizeClass; 3] = [
///     SizeClass { block_size: 32, blocks: 8 },
///     SizeClass { block_size: 128, blocks: 4 },
///     SizeClass { block_size: 512, blocks: 1 },
/// ];
/// let mut memory = [MaybeUninit::uninit(); PoolSet::<3>::bytes_for(8, &CLASSES)];
/// let set: PoolSet<3, NoLock> = PoolSet::new(&mut memory, 8, &CLASSES)?;
///
/// let line = set.alloc_slice_filled(80, b' ')?; // the middle class
/// let number = set.alloc_value(7u64)?; // the smallest
/// assert_eq!((line.len(), *number), (80, 7));
/// assert_eq!(set.stats().classes.map(|class| class.pool.used()), [1, 1, 0]);
/// # drop((line, number));
/// # Ok::<(), microusc_pool::Error>(())
/// ```
///
/// A set of no classes does not compile:
///
/// ```compile_fail
/// microusc_pool::PoolSet::<0>::bytes_for(8, &[]);
/// ```
pub struct PoolSet<'m, const CLASSES: usize, L: RawLock = DefaultLock> {
    pools: [DynPool<'m, L>; CLASSES],
    /// The classes in the order of their addresses.
    by_address: [u8; CLASSES],
    /// The alignment of every block, in bytes.
    align: usize,
    spill: bool,
    lock: L,
    counters: Guarded<SetCounters<CLASSES>>,
}

// SAFETY: the pools may be shared, and the counters are used with the lock held only, which excludes all other contexts.
unsafe impl<const CLASSES: usize, L: RawLock + Sync> Sync for PoolSet<'_, CLASSES, L> {}
// SAFETY: the pools may be sent, and the counters are numbers.
unsafe impl<const CLASSES: usize, L: RawLock + Send> Send for PoolSet<'_, CLASSES, L> {}

impl<'m, const CLASSES: usize, L: RawLock> PoolSet<'m, CLASSES, L> {
    /// A rank is a byte.
    const COUNTED: () = assert!(CLASSES >= 1 && CLASSES <= 256, "a set has 1 to 256 classes");

    /// Bytes that are enough for [`new`](Self::new), wherever they begin; `usize::MAX` for classes that no memory
    /// holds.
    ///
    /// Cost: O(CLASSES). Context: any, and in constants.
    pub const fn bytes_for(align: usize, classes: &[SizeClass; CLASSES]) -> usize {
        let () = Self::COUNTED;
        let word = if align < LINK_BYTES { LINK_BYTES } else { align };
        let mut bytes = 0usize;
        let mut rank = 0;
        while rank < CLASSES {
            let class = classes[rank];
            let Ok(geometry) = Geometry::new(class.block_size, align, class.blocks) else {
                return usize::MAX;
            };
            bytes =
                bytes.saturating_add(geometry.bytes()).saturating_add(class.blocks).saturating_add(word - 1);
            rank += 1;
        }
        bytes
    }

    /// Cuts `memory` into the classes, each block aligned to `align` bytes and to a pointer. All or nothing.
    /// O(blocks of all classes). What is left at the end is not used.
    ///
    /// # Errors
    ///
    /// * [`Error::BlockTooSmall`], [`Error::NoBlocks`], [`Error::BadAlignment`], [`Error::TooLarge`]: a class that no
    ///   pool can be.
    /// * [`Error::ClassesUnsorted`], [`Error::ClassesAlike`]: the classes must be in order, smallest blocks first, and no two
    ///   with the same stride.
    /// * [`Error::UnsuitableMemory`]: `memory` is too small.
    pub fn new(
        memory: &'m mut [MaybeUninit<u8>],
        align: usize,
        classes: &[SizeClass; CLASSES],
    ) -> Result<Self, Error> {
        let geometry = |class: &SizeClass| Geometry::new(class.block_size, align, class.blocks);
        check_class_order(classes.iter().map(|class| geometry(class).map(|geometry| geometry.stride())))?;
        let mut rest = memory;
        let mut pools = [const { MaybeUninit::uninit() }; CLASSES];
        for (pool, class) in pools.iter_mut().zip(classes) {
            let geometry = geometry(class)?;
            let padding = rest.as_ptr().align_offset(align.max(LINK_BYTES));
            let blocks_and_map = geometry.bytes().checked_add(class.blocks).ok_or(Error::TooLarge)?;
            let bytes = padding.checked_add(blocks_and_map).ok_or(Error::UnsuitableMemory)?;
            let (own, behind) = rest.split_at_mut_checked(bytes).ok_or(Error::UnsuitableMemory)?;
            pool.write(DynPool::new(own, class.block_size, align)?);
            rest = behind;
        }
        // SAFETY: every element was written, or the loop was left.
        let pools = pools.map(|pool| unsafe { pool.assume_init() });
        Self::over(pools)
    }

    /// Makes a set of pools that exist, as of pools in different kinds of memory. O(CLASSES²).
    ///
    /// Every block of the set is as aligned as those of the least aligned pool.
    ///
    /// # Errors
    ///
    /// [`Error::ClassesUnsorted`] and [`Error::ClassesAlike`], as of [`new`](Self::new); the pools are lost, their
    /// memory is free to be used again.
    pub fn over(pools: [DynPool<'m, L>; CLASSES]) -> Result<Self, Error> {
        let () = Self::COUNTED;
        check_class_order(pools.iter().map(|pool| Ok(pool.geometry().stride())))?;
        // All of them are aligned to the lowest bit that is set in any of them.
        let bits =
            pools.iter().fold(0, |bits, pool| bits | pool.base().addr().get() | pool.geometry().stride());
        let by_address = in_order_of(|rank| pools[usize::from(rank)].base().addr().get());
        Ok(Self {
            pools,
            by_address,
            align: 1 << bits.trailing_zeros(),
            spill: false,
            lock: L::INIT,
            counters: Guarded::new(SetCounters::NEW),
        })
    }

    /// The same set with spill on or off. It is off at first.
    ///
    /// With spill, a request whose class is exhausted is served by the next larger class, if that has a free block. One step,
    /// not further, so that the time of an alloc stays bounded.
    #[must_use]
    pub fn with_spill(mut self, spill: bool) -> Self {
        self.spill = spill;
        self
    }

    /// The pool of class `rank`, 0 for the smallest blocks: to validate or repair it, or to allocate a block of this class
    /// and no other. O(1).
    pub fn pool(&self, rank: usize) -> Option<&DynPool<'m, L>> {
        self.pools.get(rank)
    }

    /// The alignment of every block, in bytes. O(1).
    pub fn align(&self) -> usize {
        self.align
    }

    /// A snapshot of each class and of the counters of the set. O(blocks of all classes), in critical sections of
    /// O(64) and one of O(CLASSES): the classes are not snapshots of one moment.
    pub fn stats(&self) -> SetStats<CLASSES> {
        let counters = self.count(|counters| *counters);
        SetStats {
            classes: core::array::from_fn(|rank| ClassStats {
                pool: self.pools[rank].stats(),
                spilled_in: counters.spilled_in[rank],
            }),
            no_class: counters.no_class,
            refused: counters.refused,
        }
    }

    /// Runs `work` on the counters of the set, in one critical section.
    fn count<R>(&self, work: impl FnOnce(&mut SetCounters<CLASSES>) -> R) -> R {
        // SAFETY: with the lock held nothing else has a reference to the counters.
        self.lock.with(|| self.counters.with_mut(|counters| work(unsafe { &mut *counters })))
    }
}

/// The ranks, sorted by `key`. By insertion: the sort of `core` is thousands of instructions, and a set has a handful of
/// classes.
fn in_order_of<const CLASSES: usize>(key: impl Fn(u8) -> usize) -> [u8; CLASSES] {
    let mut ranks: [u8; CLASSES] = core::array::from_fn(|rank| rank as u8);
    for last in 1..CLASSES {
        for at in (1..=last).rev() {
            if key(ranks[at - 1]) > key(ranks[at]) {
                ranks.swap(at - 1, at);
            }
        }
    }
    ranks
}
