//! Lock-free pools with a planted flaw, which must be found: one bit for each block.

use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use microusc_testkit::{Refusal, SharedPool};

use crate::pools::{BLOCKS, Block, StressedPool};

/// A bit for each block, and the blocks.
pub(crate) struct Bitmap {
    word: AtomicU64,
    blocks: UnsafeCell<[Block; BLOCKS]>,
}

// SAFETY: none. Two contexts may use one block at a time, which is the flaw that must be found.
unsafe impl Sync for Bitmap {}

static BITMAP: Bitmap = Bitmap { word: AtomicU64::new(0), blocks: UnsafeCell::new([[0; 4]; BLOCKS]) };

impl Bitmap {
    fn first(&self) -> *mut Block {
        self.blocks.get().cast()
    }

    /// The block of the lowest clear bit, if there is one.
    fn lowest_free(&self, bits: u64) -> Result<NonNull<u8>, Refusal> {
        let index = bits.trailing_ones() as usize;
        let block = NonNull::new(self.first().wrapping_add(index)).filter(|_| index < BLOCKS);
        block.map(NonNull::cast).ok_or(Refusal::Exhausted)
    }

    /// Clears the bit of a block, which must be set.
    fn clear(&self, block: *mut u8, order: Ordering) -> Result<(), Refusal> {
        let bit = 1 << ((block.addr() - self.first().addr()) / size_of::<Block>());
        let was_set = self.word.fetch_and(!bit, order) & bit != 0;
        if was_set { Ok(()) } else { Err(Refusal::DoubleFree) }
    }

    fn is_empty(&self) -> bool {
        self.word.load(Ordering::Acquire) == 0
    }
}

/// Flaw: a bit is read, and set by a second access.
#[derive(Clone, Copy)]
pub(crate) struct TwoSteps;

impl SharedPool for TwoSteps {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        let bits = BITMAP.word.load(Ordering::Acquire);
        let block = BITMAP.lowest_free(bits)?;
        BITMAP.word.store(bits | (bits + 1), Ordering::Release);
        Ok(block)
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        BITMAP.clear(block, Ordering::Release)
    }
    fn is_whole(self) -> bool {
        BITMAP.is_empty()
    }
}

impl StressedPool for TwoSteps {
    const NAME: &str = "flaw: a bit set in two steps";
    type Pool = Self;

    fn pool() -> Self {
        Self
    }
}

/// Flaw: bits are set and cleared by one access each, but without an order, so that an owner need not see what the last
/// owner wrote. On x86-64 every such access is ordered in fact, so that only a race detector finds it.
#[derive(Clone, Copy)]
pub(crate) struct Unordered;

impl SharedPool for Unordered {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        loop {
            let bits = BITMAP.word.load(Ordering::Relaxed);
            let block = BITMAP.lowest_free(bits)?;
            let claimed = bits | (bits + 1);
            if BITMAP.word.compare_exchange(bits, claimed, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return Ok(block);
            }
        }
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        BITMAP.clear(block, Ordering::Relaxed)
    }
    fn is_whole(self) -> bool {
        BITMAP.is_empty()
    }
}

impl StressedPool for Unordered {
    const NAME: &str = "flaw: nothing is ordered";
    type Pool = Self;

    fn pool() -> Self {
        Self
    }
}
