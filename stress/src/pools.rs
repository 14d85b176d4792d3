//! The pools under stress.

use std::mem::MaybeUninit;

use microusc_pool::{
    AtomicPool, GlobalSet, MaskedSpinLock, NoFallback, Pool, PoolSet, RawLock, SizeClass, words_for,
};
use microusc_testkit::SharedPool;
use microusc_testkit::owner_table::Content;
use microusc_testkit::sets::ClassOfSet;

use crate::interrupt::Signals;

/// Blocks of each pool: few enough that it becomes exhausted, and more than one word of the lock-free pool.
pub(crate) const BLOCKS: usize = 40;
/// Words of a block.
pub(crate) const WORDS: usize = 4;
/// The content of a block.
pub(crate) type Block = Content<WORDS>;

/// A pool that threads and signal handlers use. A signal handler has no arguments of its own, so that each pool is a type.
pub(crate) trait StressedPool: 'static {
    const NAME: &str;
    /// How the pool is used.
    type Pool: SharedPool;
    /// The pool, always the same.
    fn pool() -> Self::Pool;
}

/// The locked pool, with the lock for several cores.
pub(crate) struct Locked;

impl StressedPool for Locked {
    const NAME: &str = "locked";
    type Pool = &'static Pool<Block, BLOCKS, MaskedSpinLock<Signals>>;

    fn pool() -> Self::Pool {
        static POOL: Pool<Block, BLOCKS, MaskedSpinLock<Signals>> = Pool::new();
        &POOL
    }
}

/// The lock-free pool.
pub(crate) struct LockFree;

impl StressedPool for LockFree {
    const NAME: &str = "lock-free";
    type Pool = &'static AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }>;

    fn pool() -> Self::Pool {
        static POOL: AtomicPool<Block, BLOCKS, { words_for(BLOCKS) }> = AtomicPool::new();
        &POOL
    }
}

const BYTES: usize = size_of::<Block>();
/// The live blocks are those of the middle class.
const CLASSES: [SizeClass; 3] = [
    SizeClass { block_size: BYTES / 2, blocks: 1 },
    SizeClass { block_size: BYTES, blocks: BLOCKS },
    SizeClass { block_size: 2 * BYTES, blocks: 1 },
];

/// A set of pools: the way from a size and from an address to a class, and a lock for each class.
pub(crate) struct Set;

impl StressedPool for Set {
    const NAME: &str = "set";
    type Pool = ClassOfSet<'static, MaskedSpinLock<Signals>>;

    /// The first call makes the set, in the main thread, before there are other threads.
    fn pool() -> Self::Pool {
        static SET: GlobalSet<3, NoFallback, MaskedSpinLock<Signals>> = GlobalSet::new(NoFallback);
        let set = SET.set().unwrap_or_else(|| {
            const ROOM: usize = PoolSet::<3>::bytes_for(BYTES, &CLASSES);
            let memory = Box::leak(Box::new([MaybeUninit::uninit(); ROOM]));
            let made = PoolSet::new(memory, BYTES / 2, &CLASSES).and_then(|set| SET.init(set));
            made.expect("the memory is large enough, and there was no set")
        });
        ClassOfSet::new(set, BYTES - 3)
    }
}

/// A lock that does nothing.
pub(crate) struct NoLockAtAll;

// SAFETY: none. The lock does not exclude any context, which is the flaw that must be found.
unsafe impl RawLock for NoLockAtAll {
    const INIT: Self = Self;
    type Saved = ();
    fn acquire(&self) {}
    unsafe fn release(&self, (): ()) {}
}

/// Flaw: the locked pool without a lock.
pub(crate) struct Unlocked;

impl StressedPool for Unlocked {
    const NAME: &str = "flaw: a lock that does nothing";
    type Pool = &'static Pool<Block, BLOCKS, NoLockAtAll>;

    fn pool() -> Self::Pool {
        static POOL: Pool<Block, BLOCKS, NoLockAtAll> = Pool::new();
        &POOL
    }
}
