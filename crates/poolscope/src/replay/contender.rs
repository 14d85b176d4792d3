//! One contender of a replay: an allocator, the blocks that the program has from it, and the counters of both.

use std::ptr::NonNull;
use std::time::{Duration, Instant};

use super::outcome::{ContenderOutcome, Defect, DefectReport, Failure, Peak};
use super::overlap::{BlockAddresses, LiveRanges};
use super::timeline::{Chunk, FreeMemory, Moment};
use crate::trace::{BadFree, Event};

/// What is replayed on. Sizes are bytes of the chip.
pub(super) trait Allocator {
    /// Allocates `bytes` bytes, not zero: the block, aligned to a word, and a tag that says what it is; `None` if that
    /// failed. With `external`, in external RAM if the chip has room in any.
    fn alloc(&mut self, bytes: u64, external: bool) -> Option<(NonNull<u8>, u32)>;

    /// Why the request that was made last failed: one word for programs, and a sentence.
    fn why_failed(&self, bytes: u64, external: bool) -> (&'static str, String);

    /// Frees a live block.
    ///
    /// # Safety
    ///
    /// `block` and `tag` are from `alloc`, and `block` is not used again.
    unsafe fn free(&mut self, block: NonNull<u8>, tag: u32) -> Result<(), Defect>;

    /// Frees a block twice, as the program did. `true` if that was refused, `false` if it was not replayed, as it would
    /// end the program or there is no freed block.
    fn double_free(&mut self) -> Result<bool, Defect>;

    /// The bytes that a block with this tag takes.
    fn cost(&self, tag: u32) -> BlockCost;

    /// Where a live block is on the chip.
    fn addresses(&self, block: NonNull<u8>, tag: u32) -> BlockAddresses;

    /// The free memory; `failed` is left to the caller.
    fn free_memory(&self) -> FreeMemory;

    /// Checks the allocator, and compares its counts with these: live blocks, and bytes of RAM by which use has grown.
    fn check(&self, blocks: u64, ram: u64) -> Result<(), Defect>;
}

/// What a block takes, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockCost {
    /// That the program may use.
    pub(super) allocated: u32,
    /// In front of it.
    pub(super) header: u32,
    /// By which RAM in use grows: both of these, or nothing if the block is of a pool.
    pub(super) ram: u32,
}

/// The RAM of a contender that its counters do not know, bytes.
#[derive(Clone, Copy)]
pub(super) struct Ram {
    /// For allocations (and the pools).
    pub(super) available: u64,
    /// That the pools take from the start.
    pub(super) pools: u64,
    /// Of these, the bytes of blocks.
    pub(super) pool_blocks: u64,
}

/// What has happened so far. Bytes and blocks of the chip.
#[derive(Debug, Default)]
pub(super) struct Counters {
    served: u64,
    failed: u64,
    zero: u64,
    /// Live blocks.
    pub(super) blocks: u64,
    pub(super) live: LiveBytes,
    /// When the most requested bytes were live.
    peak: LiveBytes,
    /// The most RAM that was in use at one time, which may be another time.
    ram_peak: u64,
    /// Over all allocations.
    requested_total: u64,
    allocated_total: u64,
    double_frees: u64,
    double_frees_refused: u64,
    older_frees: u64,
    /// Requests that were served from external RAM in the recording.
    pub(super) external: u64,
    defects: u64,
}

/// Bytes that are live at one time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LiveBytes {
    requested: u64,
    allocated: u64,
    headers: u64,
    /// Allocated bytes and headers, without blocks of pools.
    pub(super) ram: u64,
}

/// What is in a slot of the trace: a live block, or nothing.
#[derive(Clone, Copy, Default)]
struct Slot {
    block: Option<NonNull<u8>>,
    requested: u32,
    tag: u32,
}

/// An allocator at work.
pub(super) struct Contender<A> {
    pub(super) allocator: A,
    pub(super) counters: Counters,
    pub(super) elapsed: Duration,
    slots: Vec<Slot>,
    /// Blocks allocated from here on were in external RAM.
    in_external: bool,
    /// Where the live blocks are, if that is to be compared.
    ranges: Option<LiveRanges>,
    first_failure: Option<Failure>,
    first_double_free: Option<Moment>,
    pub(super) first_defect: Option<DefectReport>,
}

impl<A: Allocator> Contender<A> {
    /// Nothing allocated. With `verify`, the addresses of live blocks are kept and compared.
    pub(super) fn new(allocator: A, verify: bool) -> Self {
        Contender {
            allocator,
            counters: Counters::default(),
            elapsed: Duration::ZERO,
            slots: Vec::new(),
            in_external: false,
            ranges: verify.then(LiveRanges::default),
            first_failure: None,
            first_double_free: None,
            first_defect: None,
        }
    }

    /// Replays some events, and measures the time.
    pub(super) fn run(&mut self, chunk: &Chunk<'_>) {
        let start = Instant::now();
        for (at, event) in chunk.events.iter().enumerate() {
            match *event {
                Event::Alloc { slot, size, .. } => self.alloc(chunk, at, slot, size),
                Event::Free { slot, .. } => self.free(chunk, at, slot),
                Event::BadFree { kind: BadFree::NeverAllocated, .. } => self.counters.older_frees += 1,
                Event::BadFree { kind: BadFree::DoubleFree, .. } => self.double_free(chunk, at),
                Event::Memory { external } => self.in_external = external,
                Event::Switch { .. } => {}
            }
        }
        self.elapsed += start.elapsed();
    }

    /// The free memory.
    pub(super) fn free_memory(&self) -> FreeMemory {
        FreeMemory { failed: self.counters.failed, ..self.allocator.free_memory() }
    }

    /// The last checks, after the events of `chunk`, which is empty.
    pub(super) fn finish(&mut self, chunk: &Chunk<'_>) {
        let mut checked = self.allocator.check(self.counters.blocks, self.counters.live.ram);
        if let Some(ranges) = &self.ranges
            && ranges.len() as u64 != self.counters.blocks
        {
            let what = "live blocks and their address ranges differ in number".to_owned();
            checked = checked.and(Err(Defect::CountsDiffer(what)));
        }
        if let Err(defect) = checked {
            self.report(chunk, 0, &defect);
        }
    }

    /// What happened.
    pub(super) fn outcome(&self, ram: Ram) -> ContenderOutcome {
        let counters = &self.counters;
        let LiveBytes { requested, allocated, headers, ram: from_heap } = counters.peak;
        let from_pools = allocated - (from_heap - headers);
        ContenderOutcome {
            served: counters.served,
            failed: counters.failed,
            first_failure: self.first_failure.clone(),
            zero_requests: counters.zero,
            available_bytes: ram.available,
            peak_use_bytes: ram.pools + counters.ram_peak,
            peak: Peak {
                requested_bytes: requested,
                allocated_bytes: allocated,
                overhead_bytes: ram.pools - ram.pool_blocks + headers,
                reserved_bytes: ram.pool_blocks - from_pools,
            },
            requested_bytes_total: counters.requested_total,
            allocated_bytes_total: counters.allocated_total,
            live_at_end: counters.blocks,
            external_requests: counters.external,
            older_frees: counters.older_frees,
            double_frees: counters.double_frees,
            double_frees_refused: counters.double_frees_refused,
            first_double_free: self.first_double_free.clone(),
            defects: counters.defects,
            first_defect: self.first_defect.clone(),
        }
    }

    #[inline]
    fn alloc(&mut self, chunk: &Chunk<'_>, at: usize, slot: u32, size: u64) {
        let entry = if size == 0 {
            self.counters.zero += 1;
            Slot::default()
        } else {
            let external = self.in_external;
            self.counters.external += u64::from(external);
            match self.allocator.alloc(size, external) {
                Some((block, tag)) => {
                    let entry = Slot { block: Some(block), requested: size as u32, tag };
                    self.admit(chunk, at, slot, entry, block);
                    entry
                }
                None => {
                    self.fail(chunk, at, size);
                    Slot::default()
                }
            }
        };
        match self.slots.get_mut(slot as usize) {
            Some(old) => *old = entry,
            // A source hands out slots densely.
            None => self.slots.push(entry),
        }
    }

    #[inline]
    fn admit(&mut self, chunk: &Chunk<'_>, at: usize, number: u32, slot: Slot, block: NonNull<u8>) {
        let BlockCost { allocated, header, ram } = self.allocator.cost(slot.tag);
        // SAFETY: just allocated, aligned to a word, and of that many bytes.
        unsafe { write_pattern(block, allocated, number) };
        let counters = &mut self.counters;
        counters.served += 1;
        counters.blocks += 1;
        counters.live.requested += u64::from(slot.requested);
        counters.live.allocated += u64::from(allocated);
        counters.live.headers += u64::from(header);
        counters.live.ram += u64::from(ram);
        counters.requested_total += u64::from(slot.requested);
        counters.allocated_total += u64::from(allocated);
        counters.ram_peak = counters.ram_peak.max(counters.live.ram);
        if counters.live.requested > counters.peak.requested {
            counters.peak = counters.live;
        }
        if let Some(ranges) = &mut self.ranges
            && let Err(defect) = ranges.insert(&self.allocator.addresses(block, slot.tag))
        {
            self.report(chunk, at, &defect);
        }
    }

    #[inline]
    fn free(&mut self, chunk: &Chunk<'_>, at: usize, slot: u32) {
        // A source frees only what it has allocated.
        let Slot { block, requested, tag } = std::mem::take(&mut self.slots[slot as usize]);
        // The allocation failed, or was of nothing: the program had no block to free.
        let Some(block) = block else { return };
        let BlockCost { allocated, header, ram } = self.allocator.cost(tag);
        let counters = &mut self.counters;
        counters.blocks -= 1;
        counters.live.requested -= u64::from(requested);
        counters.live.allocated -= u64::from(allocated);
        counters.live.headers -= u64::from(header);
        counters.live.ram -= u64::from(ram);
        if let Some(ranges) = &mut self.ranges {
            ranges.remove(self.allocator.addresses(block, tag).block.start);
        }
        // SAFETY: live since `admit`, which wrote the pattern.
        if !unsafe { has_pattern(block, allocated, slot) } {
            self.report(chunk, at, &Defect::Overwritten);
        }
        // SAFETY: from the allocator with this tag; the slot no longer has it.
        if let Err(defect) = unsafe { self.allocator.free(block, tag) } {
            self.report(chunk, at, &defect);
        }
    }

    #[cold]
    fn double_free(&mut self, chunk: &Chunk<'_>, at: usize) {
        self.counters.double_frees += 1;
        self.first_double_free.get_or_insert_with(|| chunk.moment(at));
        match self.allocator.double_free() {
            Ok(refused) => self.counters.double_frees_refused += u64::from(refused),
            Err(defect) => self.report(chunk, at, &defect),
        }
    }

    #[cold]
    fn fail(&mut self, chunk: &Chunk<'_>, at: usize, size: u64) {
        self.counters.failed += 1;
        if self.first_failure.is_none() {
            let (kind, reason) = self.allocator.why_failed(size, self.in_external);
            self.first_failure = Some(Failure { moment: chunk.moment(at), size, kind, reason });
        }
    }

    #[cold]
    fn report(&mut self, chunk: &Chunk<'_>, at: usize, defect: &Defect) {
        self.counters.defects += 1;
        self.first_defect
            .get_or_insert_with(|| DefectReport { moment: chunk.moment(at), what: defect.to_string() });
    }
}

/// What the block in slot `slot` holds in its first and its last word while it is live: a number that is different for
/// each slot, and unlike small numbers and addresses.
fn pattern(slot: u32) -> u32 {
    slot ^ 0xA5C3_0F96
}

fn end_words(block: NonNull<u8>, bytes: u32) -> [*mut u32; 2] {
    let first = block.as_ptr().cast::<u32>();
    // The word that ends with the last byte, if the block is of whole words; every block of an allocator here is.
    [first, first.wrapping_add((bytes as usize / size_of::<u32>()).saturating_sub(1))]
}

/// Writes the pattern of `slot` into `block`.
///
/// # Safety
///
/// `block` is a live block of at least `bytes` bytes and at least one word, aligned to a word, and the caller's.
#[inline]
unsafe fn write_pattern(block: NonNull<u8>, bytes: u32, slot: u32) {
    for word in end_words(block, bytes) {
        // SAFETY: inside the block, as the caller promises.
        unsafe { word.write(pattern(slot)) };
    }
}

/// Whether the pattern of `slot` is still in `block`.
///
/// # Safety
///
/// As [`fn@write_pattern`], which was called for the block.
#[inline]
unsafe fn has_pattern(block: NonNull<u8>, bytes: u32, slot: u32) -> bool {
    // SAFETY: inside the block, as the caller promises.
    end_words(block, bytes).into_iter().all(|word| unsafe { word.read() } == pattern(slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_first_or_last_word_is_seen() {
        let mut memory = [0_u32; 4];
        let block = NonNull::new(memory.as_mut_ptr().cast::<u8>()).unwrap();
        for (bytes, last) in [(16, 3), (8, 1), (4, 0)] {
            for changed in [0, last] {
                // SAFETY: a local array of 16 bytes.
                unsafe {
                    write_pattern(block, bytes, 7);
                    assert!(has_pattern(block, bytes, 7) && !has_pattern(block, bytes, 8));
                    let word = block.cast::<u32>().add(changed);
                    word.write(word.read() ^ 1);
                    assert!(!has_pattern(block, bytes, 7));
                }
            }
        }
    }
}
