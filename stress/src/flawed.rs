//! Pools with a planted flaw, which must be found.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use microusc_pool::{Pool, PoolBox, RawLock};

use crate::subjects::{BLOCKS, Block, Subject, is_whole, unless_exhausted};

/// A lock that does nothing.
struct Nothing;

// SAFETY: none; that this is a lie is what must be found.
unsafe impl RawLock for Nothing {
    const INIT: Self = Self;
    type Saved = ();
    fn acquire(&self) {}
    unsafe fn release(&self, (): ()) {}
}

/// The locked pool, not locked.
pub(crate) struct NoLockAtAll;

static NOT_LOCKED: Pool<Block, BLOCKS, Nothing> = Pool::new();

impl Subject for NoLockAtAll {
    const NAME: &str = "flaw: a lock that does nothing";

    fn take() -> Option<NonNull<Block>> {
        unless_exhausted(NOT_LOCKED.alloc_uninit()).map(|block| PoolBox::into_raw(block).cast())
    }

    unsafe fn put(block: NonNull<Block>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { NOT_LOCKED.free_raw(block.as_ptr()) }.is_ok()
    }

    fn all_is_well() -> bool {
        is_whole(&NOT_LOCKED)
    }
}

/// A bit a block, looked at and then set.
pub(crate) struct TwoSteps;

/// The same, set and cleared at once, but without an order: an owner need not see what the last one did. On x86-64 every
/// such change is ordered in fact, so that only a race detector can tell.
pub(crate) struct Unordered;

struct Bits {
    word: AtomicU64,
    blocks: UnsafeCell<[Block; BLOCKS]>,
}

// SAFETY: none; that two may use one block at a time is what must be found.
unsafe impl Sync for Bits {}

static BITS: Bits = Bits { word: AtomicU64::new(0), blocks: UnsafeCell::new([[0; 4]; BLOCKS]) };

impl Bits {
    fn block(&self, number: u32) -> Option<NonNull<Block>> {
        let first = self.blocks.get().cast::<Block>();
        // SAFETY: below the number of blocks.
        ((number as usize) < BLOCKS).then(|| unsafe { NonNull::new_unchecked(first.add(number as usize)) })
    }

    /// Clears a bit; whether it was set.
    fn put(&self, block: NonNull<Block>, order: Ordering) -> bool {
        let number = (block.addr().get() - self.blocks.get().addr()) / size_of::<Block>();
        self.word.fetch_and(!(1 << number), order) & (1 << number) != 0
    }
}

impl Subject for TwoSteps {
    const NAME: &str = "flaw: a bit set in two steps";

    fn take() -> Option<NonNull<Block>> {
        let bits = BITS.word.load(Ordering::Acquire);
        let block = BITS.block(bits.trailing_ones())?;
        BITS.word.store(bits | (bits + 1), Ordering::Release);
        Some(block)
    }

    unsafe fn put(block: NonNull<Block>) -> bool {
        BITS.put(block, Ordering::Release)
    }

    fn all_is_well() -> bool {
        BITS.word.load(Ordering::Acquire) == 0
    }
}

impl Subject for Unordered {
    const NAME: &str = "flaw: nothing is ordered";

    fn take() -> Option<NonNull<Block>> {
        loop {
            let bits = BITS.word.load(Ordering::Relaxed);
            let block = BITS.block(bits.trailing_ones())?;
            let taken = bits | (bits + 1);
            if BITS.word.compare_exchange(bits, taken, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Some(block);
            }
        }
    }

    unsafe fn put(block: NonNull<Block>) -> bool {
        BITS.put(block, Ordering::Relaxed)
    }

    fn all_is_well() -> bool {
        BITS.word.load(Ordering::Acquire) == 0
    }
}
