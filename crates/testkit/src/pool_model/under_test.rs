//! The interface through which the model drives a pool.

use alloc::vec::Vec;
use core::ptr::NonNull;

/// Why a pool refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Every block is in use.
    Exhausted,
    /// The address is not the start of a block of the pool.
    NotABlock,
    /// The block is free already.
    DoubleFree,
    /// The free list is damaged.
    Corrupt,
    /// The batch has more blocks than the pool.
    BatchTooLarge,
    /// No class of the set has blocks of this size and alignment.
    NoClass,
}

/// The numbers that a pool reports about itself, in blocks unless named otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Bytes from one block to the next.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks that can be allocated.
    pub free: usize,
    /// The smallest number of free blocks so far; `None` for a pool that does not count it.
    pub lowest_free: Option<usize>,
    /// Allocations that were refused because every block was in use.
    pub exhausted: u32,
    /// Frees that were refused.
    pub refused: u32,
}

/// A pool under test.
pub trait PoolUnderTest {
    /// Whether the pool keeps links in its free blocks, which a write after a free can damage.
    const HAS_LINKS: bool = true;

    /// Allocates a block.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal>;

    /// Frees a block, or passes the pool an address that it must refuse.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    ///
    /// # Safety
    ///
    /// If `block` is a live block, the caller owns it and does not use it again.
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal>;

    /// Allocates `count` blocks or none; `None` for a pool without batches.
    fn alloc_many(&mut self, _count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        None
    }

    /// Frees all of `blocks` or none; `None` for a pool without batches.
    ///
    /// # Safety
    ///
    /// The caller owns those that are live blocks, and does not use them again if they are freed.
    unsafe fn free_many(&mut self, _blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        None
    }

    /// The pool's counters.
    fn counts(&mut self) -> Counts;

    /// Whether the pool's own check finds no damage.
    fn validate(&mut self) -> bool;

    /// Rebuilds the free list, and returns its length in blocks.
    fn repair(&mut self) -> usize;

    /// Sets the lowest number of free blocks to the present number.
    fn reset_lowest_free(&mut self);

    /// Replaces the pool, whatever is live, by one of at least `count` blocks of at least `block_size` bytes.
    fn restart(&mut self, block_size: usize, count: usize);

    /// An address outside the pool that belongs to something else, by default a variable.
    fn foreign(&mut self) -> *mut u8 {
        static OTHER: u64 = 0;
        (&raw const OTHER).cast_mut().cast()
    }
}
