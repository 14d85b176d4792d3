#![no_std]
//! The shadow model that judges every pool: in property tests, under the fuzzer, through the C ABI and in firmware.
//!
//! [`Op::read`] turns any bytes into operations, wrong ones included; [`Shadow::step`] performs one on a [`Subject`],
//! keeps its own books, and says what the pool did that a pool must not do.
//!
//! ```text
//!   bytes --Op::read--> Op --Shadow::step--> Subject (the pool under test)
//!                              |   ^
//!                              v   | address or refusal
//!                        Shadow's own books: who is live, what is written in each block, what every counter must say
//! ```
//!
//! What must hold after every step: no block has two owners; an owner's bytes are as it left them; an address handed
//! out is inside the pool and on a stride; every wrong free is refused by its name and changes nothing; the counters
//! are exact. After a foreign write into a free block, allocation may be refused as corrupt, but all of the above
//! still holds, and after a repair the pool is as good as new.
//!
//! [`SetShadow`] does the same for sets of pools.

extern crate alloc;

mod op;
mod set;
mod shadow;

pub use op::Op;
pub use set::{ClassCounts, SetCounts, SetOp, SetShadow, SetSubject};
pub use shadow::{Shadow, Violation};

use alloc::vec::Vec;
use core::ptr::NonNull;

/// Why a pool refused, in the words of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Every block is in use.
    Exhausted,
    /// Not the start of a block of the pool.
    NotABlock,
    /// Free already.
    DoubleFree,
    /// The free list is damaged.
    Corrupt,
    /// More blocks at once than the pool has.
    BatchTooLarge,
    /// No class of the set has such blocks.
    NoClass,
}

/// What a pool says of itself, in blocks unless named otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Bytes from one block to the next.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks that can be taken.
    pub free: usize,
    /// The fewest that ever could; `None` of a pool that does not keep it.
    pub lowest_free: Option<usize>,
    /// Allocations refused for want of a block.
    pub exhausted: u32,
    /// Frees refused.
    pub refused: u32,
}

/// A pool under test.
pub trait Subject {
    /// Whether the pool keeps links in its free blocks, which a write after free can damage.
    const HAS_LINKS: bool = true;

    /// Takes a block.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal>;

    /// Returns a block, or tries to return what is none.
    ///
    /// # Errors
    ///
    /// The pool's refusal.
    ///
    /// # Safety
    ///
    /// The caller owns `block` if it is a live block.
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal>;

    /// Takes so many blocks, or none; `None` of a pool that cannot.
    fn alloc_many(&mut self, _count: usize) -> Option<Result<Vec<NonNull<u8>>, Refusal>> {
        None
    }

    /// Returns all of `blocks`, or none; `None` of a pool that cannot.
    ///
    /// # Safety
    ///
    /// The caller owns those that are live blocks.
    unsafe fn free_many(&mut self, _blocks: &[*mut u8]) -> Option<Result<(), Refusal>> {
        None
    }

    /// The counters.
    fn counts(&mut self) -> Counts;

    /// Whether the pool finds itself whole.
    fn validate(&mut self) -> bool;

    /// Makes the free list anew and returns its length in blocks.
    fn repair(&mut self) -> usize;

    /// Starts the lowest number of free blocks anew from now.
    fn reset_lowest_free(&mut self);

    /// Ends this pool, whatever is live, and makes another of `count` blocks of at least `block_size` bytes.
    fn restart(&mut self, block_size: usize, count: usize);

    /// An address that is a block, but of another pool.
    fn foreign(&mut self) -> *mut u8;
}
