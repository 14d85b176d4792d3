//! A simple account of one pool, kept beside it, which says what each operation must return.
//!
//! What must hold after every step: no block has two owners; the content of a live block is as its owner left it; an
//! allocated address is inside the pool and a multiple of the stride from the others; every wrong free is refused with the
//! right reason and changes nothing; the counters are exact. After a write into a free block, alloc may refuse as corrupt,
//! but all of the above still holds, and after a repair the pool works as a new one.

mod operation;
mod under_test;

pub use operation::Operation;
pub use under_test::{Counts, PoolUnderTest, Refusal};

use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

/// The most blocks that [`Operation::Restart`] asks of a pool.
pub const MOST_BLOCKS: usize = 40;

/// A rule that a pool broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation<O = Operation> {
    /// The rule that was broken.
    pub rule: &'static str,
    /// The operation that broke it.
    pub op: O,
    /// The number of operations before it.
    pub step: usize,
}

impl<O: fmt::Debug> fmt::Display for Violation<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (step {}, {:?})", self.rule, self.step, self.op)
    }
}

impl<O: fmt::Debug> core::error::Error for Violation<O> {}

#[derive(Clone, Copy)]
struct LiveBlock {
    block: NonNull<u8>,
    /// Chooses the words that were written into the block.
    pattern: u32,
}

/// The model of one pool.
pub struct PoolModel {
    live: Vec<LiveBlock>,
    /// Blocks that were allocated before and are free now.
    freed: Vec<NonNull<u8>>,
    stride: usize,
    capacity: usize,
    lowest_free: usize,
    exhausted: u32,
    refused: u32,
    /// A free block was written to, and the list was not repaired since.
    damaged: bool,
    /// Since the lowest number of free blocks was reset, blocks may have been allocated in another order than last in,
    /// first out. A pool that counts the distinct blocks it used may then report a number that is too low, never too high.
    lowest_is_inexact: bool,
    step: usize,
}

/// `Err` with the rule that was broken.
pub(crate) type Checked = Result<(), &'static str>;

pub(crate) fn rule(holds: bool, rule: &'static str) -> Checked {
    holds.then_some(()).ok_or(rule)
}

impl PoolModel {
    /// Runs the operations that `program` encodes on `pool`, a new pool, and frees every live block at the end.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check(mut pool: impl PoolUnderTest, program: &[u8]) -> Result<(), Violation> {
        let mut model = Self::new(&mut pool);
        let mut bytes = program.iter().copied();
        while let Some(operation) = Operation::read(&mut bytes) {
            model.step(&mut pool, operation)?;
        }
        model.drain(&mut pool)
    }

    /// The model of `pool`, in which no block is in use.
    pub fn new(pool: &mut impl PoolUnderTest) -> Self {
        let counts = pool.counts();
        Self {
            live: Vec::new(),
            freed: Vec::new(),
            stride: counts.stride_bytes,
            capacity: counts.capacity,
            lowest_free: counts.capacity,
            exhausted: counts.exhausted,
            refused: counts.refused,
            damaged: false,
            lowest_is_inexact: false,
            step: 0,
        }
    }

    /// Performs one operation on `pool`, and checks its result and the counters. O(blocks in use).
    ///
    /// # Errors
    ///
    /// A [`Violation`].
    pub fn step(&mut self, pool: &mut impl PoolUnderTest, op: Operation) -> Result<(), Violation> {
        let checked = self.perform(pool, op).and_then(|()| self.compare_counters(pool));
        let step = self.step;
        self.step += 1;
        checked.map_err(|rule| Violation { rule, op, step })
    }

    /// Frees every live block, and checks each.
    ///
    /// # Errors
    ///
    /// A [`Violation`].
    pub fn drain(&mut self, pool: &mut impl PoolUnderTest) -> Result<(), Violation> {
        while !self.live.is_empty() {
            self.step(pool, Operation::Free(0))?;
        }
        Ok(())
    }

    fn perform(&mut self, pool: &mut impl PoolUnderTest, op: Operation) -> Checked {
        match op {
            Operation::Alloc => self.alloc(pool),
            Operation::AllocMany(count) => self.alloc_many(pool, count as usize % 12),
            Operation::FreeMany(count, how) => self.free_many(pool, count as usize % 12, how),
            Operation::Free(pick) => self.free_live(pool, pick),
            Operation::FreeTwice(pick) => match self.pick_freed(pick) {
                Some(block) => self.expect_refusal(pool, block.as_ptr(), Refusal::DoubleFree),
                None => Ok(()),
            },
            Operation::FreeInterior(pick, offset) => match self.pick_live(pick) {
                Some(at) => {
                    let offset = 1 + offset as usize % (self.stride - 1);
                    let inside = self.live[at].block.as_ptr().wrapping_add(offset);
                    self.expect_refusal(pool, inside, Refusal::NotABlock)
                }
                None => Ok(()),
            },
            Operation::FreeNull => self.expect_refusal(pool, core::ptr::null_mut(), Refusal::NotABlock),
            Operation::FreeStack => {
                let mut local = [0u32; 4];
                self.expect_refusal(pool, local.as_mut_ptr().cast(), Refusal::NotABlock)
            }
            Operation::FreeForeign => {
                let foreign = pool.foreign();
                self.expect_refusal(pool, foreign, Refusal::NotABlock)
            }
            Operation::FreeBeyond(strides) => match self.pick_live(0) {
                Some(at) => {
                    // As many strides as the pool has blocks lead out of it from each of its blocks, in both directions.
                    let beyond = self.stride * (self.capacity + strides as usize);
                    let block = self.live[at].block.as_ptr();
                    self.expect_refusal(pool, block.wrapping_add(beyond), Refusal::NotABlock)?;
                    self.expect_refusal(pool, block.wrapping_sub(beyond), Refusal::NotABlock)
                }
                None => Ok(()),
            },
            Operation::FreeWord(word) => {
                let known = self.live.iter().map(|o| o.block).chain(self.freed.iter().copied());
                let near = known.clone().any(|b| b.addr().get().abs_diff(word) < self.stride * self.capacity);
                if near {
                    return Ok(()); // May be a block that was never allocated; other operations cover these.
                }
                self.expect_refusal(pool, core::ptr::without_provenance_mut(word), Refusal::NotABlock)
            }
            Operation::WriteAfterFree(pick, offset, value) => {
                self.write_after_free(pool, pick, offset as usize, value)
            }
            Operation::ForgeLinkToLive(pick, other) => {
                let target = self.pick_live(other).map(|at| self.live[at].block.addr().get());
                target.map_or(Ok(()), |target| self.write_after_free(pool, pick, 0, target))
            }
            Operation::ForgeLinkToFree(pick, other) => {
                let target = self.pick_freed(other).map(|block| block.addr().get());
                target.map_or(Ok(()), |target| self.write_after_free(pool, pick, 0, target))
            }
            Operation::ForgeLinkToNull(pick) => self.write_after_free(pool, pick, 0, 0),
            Operation::Validate => {
                rule(self.damaged || pool.validate(), "validate reports damage in an undamaged pool")
            }
            Operation::Repair => {
                // A block that was never used is free without being on the list, so the list may be shorter than the number of free blocks.
                let listed = pool.repair();
                self.damaged = false;
                rule(listed <= self.capacity - self.live.len(), "repair put a live block on the free list")?;
                rule(listed >= self.freed.len(), "repair lost a free block")?;
                rule(pool.validate(), "validate reports damage in a repaired pool")
            }
            Operation::ResetLowestFree => {
                pool.reset_lowest_free();
                self.lowest_free = self.capacity - self.live.len();
                self.lowest_is_inexact = self.damaged;
                Ok(())
            }
            Operation::Restart(size, count) => {
                let (size, count) = (size_of::<usize>() + size as usize, 1 + count as usize % MOST_BLOCKS);
                pool.restart(size, count);
                let step = self.step;
                *self = Self { step, ..Self::new(pool) };
                rule(self.capacity >= count, "a pool has fewer blocks than requested")?;
                rule(self.stride >= size, "a block is smaller than requested")
            }
        }
    }

    fn alloc(&mut self, pool: &mut impl PoolUnderTest) -> Checked {
        match pool.alloc() {
            Ok(block) => self.enter(block),
            Err(Refusal::Exhausted) => {
                self.exhausted = self.exhausted.saturating_add(1);
                rule(self.live.len() == self.capacity, "alloc reports exhaustion while there are free blocks")
            }
            Err(Refusal::Corrupt) => rule(self.damaged, "alloc reports damage in an undamaged pool"),
            Err(_) => Err("alloc was refused with a reason that only free may have"),
        }
    }

    /// Checks that `block` may be allocated now, and enters it as live.
    fn enter(&mut self, block: NonNull<u8>) -> Checked {
        rule(self.live.len() < self.capacity, "a block was allocated from an exhausted pool")?;
        rule(block.cast::<usize>().is_aligned(), "a block is not aligned to a pointer")?;
        for other in &self.live {
            let distance = block.addr().get().abs_diff(other.block.addr().get());
            rule(distance >= self.stride, "a block has two owners")?;
            rule(
                distance.is_multiple_of(self.stride),
                "the distance of two blocks is not a multiple of the stride",
            )?;
            rule(distance < self.stride * self.capacity, "a block is outside the pool")?;
        }
        self.freed.retain(|&freed| freed != block);
        let pattern = (self.step as u32).wrapping_mul(0x9E37_79B9) | 1;
        // SAFETY: the pool has just allocated the block, and it overlaps no live block.
        unsafe { write_pattern(block, self.stride, pattern) };
        self.live.push(LiveBlock { block, pattern });
        self.lowest_free = self.lowest_free.min(self.capacity - self.live.len());
        Ok(())
    }

    fn alloc_many(&mut self, pool: &mut impl PoolUnderTest, count: usize) -> Checked {
        let free = self.capacity - self.live.len();
        match pool.alloc_many(count) {
            None => Ok(()),
            Some(Ok(blocks)) => {
                rule(blocks.len() == count, "a batch has another size than requested")?;
                blocks.into_iter().try_for_each(|block| self.enter(block))
            }
            Some(Err(Refusal::BatchTooLarge)) => {
                rule(count > self.capacity, "a batch that fits was refused as too large")
            }
            Some(Err(Refusal::Exhausted)) => {
                self.exhausted = self.exhausted.saturating_add(1);
                rule(count > free, "a batch was refused as exhausted while there are enough free blocks")
            }
            Some(Err(Refusal::Corrupt)) => {
                // Blocks may have been allocated before the damage was met, and freed in another order.
                self.lowest_is_inexact = true;
                rule(self.damaged, "alloc reports damage in an undamaged pool")
            }
            Some(Err(_)) => Err("alloc was refused with a reason that only free may have"),
        }
    }

    fn free_many(&mut self, pool: &mut impl PoolUnderTest, count: usize, how: u8) -> Checked {
        let count = count.min(self.live.len());
        let mut blocks: Vec<_> =
            self.live.iter().rev().take(count).map(|owned| owned.block.as_ptr()).collect();
        let wrong = if how.is_multiple_of(2) || blocks.is_empty() {
            None
        } else {
            let at = how as usize / 2 % blocks.len();
            let (replaced, refusal) = match how / 2 % 3 {
                0 => (core::ptr::null_mut(), Refusal::NotABlock),
                1 => (blocks[at].wrapping_add(1), Refusal::NotABlock),
                _ if at > 0 => (blocks[at - 1], Refusal::DoubleFree),
                _ => (pool.foreign(), Refusal::NotABlock),
            };
            blocks[at] = replaced;
            Some(refusal)
        };
        // SAFETY: the model owns all of them, except one that is wrong on purpose and not a live block of another owner.
        match (unsafe { pool.free_many(&blocks) }, wrong) {
            (None, _) => Ok(()),
            (Some(answer), Some(refusal)) => {
                self.refused = self.refused.saturating_add(1);
                rule(answer == Err(refusal), "a wrong batch was not refused with the right reason")
            }
            (Some(answer), None) => {
                for owned in self.live.drain(self.live.len() - count..) {
                    self.freed.push(owned.block);
                }
                rule(answer == Ok(()), "a correct batch was refused")
            }
        }
    }

    fn free_live(&mut self, pool: &mut impl PoolUnderTest, pick: u8) -> Checked {
        let Some(at) = self.pick_live(pick) else { return Ok(()) };
        let LiveBlock { block, pattern } = self.live.swap_remove(at);
        // SAFETY: the model owns the block until it is freed below.
        rule(unsafe { has_pattern(block, self.stride, pattern) }, "the content of a live block changed")?;
        // SAFETY: the model owned it, and does not use it again.
        let answer = unsafe { pool.free(block.as_ptr()) };
        self.freed.push(block);
        rule(answer == Ok(()), "a correct free was refused")
    }

    /// Frees `block`, which the pool must refuse with the reason `expected`.
    fn expect_refusal(
        &mut self,
        pool: &mut impl PoolUnderTest,
        block: *mut u8,
        expected: Refusal,
    ) -> Checked {
        self.refused = self.refused.saturating_add(1);
        // SAFETY: it is not a live block.
        match unsafe { pool.free(block) } {
            Err(refusal) => {
                rule(refusal == expected, "a wrong free was refused with another reason than expected")
            }
            Ok(()) => Err("a wrong free was accepted"),
        }
    }

    /// Writes a word somewhere into a free block, as a faulty program would.
    fn write_after_free<P: PoolUnderTest>(
        &mut self,
        pool: &mut P,
        pick: u8,
        offset: usize,
        value: usize,
    ) -> Checked {
        let Some(block) = self.pick_freed(pick) else { return Ok(()) };
        let words = self.stride / size_of::<usize>();
        let word = block.cast::<usize>().as_ptr().wrapping_add(offset % words);
        // SAFETY: inside a block of the pool. That the block is free is the misuse under test.
        let changed = unsafe { word.replace(value) } != value;
        if P::HAS_LINKS && changed && offset.is_multiple_of(words) {
            let first = !core::mem::replace(&mut self.damaged, true);
            self.lowest_is_inexact = true;
            rule(!first || !pool.validate(), "validate does not find a changed link")?;
        }
        Ok(())
    }

    /// Compares the counters of the pool with those of the model.
    fn compare_counters(&self, pool: &mut impl PoolUnderTest) -> Checked {
        let counts = pool.counts();
        rule(counts.capacity == self.capacity && counts.stride_bytes == self.stride, "the geometry changed")?;
        rule(counts.free == self.capacity - self.live.len(), "the number of free blocks is wrong")?;
        let lowest_is_right = counts.lowest_free.is_none_or(|lowest| {
            lowest == self.lowest_free || (self.lowest_is_inexact && lowest < self.lowest_free)
        });
        rule(lowest_is_right, "the lowest number of free blocks is wrong")?;
        rule(counts.exhausted == self.exhausted, "the count of failed allocations is wrong")?;
        rule(counts.refused == self.refused, "the count of refused frees is wrong")
    }

    fn pick_live(&self, pick: u8) -> Option<usize> {
        (!self.live.is_empty()).then(|| pick as usize % self.live.len())
    }

    fn pick_freed(&self, pick: u8) -> Option<NonNull<u8>> {
        (!self.freed.is_empty()).then(|| self.freed[pick as usize % self.freed.len()])
    }
}

/// # Safety
///
/// The caller owns `bytes` bytes at `block`, which is aligned to a pointer.
unsafe fn write_pattern(block: NonNull<u8>, bytes: usize, pattern: u32) {
    for word in 0..bytes / size_of::<u32>() {
        // SAFETY: inside the block.
        unsafe { block.cast::<u32>().add(word).write(pattern ^ word as u32) };
    }
}

/// # Safety
///
/// The caller owns `bytes` bytes at `block`, which is aligned to a pointer, and has filled them.
unsafe fn has_pattern(block: NonNull<u8>, bytes: usize, pattern: u32) -> bool {
    // SAFETY: inside the block.
    (0..bytes / size_of::<u32>())
        .all(|word| unsafe { block.cast::<u32>().add(word).read() } == pattern ^ word as u32)
}
