//! A set of pools under stress: its way from a size and from an address to a class, and a class under its own lock.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use microusc_pool::{GlobalSet, MaskedSpinLock, NoFallback, PoolSet, SizeClass};

use crate::signals::Signals;
use crate::subjects::{BLOCKS, Block, Subject, unless_exhausted};

const BYTES: usize = size_of::<Block>();
/// The blocks in use are those of the class in the middle.
const CLASSES: [SizeClass; 3] = [
    SizeClass { block_size: BYTES / 2, blocks: 1 },
    SizeClass { block_size: BYTES, blocks: BLOCKS },
    SizeClass { block_size: 2 * BYTES, blocks: 1 },
];

/// A set, each of whose locks is that for two cores.
pub(crate) struct Set;

static SET: GlobalSet<3, NoFallback, MaskedSpinLock<Signals>> = GlobalSet::new(NoFallback);

/// The set, made by the first who asks: the main thread, before there are others.
fn set() -> &'static PoolSet<'static, 3, MaskedSpinLock<Signals>> {
    SET.set().unwrap_or_else(|| {
        const ROOM: usize = PoolSet::<3>::bytes_for(BYTES, &CLASSES);
        let memory = Box::leak(Box::new([MaybeUninit::uninit(); ROOM]));
        let made = PoolSet::new(memory, BYTES / 2, &CLASSES).and_then(|set| SET.init(set));
        made.expect("the bytes are enough, and there was no set")
    })
}

impl Subject for Set {
    const NAME: &str = "set";

    fn take() -> Option<NonNull<Block>> {
        unless_exhausted(set().alloc_raw(BYTES - 3, align_of::<Block>())).map(NonNull::cast)
    }

    unsafe fn put(block: NonNull<Block>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { set().free_raw(block.as_ptr().cast()) }.is_ok()
    }

    fn all_is_well() -> bool {
        let stats = set().stats();
        let refused: u32 = stats.classes.iter().map(|class| class.pool.refused + class.pool.damaged).sum();
        let free = stats.classes.map(|class| class.pool.free);
        let whole = (0..3).all(|rank| set().pool(rank).is_some_and(|pool| pool.validate().is_ok()));
        (free, refused, stats.refused, whole) == ([1, BLOCKS, 1], 0, 0, true)
    }
}
