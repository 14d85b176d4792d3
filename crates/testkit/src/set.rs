//! The judge of sets: pools of several block sizes behind one alloc and one free.
//!
//! What must hold after every step, beside the rules for a pool: a request is served by the smallest class that holds
//! it, or with spill by the next; a block goes back to the class it came from; a resized block stays where it is as
//! long as it fits, and keeps its content in any case; every counter of every class is exact.

mod op;

pub use op::SetOp;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut, without_provenance_mut};

use crate::{Refusal, Violation};

/// What a set says of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassCounts {
    /// Bytes from one block to the next.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks in use.
    pub used: usize,
    /// The fewest that could ever be taken.
    pub lowest_free: usize,
    /// Requests that found it empty.
    pub misses: u32,
    /// Blocks given to requests of the class below.
    pub spilled_in: u32,
    /// Frees that it refused.
    pub refused: u32,
}

/// What a set says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCounts {
    /// Its classes, smallest blocks first.
    pub classes: Vec<ClassCounts>,
    /// Requests that no class can ever serve.
    pub no_class: u32,
    /// Wrong addresses that no class counted.
    pub refused: u32,
}

/// A set under test.
pub trait SetSubject {
    /// To what its blocks are aligned, if requests may ask for an alignment.
    const ALIGN: Option<usize>;

    /// Takes a block of at least `size` bytes.
    ///
    /// # Errors
    ///
    /// The set's refusal.
    fn alloc(&mut self, size: usize, align: usize) -> Result<NonNull<u8>, Refusal>;

    /// Returns a block, or tries to return what is none.
    ///
    /// # Errors
    ///
    /// The set's refusal.
    ///
    /// # Safety
    ///
    /// The caller owns `block` if it is a live block.
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal>;

    /// Makes a block one of at least `size` bytes.
    ///
    /// # Errors
    ///
    /// The set's refusal, if it says which.
    ///
    /// # Safety
    ///
    /// The caller owns `block` if it is a live block; it is not null.
    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> Result<NonNull<u8>, Option<Refusal>>;

    /// Bytes that the owner of `block` may use; `None` if it is no block in use.
    fn usable_size(&mut self, block: *mut u8) -> Option<usize>;

    /// Turns spill on or off. It is off at first.
    fn set_spill(&mut self, spill: bool);

    /// Where the blocks of a class begin.
    fn base(&mut self, rank: usize) -> *mut u8;

    /// The counters.
    fn counts(&mut self) -> SetCounts;

    /// Whether every class finds itself whole.
    fn validate(&mut self) -> bool;
}

#[derive(Clone, Copy)]
struct Owned {
    block: NonNull<u8>,
    rank: usize,
    /// What its owner wrote into every byte of it.
    seal: u8,
}

/// A model of one set, kept beside it.
pub struct SetShadow {
    /// What the counters must say.
    books: SetCounts,
    bases: Vec<usize>,
    spill: bool,
    live: BTreeMap<usize, Owned>,
    /// Blocks handed out before and free now.
    freed: Vec<*mut u8>,
    seals: u8,
    step: usize,
}

type Judged = Result<(), &'static str>;

fn rule(holds: bool, rule: &'static str) -> Judged {
    holds.then_some(()).ok_or(rule)
}

impl SetShadow {
    /// A shadow of `subject`, a set in which nothing was ever in use.
    pub fn new(subject: &mut impl SetSubject) -> Self {
        let books = subject.counts();
        let bases = (0..books.classes.len()).map(|rank| subject.base(rank).addr()).collect();
        Self { books, bases, spill: false, live: BTreeMap::new(), freed: Vec::new(), seals: 0, step: 0 }
    }

    /// Runs the program that `bytes` are.
    ///
    /// # Errors
    ///
    /// The first rule that the set broke.
    pub fn run(&mut self, subject: &mut impl SetSubject, bytes: &[u8]) -> Result<(), Violation<SetOp>> {
        let mut bytes = bytes.iter().copied();
        while let Some(op) = SetOp::read(&mut bytes) {
            self.step(subject, op)?;
        }
        Ok(())
    }

    /// Returns every live block, and asks the set whether all is well.
    ///
    /// # Errors
    ///
    /// The first rule that the set broke.
    pub fn drain(&mut self, subject: &mut impl SetSubject) -> Result<(), Violation<SetOp>> {
        while !self.live.is_empty() {
            self.step(subject, SetOp::Free(0))?;
        }
        let whole = rule(subject.validate(), "a class of a drained set is not whole");
        whole.map_err(|rule| Violation { rule, op: SetOp::Free(0), step: self.step })
    }

    /// Performs one operation, and judges what came of it.
    ///
    /// # Errors
    ///
    /// The rule that the set broke.
    pub fn step(&mut self, subject: &mut impl SetSubject, op: SetOp) -> Result<(), Violation<SetOp>> {
        let done = self.perform(subject, op);
        let judged = done.and_then(|()| rule(subject.counts() == self.books, "a counter is wrong"));
        judged.map_err(|rule| Violation { rule, op, step: self.step })?;
        self.step += 1;
        Ok(())
    }

    fn perform<S: SetSubject>(&mut self, subject: &mut S, op: SetOp) -> Judged {
        match op {
            SetOp::Alloc(size, log) => {
                let align = if S::ALIGN.is_some() { 1 << log } else { 1 };
                let expected = self.expect::<S>(size, align);
                match subject.alloc(size, align) {
                    Ok(block) => self.enter::<S>(block, expected),
                    Err(refusal) => rule(expected == Err(refusal), "a request was refused wrongly"),
                }
            }
            SetOp::Free(at) => {
                let Some(owned) = self.pick(at) else { return Ok(()) };
                rule(self.holds(owned.block, owned), "a live block changed under its owner")?;
                self.leave(owned);
                // SAFETY: the shadow's, and forgotten.
                let freed = unsafe { subject.free(owned.block.as_ptr()) };
                rule(freed == Ok(()), "a live block was not taken back")
            }
            SetOp::Realloc(at, size) => match self.pick(at) {
                Some(owned) => self.resize(subject, owned, size),
                None => Ok(()),
            },
            SetOp::FreeTwice(at) => match self.freed.get(at as usize % self.freed.len().max(1)) {
                Some(&block) => self.refuse(subject, block, Refusal::DoubleFree),
                None => Ok(()),
            },
            SetOp::FreeNeverTaken(rank, at) => {
                let rank = rank as usize % self.bases.len();
                let class = self.books.classes[rank];
                let offset = at as usize % class.capacity * class.stride_bytes;
                let block = subject.base(rank).wrapping_add(offset);
                if self.live.contains_key(&block.addr()) {
                    return Ok(());
                }
                self.refuse(subject, block, Refusal::DoubleFree)
            }
            SetOp::FreeInterior(at, by) => {
                let Some(Owned { block, rank, .. }) = self.pick(at) else { return Ok(()) };
                let by = 1 + by as usize % (self.stride(rank) - 1);
                self.refuse(subject, block.as_ptr().wrapping_add(by), Refusal::NotABlock)
            }
            SetOp::FreeStranger(word) => {
                let mut variable = 0u64;
                let behind = self.end(word % self.bases.len());
                let strangers: [*mut u8; 3] =
                    [null_mut(), (&raw mut variable).cast(), without_provenance_mut(word)];
                for stranger in strangers.into_iter().chain([without_provenance_mut(behind)]) {
                    if self.class_at(stranger.addr()).is_none() {
                        self.refuse(subject, stranger, Refusal::NotABlock)?;
                    }
                }
                Ok(())
            }
            SetOp::ReallocWrongly(at, size) => {
                let mut variable = 0u64;
                let freed = self.freed.get(at as usize % self.freed.len().max(1));
                let cases = [
                    (freed.copied(), Refusal::DoubleFree),
                    (Some((&raw mut variable).cast()), Refusal::NotABlock),
                ];
                for (block, expected) in cases {
                    let Some(block) = block else { continue };
                    self.books.refused += 1;
                    // SAFETY: no block in use, so nobody's.
                    let answer = unsafe { subject.realloc(block, size) };
                    let named =
                        matches!(answer, Err(refusal) if refusal.is_none_or(|named| named == expected));
                    rule(named, "what is no block in use was resized, or refused wrongly")?;
                }
                Ok(())
            }
            SetOp::Usable(at) => {
                let Some(Owned { block, rank, .. }) = self.pick(at) else { return Ok(()) };
                let usable = subject.usable_size(block.as_ptr());
                rule(usable == Some(self.stride(rank)), "the usable size of a live block is wrong")
            }
            SetOp::Spill(spill) => {
                self.spill = spill;
                subject.set_spill(spill);
                Ok(())
            }
            SetOp::Validate => rule(subject.validate(), "a class is not whole"),
        }
    }

    fn stride(&self, rank: usize) -> usize {
        self.books.classes[rank].stride_bytes
    }

    fn end(&self, rank: usize) -> usize {
        self.bases[rank] + self.stride(rank) * self.books.classes[rank].capacity
    }

    fn class_at(&self, address: usize) -> Option<usize> {
        (0..self.bases.len()).find(|&rank| (self.bases[rank]..self.end(rank)).contains(&address))
    }

    fn pick(&self, at: u8) -> Option<Owned> {
        self.live.values().nth(at as usize % self.live.len().max(1)).copied()
    }

    /// Which class must serve a request, or why none does; the counters of that are booked.
    fn expect<S: SetSubject>(&mut self, size: usize, align: usize) -> Result<usize, Refusal> {
        let fits =
            |class: &ClassCounts| class.stride_bytes >= size && S::ALIGN.is_none_or(|most| align <= most);
        let Some(rank) = self.books.classes.iter().position(fits) else {
            self.books.no_class += 1;
            return Err(Refusal::NoClass);
        };
        let ways = if self.spill { 2 } else { 1 };
        for (way, class) in self.books.classes[rank..].iter_mut().take(ways).enumerate() {
            if class.used < class.capacity {
                class.spilled_in += way as u32;
                return Ok(rank + way);
            }
            class.misses += 1;
        }
        Err(Refusal::Exhausted)
    }

    /// A block came from the set: whether it may, and from now on it is in use.
    fn enter<S: SetSubject>(&mut self, block: NonNull<u8>, expected: Result<usize, Refusal>) -> Judged {
        let rank = expected.map_err(|_| "a request that must fail was served")?;
        let (start, stride) = (block.addr().get(), self.stride(rank));
        rule(self.class_at(start) == Some(rank), "a block of the wrong class")?;
        rule((start - self.bases[rank]).is_multiple_of(stride), "a block off its stride")?;
        rule(start.is_multiple_of(S::ALIGN.unwrap_or(1)), "a block that is not aligned")?;
        rule(!self.live.contains_key(&start), "a block with two owners")?;
        self.seals = self.seals.wrapping_add(1);
        // SAFETY: the block is the shadow's, for all of its stride.
        unsafe { block.write_bytes(self.seals, stride) };
        self.freed.retain(|freed| *freed != block.as_ptr());
        self.live.insert(start, Owned { block, rank, seal: self.seals });
        let class = &mut self.books.classes[rank];
        class.used += 1;
        class.lowest_free = class.lowest_free.min(class.capacity - class.used);
        Ok(())
    }

    fn leave(&mut self, owned: Owned) {
        self.live.remove(&owned.block.addr().get());
        self.books.classes[owned.rank].used -= 1;
        self.freed.push(owned.block.as_ptr());
    }

    /// Whether `block` begins with what the owner of `owned` wrote there.
    fn holds(&self, block: NonNull<u8>, owned: Owned) -> bool {
        // SAFETY: called with blocks in use of at least that stride, which were filled.
        (0..self.stride(owned.rank)).all(|at| unsafe { block.add(at).read() } == owned.seal)
    }

    fn refuse(&mut self, subject: &mut impl SetSubject, block: *mut u8, expected: Refusal) -> Judged {
        match self.class_at(block.addr()) {
            Some(rank) => self.books.classes[rank].refused += 1,
            None => self.books.refused += 1,
        }
        // SAFETY: no block in use, so nobody's.
        let answer = unsafe { subject.free(block) };
        rule(answer == Err(expected), "a wrong free was accepted, or refused by the wrong name")?;
        rule(subject.usable_size(block).is_none(), "what is no block in use has a usable size")
    }

    fn resize<S: SetSubject>(&mut self, subject: &mut S, owned: Owned, size: usize) -> Judged {
        let fits = size <= self.stride(owned.rank);
        let expected = if fits { Ok(owned.rank) } else { self.expect::<S>(size, 1) };
        // SAFETY: the shadow's; another one that is returned replaces it.
        match unsafe { subject.realloc(owned.block.as_ptr(), size) } {
            Ok(new) => {
                rule((new == owned.block) == fits, "moved, though it fits, or not, though it does not")?;
                rule(self.holds(new, owned), "content was lost on the way")?;
                if fits {
                    return Ok(());
                }
                self.enter::<S>(new, expected)?;
                self.leave(owned);
                self.refuse(subject, owned.block.as_ptr(), Refusal::DoubleFree)
            }
            Err(refusal) => {
                let named = refusal.is_none_or(|refusal| expected == Err(refusal));
                rule(expected.is_err() && named, "a block was not resized, for a wrong reason")?;
                rule(self.holds(owned.block, owned), "a refused move changed the block")
            }
        }
    }
}
