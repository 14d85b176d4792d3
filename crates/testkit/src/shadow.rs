//! The judge's own books.

use alloc::vec::Vec;
use core::fmt;
use core::ptr::NonNull;

use crate::{Op, Refusal, Subject};

/// What a pool did that it must not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation<O = Op> {
    /// The rule that was broken.
    pub rule: &'static str,
    /// The operation that broke it.
    pub op: O,
    /// How many operations went before.
    pub step: usize,
}

impl<O: fmt::Debug> fmt::Display for Violation<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (step {}, {:?})", self.rule, self.step, self.op)
    }
}

impl<O: fmt::Debug> core::error::Error for Violation<O> {}

#[derive(Clone, Copy)]
struct Owned {
    block: NonNull<u8>,
    /// What its owner wrote into every word of it.
    seal: u32,
}

/// A model of one pool, kept beside it.
pub struct Shadow {
    live: Vec<Owned>,
    /// Blocks handed out before and free now.
    freed: Vec<NonNull<u8>>,
    stride: usize,
    capacity: usize,
    lowest_free: usize,
    exhausted: u32,
    refused: u32,
    /// A free block was written to and not repaired since.
    damaged: bool,
    /// Blocks may have been taken in another order than last-in-first-out since the lowest was last started anew:
    /// a pool that counts the distinct blocks it used may then call the lowest too low, never too high.
    blurred: bool,
    step: usize,
}

type Judged = Result<(), &'static str>;

fn rule(holds: bool, rule: &'static str) -> Judged {
    holds.then_some(()).ok_or(rule)
}

impl Shadow {
    /// A shadow of `subject`, a pool in which nothing is in use.
    pub fn new(subject: &mut impl Subject) -> Self {
        let counts = subject.counts();
        Self {
            live: Vec::new(),
            freed: Vec::new(),
            stride: counts.stride_bytes,
            capacity: counts.capacity,
            lowest_free: counts.capacity,
            exhausted: counts.exhausted,
            refused: counts.refused,
            damaged: false,
            blurred: false,
            step: 0,
        }
    }

    /// Blocks in use.
    pub fn live(&self) -> usize {
        self.live.len()
    }

    /// Performs all operations in `bytes`.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn run(&mut self, subject: &mut impl Subject, bytes: &[u8]) -> Result<(), Violation> {
        let mut bytes = bytes.iter().copied();
        while let Some(op) = Op::read(&mut bytes) {
            self.step(subject, op)?;
        }
        Ok(())
    }

    /// Performs one operation on `subject` and judges what came of it. O(blocks in use).
    ///
    /// # Errors
    ///
    /// A [`Violation`].
    pub fn step(&mut self, subject: &mut impl Subject, op: Op) -> Result<(), Violation> {
        let judged = self.perform(subject, op).and_then(|()| self.audit(subject));
        let step = self.step;
        self.step += 1;
        judged.map_err(|rule| Violation { rule, op, step })
    }

    /// Returns every live block, checking each.
    ///
    /// # Errors
    ///
    /// A [`Violation`].
    pub fn drain(&mut self, subject: &mut impl Subject) -> Result<(), Violation> {
        while !self.live.is_empty() {
            self.step(subject, Op::Free(0))?;
        }
        Ok(())
    }

    fn perform(&mut self, subject: &mut impl Subject, op: Op) -> Judged {
        match op {
            Op::Alloc => self.alloc(subject),
            Op::AllocMany(count) => self.alloc_many(subject, count as usize % 12),
            Op::FreeMany(count, how) => self.free_many(subject, count as usize % 12, how),
            Op::Free(pick) => self.free(subject, pick),
            Op::FreeTwice(pick) => match self.pick_freed(pick) {
                Some(block) => self.wrong(subject, block.as_ptr(), Refusal::DoubleFree),
                None => Ok(()),
            },
            Op::FreeInterior(pick, offset) => match self.pick_live(pick) {
                Some(at) => {
                    let offset = 1 + offset as usize % (self.stride - 1);
                    let inside = self.live[at].block.as_ptr().wrapping_add(offset);
                    self.wrong(subject, inside, Refusal::NotABlock)
                }
                None => Ok(()),
            },
            Op::FreeNull => self.wrong(subject, core::ptr::null_mut(), Refusal::NotABlock),
            Op::FreeStack => {
                let mut local = [0u32; 4];
                self.wrong(subject, local.as_mut_ptr().cast(), Refusal::NotABlock)
            }
            Op::FreeForeign => {
                let foreign = subject.foreign();
                self.wrong(subject, foreign, Refusal::NotABlock)
            }
            Op::FreeBeyond(strides) => match self.pick_live(0) {
                Some(at) => {
                    // A capacity's worth of strides leads out of the pool from any block of it, in both directions.
                    let beyond = self.stride * (self.capacity + strides as usize);
                    let block = self.live[at].block.as_ptr();
                    self.wrong(subject, block.wrapping_add(beyond), Refusal::NotABlock)?;
                    self.wrong(subject, block.wrapping_sub(beyond), Refusal::NotABlock)
                }
                None => Ok(()),
            },
            Op::FreeWord(word) => {
                let known = self.live.iter().map(|o| o.block).chain(self.freed.iter().copied());
                let near = known.clone().any(|b| b.addr().get().abs_diff(word) < self.stride * self.capacity);
                if near {
                    return Ok(()); // may be a block that was never handed out; the other operations cover these
                }
                self.wrong(subject, core::ptr::without_provenance_mut(word), Refusal::NotABlock)
            }
            Op::Scribble(pick, offset, value) => self.scribble(subject, pick, offset as usize, value),
            Op::ForgeLive(pick, other) => {
                let target = self.pick_live(other).map(|at| self.live[at].block.addr().get());
                target.map_or(Ok(()), |target| self.scribble(subject, pick, 0, target))
            }
            Op::ForgeFree(pick, other) => {
                let target = self.pick_freed(other).map(|block| block.addr().get());
                target.map_or(Ok(()), |target| self.scribble(subject, pick, 0, target))
            }
            Op::ForgeEnd(pick) => self.scribble(subject, pick, 0, 0),
            Op::Validate => rule(self.damaged || subject.validate(), "a whole pool was called corrupt"),
            Op::Repair => {
                // Blocks that were never listed are not on the list, so its length may be less than what is free.
                let listed = subject.repair();
                self.damaged = false;
                rule(listed <= self.capacity - self.live.len(), "repair listed a block that is in use")?;
                rule(listed >= self.freed.len(), "repair lost a block")?;
                rule(subject.validate(), "a repaired pool was called corrupt")
            }
            Op::ResetLowest => {
                subject.reset_lowest_free();
                self.lowest_free = self.capacity - self.live.len();
                self.blurred = self.damaged;
                Ok(())
            }
            Op::Restart(size, count) => {
                let (size, count) = (size_of::<usize>() + size as usize, 1 + count as usize % 40);
                subject.restart(size, count);
                let step = self.step;
                *self = Self { step, ..Self::new(subject) };
                rule(self.capacity >= count, "a pool has fewer blocks than asked for")?;
                rule(self.stride >= size, "a block is smaller than asked for")
            }
        }
    }

    fn alloc(&mut self, subject: &mut impl Subject) -> Judged {
        match subject.alloc() {
            Ok(block) => self.own(block),
            Err(Refusal::Exhausted) => {
                self.exhausted = self.exhausted.saturating_add(1);
                rule(self.live.len() == self.capacity, "a pool with free blocks called itself exhausted")
            }
            Err(Refusal::Corrupt) => rule(self.damaged, "an undamaged pool called itself corrupt"),
            Err(_) => Err("an allocation was refused for a free's reason"),
        }
    }

    /// A block was handed out: is it one that may be?
    fn own(&mut self, block: NonNull<u8>) -> Judged {
        rule(self.live.len() < self.capacity, "a block was handed out by a pool with none left")?;
        rule(block.cast::<usize>().is_aligned(), "a block is not aligned to a pointer")?;
        for other in &self.live {
            let distance = block.addr().get().abs_diff(other.block.addr().get());
            rule(distance >= self.stride, "a block has two owners")?;
            rule(distance.is_multiple_of(self.stride), "a block is off the stride")?;
            rule(distance < self.stride * self.capacity, "a block is outside the pool")?;
        }
        self.freed.retain(|&freed| freed != block);
        let seal = (self.step as u32).wrapping_mul(0x9E37_79B9) | 1;
        // SAFETY: the pool gave us the block, and no owner we know of overlaps it.
        unsafe { fill(block, self.stride, seal) };
        self.live.push(Owned { block, seal });
        self.lowest_free = self.lowest_free.min(self.capacity - self.live.len());
        Ok(())
    }

    fn alloc_many(&mut self, subject: &mut impl Subject, count: usize) -> Judged {
        let free = self.capacity - self.live.len();
        match subject.alloc_many(count) {
            None => Ok(()),
            Some(Ok(blocks)) => {
                rule(blocks.len() == count, "a batch is not of the size asked for")?;
                blocks.into_iter().try_for_each(|block| self.own(block))
            }
            Some(Err(Refusal::BatchTooLarge)) => rule(count > self.capacity, "a batch was called too large"),
            Some(Err(Refusal::Exhausted)) => {
                self.exhausted = self.exhausted.saturating_add(1);
                rule(count > free, "a pool with enough blocks called itself exhausted")
            }
            Some(Err(Refusal::Corrupt)) => {
                // Blocks may have been taken before the damage was met, and given back in another order.
                self.blurred = true;
                rule(self.damaged, "an undamaged pool called itself corrupt")
            }
            Some(Err(_)) => Err("an allocation was refused for a free's reason"),
        }
    }

    fn free_many(&mut self, subject: &mut impl Subject, count: usize, how: u8) -> Judged {
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
                _ => (subject.foreign(), Refusal::NotABlock),
            };
            blocks[at] = replaced;
            Some(refusal)
        };
        // SAFETY: ours to return, but for one that is wrong on purpose.
        match (unsafe { subject.free_many(&blocks) }, wrong) {
            (None, _) => Ok(()),
            (Some(answer), Some(refusal)) => {
                self.refused = self.refused.saturating_add(1);
                rule(answer == Err(refusal), "a wrong batch was not refused by its name")
            }
            (Some(answer), None) => {
                for owned in self.live.drain(self.live.len() - count..) {
                    self.freed.push(owned.block);
                }
                rule(answer == Ok(()), "a right batch was refused")
            }
        }
    }

    fn free(&mut self, subject: &mut impl Subject, pick: u8) -> Judged {
        let Some(at) = self.pick_live(pick) else { return Ok(()) };
        let Owned { block, seal } = self.live.swap_remove(at);
        // SAFETY: the block is ours until it is returned below.
        rule(unsafe { holds(block, self.stride, seal) }, "an owner's bytes were changed")?;
        // SAFETY: it is ours, and forgotten.
        let answer = unsafe { subject.free(block.as_ptr()) };
        self.freed.push(block);
        rule(answer == Ok(()), "a right free was refused")
    }

    /// A free that must be refused.
    fn wrong(&mut self, subject: &mut impl Subject, block: *mut u8, expected: Refusal) -> Judged {
        self.refused = self.refused.saturating_add(1);
        // SAFETY: not a live block, so nobody's.
        match unsafe { subject.free(block) } {
            Err(refusal) => rule(refusal == expected, "a wrong free was refused by a wrong name"),
            Ok(()) => Err("a wrong free was accepted"),
        }
    }

    /// Writes a word somewhere into a free block, as a broken program would.
    fn scribble<S: Subject>(&mut self, subject: &mut S, pick: u8, offset: usize, value: usize) -> Judged {
        let Some(block) = self.pick_freed(pick) else { return Ok(()) };
        let words = self.stride / size_of::<usize>();
        let word = block.cast::<usize>().as_ptr().wrapping_add(offset % words);
        // SAFETY: inside a block of the pool; that it is free, and this a misuse, is the point of the exercise.
        let changed = unsafe { word.replace(value) } != value;
        if S::HAS_LINKS && changed && offset.is_multiple_of(words) {
            let first = !core::mem::replace(&mut self.damaged, true);
            self.blurred = true;
            rule(!first || !subject.validate(), "a changed link was not found by validation")?;
        }
        Ok(())
    }

    /// What must hold after every operation.
    fn audit(&self, subject: &mut impl Subject) -> Judged {
        let counts = subject.counts();
        rule(counts.capacity == self.capacity && counts.stride_bytes == self.stride, "the geometry changed")?;
        rule(counts.free == self.capacity - self.live.len(), "the number of free blocks is wrong")?;
        let lowest_told = counts
            .lowest_free
            .is_none_or(|told| told == self.lowest_free || (self.blurred && told < self.lowest_free));
        rule(lowest_told, "the lowest number of free blocks is wrong")?;
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
/// `block` is ours for `bytes` bytes, and aligned to a pointer.
unsafe fn fill(block: NonNull<u8>, bytes: usize, seal: u32) {
    for word in 0..bytes / size_of::<u32>() {
        // SAFETY: inside the block.
        unsafe { block.cast::<u32>().add(word).write(seal ^ word as u32) };
    }
}

/// # Safety
///
/// `block` is ours for `bytes` bytes, aligned to a pointer, and was filled.
unsafe fn holds(block: NonNull<u8>, bytes: usize, seal: u32) -> bool {
    // SAFETY: inside the block.
    (0..bytes / size_of::<u32>())
        .all(|word| unsafe { block.cast::<u32>().add(word).read() } == seal ^ word as u32)
}
