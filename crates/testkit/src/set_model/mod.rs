//! A simple account of a set: pools of several block sizes behind one alloc and one free.
//!
//! What must hold after every step, beside the rules for a pool: a request is served by the smallest class that fits, or
//! with spill by the next larger one; a block is freed to the class that it came from; a resized block stays where it is as
//! long as it fits, and keeps its content in any case; every counter of every class is exact.

mod operation;

pub use operation::SetOperation;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut, without_provenance_mut};

use crate::pool_model::{Checked, rule};
use crate::{Refusal, Violation};

/// The numbers that a set reports about one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCounts {
    /// Bytes from one block to the next.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks in use.
    pub used: usize,
    /// The smallest number of free blocks so far.
    pub lowest_free: usize,
    /// Requests that found it exhausted.
    pub misses: u32,
    /// Blocks that served requests of the next smaller class.
    pub spilled_in: u32,
    /// Frees that it refused.
    pub refused: u32,
}

/// The numbers that a set reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCounts {
    /// Its classes, smallest blocks first.
    pub classes: Vec<ClassCounts>,
    /// Requests that no class can serve.
    pub no_class: u32,
    /// Refused addresses that belong to no class.
    pub refused: u32,
}

/// A set under test.
pub trait SetUnderTest {
    /// The alignment of its blocks, if requests may ask for one.
    const ALIGN: Option<usize>;

    /// Allocates a block of at least `size` bytes.
    ///
    /// # Errors
    ///
    /// The set's refusal.
    fn alloc(&mut self, size: usize, align: usize) -> Result<NonNull<u8>, Refusal>;

    /// Frees a block, or passes the set an address that it must refuse.
    ///
    /// # Errors
    ///
    /// The set's refusal.
    ///
    /// # Safety
    ///
    /// The caller owns `block` if it is a live block.
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal>;

    /// Resizes a block to at least `size` bytes.
    ///
    /// # Errors
    ///
    /// The set's refusal, if it names one.
    ///
    /// # Safety
    ///
    /// The caller owns `block` if it is a live block; it is not null.
    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> Result<NonNull<u8>, Option<Refusal>>;

    /// Bytes that the owner of `block` may use; `None` if it is not a live block.
    fn usable_size(&mut self, block: *mut u8) -> Option<usize>;

    /// Turns spill on or off. A new set has it off.
    fn set_spill(&mut self, spill: bool);

    /// The address of block 0 of a class.
    fn base(&mut self, rank: usize) -> *mut u8;

    /// The counters.
    fn counts(&mut self) -> SetCounts;

    /// Whether the own check of every class finds no damage.
    fn validate(&mut self) -> bool;
}

#[derive(Clone, Copy)]
struct LiveBlock {
    block: NonNull<u8>,
    rank: usize,
    /// The byte that was written into all of it.
    pattern: u8,
}

/// The model of one set.
pub struct SetModel {
    /// What the counters must be.
    expected_counts: SetCounts,
    bases: Vec<usize>,
    spill: bool,
    live: BTreeMap<usize, LiveBlock>,
    /// Blocks that were allocated before and are free now.
    freed: Vec<*mut u8>,
    patterns: u8,
    step: usize,
}

impl SetModel {
    /// Runs the operations that `program` encodes on `set`, a new set, and frees every live block at the end.
    ///
    /// # Errors
    ///
    /// The first [`Violation`].
    pub fn check(mut set: impl SetUnderTest, program: &[u8]) -> Result<(), Violation<SetOperation>> {
        let mut model = Self::new(&mut set);
        let mut bytes = program.iter().copied();
        while let Some(operation) = SetOperation::read(&mut bytes) {
            model.step(&mut set, operation)?;
        }
        model.drain(&mut set)
    }

    /// The model of `set`, in which no block was ever in use.
    pub fn new(set: &mut impl SetUnderTest) -> Self {
        let expected_counts = set.counts();
        let bases = (0..expected_counts.classes.len()).map(|rank| set.base(rank).addr()).collect();
        Self {
            expected_counts,
            bases,
            spill: false,
            live: BTreeMap::new(),
            freed: Vec::new(),
            patterns: 0,
            step: 0,
        }
    }

    /// Frees every live block, and calls the own check of every class.
    ///
    /// # Errors
    ///
    /// The first rule that the set broke.
    pub fn drain(&mut self, set: &mut impl SetUnderTest) -> Result<(), Violation<SetOperation>> {
        while !self.live.is_empty() {
            self.step(set, SetOperation::Free(0))?;
        }
        let whole = rule(set.validate(), "validate reports damage in a class after every block was freed");
        whole.map_err(|rule| Violation { rule, op: SetOperation::Free(0), step: self.step })
    }

    /// Performs one operation on `set`, and checks its result and the counters.
    ///
    /// # Errors
    ///
    /// The rule that the set broke.
    pub fn step(
        &mut self,
        set: &mut impl SetUnderTest,
        op: SetOperation,
    ) -> Result<(), Violation<SetOperation>> {
        let done = self.perform(set, op);
        let checked = done.and_then(|()| rule(set.counts() == self.expected_counts, "a counter is wrong"));
        checked.map_err(|rule| Violation { rule, op, step: self.step })?;
        self.step += 1;
        Ok(())
    }

    fn perform<S: SetUnderTest>(&mut self, set: &mut S, op: SetOperation) -> Checked {
        match op {
            SetOperation::Alloc(size, log) => {
                let align = if S::ALIGN.is_some() { 1 << log } else { 1 };
                let expected = self.expect::<S>(size, align);
                match set.alloc(size, align) {
                    Ok(block) => self.enter::<S>(block, expected),
                    Err(refusal) => rule(
                        expected == Err(refusal),
                        "alloc was refused, or refused with another reason than expected",
                    ),
                }
            }
            SetOperation::Free(at) => {
                let Some(live) = self.pick(at) else { return Ok(()) };
                rule(self.has_pattern(live.block, live), "the content of a live block changed")?;
                self.leave(live);
                // SAFETY: the model owned it, and does not use it again.
                let freed = unsafe { set.free(live.block.as_ptr()) };
                rule(freed == Ok(()), "a correct free was refused")
            }
            SetOperation::Realloc(at, size) => match self.pick(at) {
                Some(live) => self.resize(set, live, size),
                None => Ok(()),
            },
            SetOperation::FreeTwice(at) => match self.freed.get(at as usize % self.freed.len().max(1)) {
                Some(&block) => self.expect_refusal(set, block, Refusal::DoubleFree),
                None => Ok(()),
            },
            SetOperation::FreeByIndex(rank, at) => {
                let rank = rank as usize % self.bases.len();
                let class = self.expected_counts.classes[rank];
                let offset = at as usize % class.capacity * class.stride_bytes;
                let block = set.base(rank).wrapping_add(offset);
                if self.live.contains_key(&block.addr()) {
                    return Ok(());
                }
                self.expect_refusal(set, block, Refusal::DoubleFree)
            }
            SetOperation::FreeInterior(at, by) => {
                let Some(LiveBlock { block, rank, .. }) = self.pick(at) else { return Ok(()) };
                let by = 1 + by as usize % (self.stride(rank) - 1);
                self.expect_refusal(set, block.as_ptr().wrapping_add(by), Refusal::NotABlock)
            }
            SetOperation::FreeOutside(word) => {
                let mut variable = 0u64;
                let behind = self.end(word % self.bases.len());
                let outside: [*mut u8; 3] =
                    [null_mut(), (&raw mut variable).cast(), without_provenance_mut(word)];
                for address in outside.into_iter().chain([without_provenance_mut(behind)]) {
                    if self.class_at(address.addr()).is_none() {
                        self.expect_refusal(set, address, Refusal::NotABlock)?;
                    }
                }
                Ok(())
            }
            SetOperation::ReallocWrongly(at, size) => {
                let mut variable = 0u64;
                let freed = self.freed.get(at as usize % self.freed.len().max(1));
                let cases = [
                    (freed.copied(), Refusal::DoubleFree),
                    (Some((&raw mut variable).cast()), Refusal::NotABlock),
                ];
                for (block, expected) in cases {
                    let Some(block) = block else { continue };
                    self.expected_counts.refused += 1;
                    // SAFETY: it is not a live block.
                    let answer = unsafe { set.realloc(block, size) };
                    let named =
                        matches!(answer, Err(refusal) if refusal.is_none_or(|named| named == expected));
                    rule(
                        named,
                        "an address that is not a live block was resized, or refused with another reason than expected",
                    )?;
                }
                Ok(())
            }
            SetOperation::Usable(at) => {
                let Some(LiveBlock { block, rank, .. }) = self.pick(at) else { return Ok(()) };
                let usable = set.usable_size(block.as_ptr());
                rule(usable == Some(self.stride(rank)), "the usable size of a live block is wrong")
            }
            SetOperation::Spill(spill) => {
                self.spill = spill;
                set.set_spill(spill);
                Ok(())
            }
            SetOperation::Validate => rule(set.validate(), "validate reports damage in an undamaged class"),
        }
    }

    fn stride(&self, rank: usize) -> usize {
        self.expected_counts.classes[rank].stride_bytes
    }

    fn end(&self, rank: usize) -> usize {
        self.bases[rank] + self.stride(rank) * self.expected_counts.classes[rank].capacity
    }

    fn class_at(&self, address: usize) -> Option<usize> {
        (0..self.bases.len()).find(|&rank| (self.bases[rank]..self.end(rank)).contains(&address))
    }

    fn pick(&self, at: u8) -> Option<LiveBlock> {
        self.live.values().nth(at as usize % self.live.len().max(1)).copied()
    }

    /// Which class must serve a request, or why none does. Counts that in the expected counters.
    fn expect<S: SetUnderTest>(&mut self, size: usize, align: usize) -> Result<usize, Refusal> {
        let fits =
            |class: &ClassCounts| class.stride_bytes >= size && S::ALIGN.is_none_or(|most| align <= most);
        let Some(rank) = self.expected_counts.classes.iter().position(fits) else {
            self.expected_counts.no_class += 1;
            return Err(Refusal::NoClass);
        };
        let steps = if self.spill { 2 } else { 1 };
        for (step, class) in self.expected_counts.classes[rank..].iter_mut().take(steps).enumerate() {
            if class.used < class.capacity {
                class.spilled_in += step as u32;
                return Ok(rank + step);
            }
            class.misses += 1;
        }
        Err(Refusal::Exhausted)
    }

    /// Checks that `block` may be allocated now, and enters it as live.
    fn enter<S: SetUnderTest>(&mut self, block: NonNull<u8>, expected: Result<usize, Refusal>) -> Checked {
        let rank = expected.map_err(|_| "a request was served that must be refused")?;
        let (start, stride) = (block.addr().get(), self.stride(rank));
        rule(self.class_at(start) == Some(rank), "a block comes from another class than expected")?;
        rule(
            (start - self.bases[rank]).is_multiple_of(stride),
            "a block is not at a multiple of the stride",
        )?;
        rule(start.is_multiple_of(S::ALIGN.unwrap_or(1)), "a block is not aligned")?;
        rule(!self.live.contains_key(&start), "a block has two owners")?;
        self.patterns = self.patterns.wrapping_add(1);
        // SAFETY: the set has just allocated the block, and it is as long as its stride.
        unsafe { block.write_bytes(self.patterns, stride) };
        self.freed.retain(|freed| *freed != block.as_ptr());
        self.live.insert(start, LiveBlock { block, rank, pattern: self.patterns });
        let class = &mut self.expected_counts.classes[rank];
        class.used += 1;
        class.lowest_free = class.lowest_free.min(class.capacity - class.used);
        Ok(())
    }

    fn leave(&mut self, live: LiveBlock) {
        self.live.remove(&live.block.addr().get());
        self.expected_counts.classes[live.rank].used -= 1;
        self.freed.push(live.block.as_ptr());
    }

    /// Whether `block` begins with what was written into `live`.
    fn has_pattern(&self, block: NonNull<u8>, live: LiveBlock) -> bool {
        // SAFETY: called with live blocks of at least that stride, which were filled.
        (0..self.stride(live.rank)).all(|at| unsafe { block.add(at).read() } == live.pattern)
    }

    fn expect_refusal(&mut self, set: &mut impl SetUnderTest, block: *mut u8, expected: Refusal) -> Checked {
        match self.class_at(block.addr()) {
            Some(rank) => self.expected_counts.classes[rank].refused += 1,
            None => self.expected_counts.refused += 1,
        }
        // SAFETY: it is not a live block.
        let answer = unsafe { set.free(block) };
        rule(
            answer == Err(expected),
            "a wrong free was accepted, or refused with another reason than expected",
        )?;
        rule(set.usable_size(block).is_none(), "an address that is not a live block has a usable size")
    }

    fn resize<S: SetUnderTest>(&mut self, set: &mut S, live: LiveBlock, size: usize) -> Checked {
        let fits = size <= self.stride(live.rank);
        let expected = if fits { Ok(live.rank) } else { self.expect::<S>(size, 1) };
        // SAFETY: the model owns it, and uses the block that is returned in its place.
        match unsafe { set.realloc(live.block.as_ptr(), size) } {
            Ok(new) => {
                rule(
                    (new == live.block) == fits,
                    "a block that fits was moved, or one that does not fit was not",
                )?;
                rule(self.has_pattern(new, live), "the content of a resized block was lost")?;
                if fits {
                    return Ok(());
                }
                self.enter::<S>(new, expected)?;
                self.leave(live);
                self.expect_refusal(set, live.block.as_ptr(), Refusal::DoubleFree)
            }
            Err(refusal) => {
                let named = refusal.is_none_or(|refusal| expected == Err(refusal));
                rule(
                    expected.is_err() && named,
                    "a resize was refused, or refused with another reason than expected",
                )?;
                rule(self.has_pattern(live.block, live), "a refused resize changed the block")
            }
        }
    }
}
