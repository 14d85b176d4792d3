//! One side of a replay: an allocator, the blocks the program has from it, and the books.

use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::overlap::{Place, Shadow};
use super::stamp;
use super::timeline::Room;
use crate::trace::{BadFree, Event};

/// What is replayed on. Sizes are bytes of the chip.
pub(super) trait Allocator {
    /// Why a request is refused, as the hot path knows it.
    type Refusal: Copy;

    /// Allocates `size` bytes, not zero: the block, aligned to a word, and a tag that says what it is. With `external`,
    /// in external RAM if the chip has room in any.
    fn alloc(&mut self, size: u64, external: bool) -> Result<(NonNull<u8>, u32), Self::Refusal>;

    /// Frees a live block.
    ///
    /// # Safety
    ///
    /// `block` and `tag` are from `alloc`, and `block` is not used again.
    unsafe fn free(&mut self, block: NonNull<u8>, tag: u32) -> Result<(), Defect>;

    /// Frees a block twice, as the program did, as far as that can be done again.
    fn double_free(&mut self) -> Result<Outcome, Defect>;

    /// What a block with this tag takes.
    fn grant(&self, tag: u32) -> Grant;

    /// The refusal of a request for `size` bytes, in words. Asked right after it.
    fn explain(&self, size: u64, external: bool, refusal: Self::Refusal) -> Reason;

    /// Where a live block is on the chip.
    fn place(&self, block: NonNull<u8>, tag: u32) -> Place;

    /// What could be allocated now; `failed` is left to the caller.
    fn room(&self) -> Room;

    /// Compares the allocator's own books with these: blocks live, and bytes of RAM by which use has grown. Has it
    /// check itself.
    fn audit(&self, blocks: u64, ram: u64) -> Result<(), Defect>;
}

/// What a block takes, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    /// That the program may use.
    pub(super) given: u32,
    /// In front of it.
    pub(super) header: u32,
    /// By which RAM in use grows: both of these, or nothing if the block was reserved before.
    pub(super) ram: u32,
}

/// What came of a wrong free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was refused and counted; the program goes on.
    Refused,
    /// It was not done, as it would end the program, or there is nothing left that it could be done to.
    Skipped,
}

/// Why an allocation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    /// One word for programs.
    pub(super) kind: &'static str,
    /// A sentence for people.
    pub(super) message: String,
}

/// A fault of the allocator itself (or of this program); none of these is ever the recording's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Defect {
    #[error("the first or the last word of a live block was changed")]
    Overwritten,
    #[error("block {address:#010x} overlaps the live block {other:#010x}")]
    Overlap { address: u32, other: u32 },
    #[error("block {address:#010x} leaves its region")]
    OutsideRegion { address: u32 },
    #[error("the free of a live block was refused: {0}")]
    RightFreeRefused(String),
    #[error("a wrong free was accepted, or refused by a wrong name")]
    WrongFreeAccepted,
    #[error("the books do not agree: {0}")]
    Books(String),
}

/// An event of the recording: its place in the chunk that was run.
#[derive(Debug)]
pub(super) struct Incident<T> {
    pub(super) at: usize,
    pub(super) what: T,
}

/// Sums. Bytes and blocks of the chip.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) served: u64,
    pub(super) failed: u64,
    pub(super) zero: u64,
    /// Blocks live.
    pub(super) blocks: u64,
    pub(super) live: Live,
    /// When most bytes asked for were live.
    pub(super) peak: Live,
    /// Most RAM taken at once, which may be at another time.
    pub(super) ram_peak: u64,
    /// Over all allocations.
    pub(super) asked_sum: u64,
    pub(super) given_sum: u64,
    /// Double frees.
    pub(super) wrong_frees: u64,
    /// Frees of blocks that are older than the recording: there is nothing to be freed here.
    pub(super) older_frees: u64,
    /// Requests that were served from external RAM in the recording.
    pub(super) external: u64,
    /// Of the wrong frees, the ones that were done again and refused.
    pub(super) refused_frees: u64,
    pub(super) defects: u64,
}

/// What is live at one time, bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Live {
    pub(super) asked: u64,
    pub(super) given: u64,
    pub(super) headers: u64,
    /// Given and headers, without the blocks that were reserved before.
    pub(super) ram: u64,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    block: Option<NonNull<u8>>,
    asked: u32,
    tag: u32,
}

/// An allocator at work.
pub(super) struct Side<A> {
    pub(super) allocator: A,
    pub(super) books: Books,
    /// Of the chunk run last: the first failure of all, and the first defect of all.
    pub(super) failure: Option<Incident<(u64, Reason)>>,
    pub(super) defect: Option<Incident<Defect>>,
    /// Likewise: the first wrong free of all.
    pub(super) wrong_free: Option<Incident<()>>,
    pub(super) elapsed: Duration,
    slots: Vec<Slot>,
    /// Blocks allocated from here on lay in external RAM.
    in_external: bool,
    shadow: Option<Shadow>,
}

impl<A: Allocator> Side<A> {
    /// Nothing allocated. With `verify`, every live block's place is kept and compared.
    pub(super) fn new(allocator: A, verify: bool) -> Self {
        Side {
            allocator,
            books: Books::default(),
            failure: None,
            defect: None,
            wrong_free: None,
            elapsed: Duration::ZERO,
            slots: Vec::new(),
            in_external: false,
            shadow: verify.then(Shadow::default),
        }
    }

    /// Replays some events, by the clock.
    pub(super) fn run(&mut self, events: &[Event]) {
        let start = Instant::now();
        for (at, event) in events.iter().enumerate() {
            match *event {
                Event::Alloc { slot, size, .. } => self.alloc(at, slot, size),
                Event::Free { slot, .. } => self.free(at, slot),
                Event::BadFree { kind: BadFree::NeverAllocated, .. } => self.books.older_frees += 1,
                Event::BadFree { kind: BadFree::DoubleFree, .. } => self.double_free(at),
                Event::Memory { external } => self.in_external = external,
                Event::Switch { .. } => {}
            }
        }
        self.elapsed += start.elapsed();
    }

    /// What could be allocated now.
    pub(super) fn room(&self) -> Room {
        Room { failed: self.books.failed, ..self.allocator.room() }
    }

    /// The last checks; `at` as in the incidents.
    pub(super) fn finish(&mut self, at: usize) {
        let mut verdict = self.allocator.audit(self.books.blocks, self.books.live.ram);
        if let Some(shadow) = &self.shadow
            && shadow.len() as u64 != self.books.blocks
        {
            verdict = verdict.and(Err(Defect::Books("live blocks and their places differ in number".into())));
        }
        if let Err(defect) = verdict {
            self.report(at, defect);
        }
    }

    #[inline]
    fn alloc(&mut self, at: usize, slot: u32, size: u64) {
        let entry = if size == 0 {
            self.books.zero += 1;
            Slot::default()
        } else {
            let external = self.in_external;
            self.books.external += u64::from(external);
            match self.allocator.alloc(size, external) {
                Ok((block, tag)) => {
                    self.admit(at, slot, Slot { block: Some(block), asked: size as u32, tag }, block)
                }
                Err(refusal) => self.fail(at, size, refusal),
            }
        };
        match self.slots.get_mut(slot as usize) {
            Some(old) => *old = entry,
            // A source hands out slots densely.
            None => self.slots.push(entry),
        }
    }

    #[inline]
    fn admit(&mut self, at: usize, number: u32, slot: Slot, block: NonNull<u8>) -> Slot {
        let Grant { given, header, ram } = self.allocator.grant(slot.tag);
        // SAFETY: fresh from the allocator, aligned to a word, and of that many bytes.
        unsafe { stamp::write(block, given, number) };
        let books = &mut self.books;
        books.served += 1;
        books.blocks += 1;
        books.live.asked += u64::from(slot.asked);
        books.live.given += u64::from(given);
        books.live.headers += u64::from(header);
        books.live.ram += u64::from(ram);
        books.asked_sum += u64::from(slot.asked);
        books.given_sum += u64::from(given);
        books.ram_peak = books.ram_peak.max(books.live.ram);
        if books.live.asked > books.peak.asked {
            books.peak = books.live;
        }
        if let Some(shadow) = &mut self.shadow
            && let Err(defect) = shadow.insert(&self.allocator.place(block, slot.tag))
        {
            self.report(at, defect);
        }
        slot
    }

    #[inline]
    fn free(&mut self, at: usize, slot: u32) {
        // A source frees only what it has allocated.
        let Slot { block, asked, tag } = std::mem::take(&mut self.slots[slot as usize]);
        // The allocation failed, or was of nothing: the program had no block to free.
        let Some(block) = block else { return };
        let Grant { given, header, ram } = self.allocator.grant(tag);
        let books = &mut self.books;
        books.blocks -= 1;
        books.live.asked -= u64::from(asked);
        books.live.given -= u64::from(given);
        books.live.headers -= u64::from(header);
        books.live.ram -= u64::from(ram);
        if let Some(shadow) = &mut self.shadow {
            shadow.remove(self.allocator.place(block, tag).block.start);
        }
        // SAFETY: live since `admit`, which wrote the stamp.
        if !unsafe { stamp::holds(block, given, slot) } {
            self.report(at, Defect::Overwritten);
        }
        // SAFETY: from the allocator with this tag; the slot no longer has it.
        if let Err(defect) = unsafe { self.allocator.free(block, tag) } {
            self.report(at, defect);
        }
    }

    #[cold]
    fn double_free(&mut self, at: usize) {
        self.books.wrong_frees += 1;
        if self.books.wrong_frees == 1 {
            self.wrong_free = Some(Incident { at, what: () });
        }
        match self.allocator.double_free() {
            Ok(Outcome::Refused) => self.books.refused_frees += 1,
            Ok(Outcome::Skipped) => {}
            Err(defect) => self.report(at, defect),
        }
    }

    #[cold]
    fn fail(&mut self, at: usize, size: u64, refusal: A::Refusal) -> Slot {
        self.books.failed += 1;
        if self.books.failed == 1 {
            self.failure =
                Some(Incident { at, what: (size, self.allocator.explain(size, self.in_external, refusal)) });
        }
        Slot::default()
    }

    #[cold]
    fn report(&mut self, at: usize, defect: Defect) {
        self.books.defects += 1;
        if self.books.defects == 1 {
            self.defect = Some(Incident { at, what: defect });
        }
    }
}
