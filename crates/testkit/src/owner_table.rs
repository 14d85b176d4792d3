//! Which context owns which block of a pool, kept outside the blocks.
//!
//! For pools that several contexts use at once: tasks, interrupts, cores, threads, signal handlers. Every owner enters
//! itself in the table and fills its block with a pattern of its own; before the block is freed, table and pattern must be
//! unchanged.
//!
//! ```text
//!   context --alloc--> OwnerTable --alloc--> pool        owners[i]  the owner of block i, or 0
//!                          |                             block i    words that only this owner writes
//!                          '-- owners[i] was 0? then it is the owner; block i is filled
//! ```
//!
//! Nothing here orders memory accesses, so that the table hides no data race from a sanitizer.

use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::{Refusal, SharedPool};

/// A rule that the pool broke, in words.
pub type Broken = &'static str;

/// The content of a block.
pub type Content<const WORDS: usize> = [usize; WORDS];

/// The owners of `BLOCKS` blocks of `WORDS` words.
#[derive(Debug)]
pub struct OwnerTable<const BLOCKS: usize, const WORDS: usize> {
    /// For each block its owner, or 0.
    owners: [AtomicUsize; BLOCKS],
    /// Address of the first block of the pool.
    first: AtomicUsize,
}

impl<const BLOCKS: usize, const WORDS: usize> OwnerTable<BLOCKS, WORDS> {
    /// A table for a pool that is named by [`learn`](Self::learn).
    #[expect(clippy::new_without_default, reason = "a table is a static")]
    pub const fn new() -> Self {
        Self { owners: [const { AtomicUsize::new(0) }; BLOCKS], first: AtomicUsize::new(0) }
    }

    /// Allocates every block of `pool` once and frees it, to learn where the blocks are. No other context uses the pool.
    ///
    /// # Errors
    ///
    /// A rule that the pool broke.
    pub fn learn(&self, pool: impl SharedPool) -> Result<(), Broken> {
        let mut blocks = [NonNull::dangling(); BLOCKS];
        for block in &mut blocks {
            *block = pool.alloc().map_err(|_| "a new pool has fewer blocks than its capacity")?;
        }
        if pool.alloc().is_ok() {
            return Err("a pool has more blocks than its capacity");
        }
        let first = blocks.iter().map(|block| block.addr().get()).min();
        self.first.store(first.unwrap_or(0), Relaxed);
        for block in blocks {
            if exchange(self.owner_of(block)?, 1) != 0 {
                return Err("a block was allocated twice");
            }
        }
        for block in blocks {
            self.owner_of(block)?.store(0, Relaxed);
            // SAFETY: allocated above.
            unsafe { pool.free(block.as_ptr()) }.map_err(|_| "a correct free was refused")?;
        }
        Ok(())
    }

    fn owner_of(&self, block: NonNull<u8>) -> Result<&AtomicUsize, Broken> {
        let offset = block.addr().get().wrapping_sub(self.first.load(Relaxed));
        match self.owners.get(offset / size_of::<Content<WORDS>>()) {
            Some(owner) if offset.is_multiple_of(size_of::<Content<WORDS>>()) => Ok(owner),
            _ => Err("an address that is not a block was allocated"),
        }
    }

    /// Allocates a block for `owner`, and fills it; `None` if the pool is exhausted. `owner` is not 0, and another number
    /// for every call.
    ///
    /// # Errors
    ///
    /// A rule that the pool broke.
    pub fn alloc(&self, pool: impl SharedPool, owner: usize) -> Result<Option<NonNull<u8>>, Broken> {
        let block = match pool.alloc() {
            Ok(block) => block,
            Err(Refusal::Exhausted) => return Ok(None),
            Err(_) => return Err("the free list is damaged"),
        };
        if exchange(self.owner_of(block)?, owner) != 0 {
            return Err("a block has two owners");
        }
        for (at, word) in content::<WORDS>(owner).into_iter().enumerate() {
            // SAFETY: inside the block, which was allocated just now. Volatile, so that it is written now.
            unsafe { block.cast::<usize>().add(at).write_volatile(word) };
        }
        Ok(Some(block))
    }

    /// Frees a block whose owner satisfies `is_owner`, after checking that it is as it was filled.
    ///
    /// # Errors
    ///
    /// A rule that the pool broke.
    ///
    /// # Safety
    ///
    /// The block is from [`alloc`](Self::alloc), of this pool, and is freed once.
    pub unsafe fn free(
        &self,
        pool: impl SharedPool,
        block: NonNull<u8>,
        is_owner: impl FnOnce(usize) -> bool,
    ) -> Result<(), Broken> {
        let entry = self.owner_of(block)?;
        let owner = exchange(entry, 0);
        if owner == 0 || !is_owner(owner) {
            return Err("the owner of a block changed");
        }
        for (at, word) in content::<WORDS>(owner).into_iter().enumerate() {
            // SAFETY: inside the block, which the caller owns. Volatile, so that it is read now.
            if unsafe { block.cast::<usize>().add(at).read_volatile() } != word {
                return Err("the content of a live block changed");
            }
        }
        // SAFETY: the caller owns the block, and does not use it again.
        unsafe { pool.free(block.as_ptr()) }.map_err(|_| "a correct free was refused")
    }
}

/// What `owner` writes into its block.
fn content<const WORDS: usize>(owner: usize) -> Content<WORDS> {
    core::array::from_fn(|word| owner ^ word << (usize::BITS - 12))
}

/// Writes `value` and returns what was there before. On a core without an atomic exchange a load and a store have to do:
/// there, an interrupt in between leaves the table as it found it unless the pool is at fault.
fn exchange(entry: &AtomicUsize, value: usize) -> usize {
    #[cfg(target_has_atomic = "ptr")]
    return entry.swap(value, Relaxed);
    #[cfg(not(target_has_atomic = "ptr"))]
    {
        let before = entry.load(Relaxed);
        entry.store(value, Relaxed);
        before
    }
}
