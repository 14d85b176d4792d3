//! The contender without pools: every request goes to the chip's heap.

use std::ptr::NonNull;

use microusc_chips::{Caps, ChipHeap, FailReason, RegionInfo};

use super::contender::{Allocator, BlockCost};
use super::outcome::Defect;
use super::overlap::BlockAddresses;
use super::timeline::FreeMemory;
use crate::layout::HEAP_HEADER;

/// The heap as plain `malloc` and `free` see it. The tag of a block is its size in bytes.
pub(super) struct Heap {
    heap: ChipHeap,
    /// The memory that `malloc` may be served from.
    caps: Caps,
    /// Blocks that were live before, and bytes that were free.
    start: (usize, usize),
}

/// The capabilities of a request for external RAM.
const EXTERNAL: Caps = Caps::SPIRAM.union(Caps::B8);

impl Heap {
    /// `malloc` over `heap`; with `psram`, it may use external RAM.
    pub(super) fn new(heap: ChipHeap, psram: bool) -> Self {
        let caps = if psram { Caps::DEFAULT } else { heap.default_caps() };
        let start = totals(&heap);
        Heap { heap, caps, start }
    }

    /// Bytes free in external RAM that `malloc` does not use.
    pub(super) fn external_bytes(&self) -> u64 {
        let outside = self.heap.regions().filter(|region| region.has(EXTERNAL) && !region.has(self.caps));
        outside.map(|region| region.info.total_free as u64).sum()
    }

    /// The regions that serve `malloc`, one by one.
    pub(super) fn regions(&self) -> impl Iterator<Item = RegionInfo> {
        self.heap.regions().filter(|region| region.has(self.caps))
    }

    /// Bytes free in the memory that serves `malloc`.
    pub(super) fn free_bytes(&self) -> u64 {
        self.heap.info(self.caps).total_free as u64
    }
}

/// Live blocks and free bytes of all regions.
fn totals(heap: &ChipHeap) -> (usize, usize) {
    let info = heap.info(Caps::empty());
    (info.allocated_blocks, info.total_free)
}

/// Sums and chip addresses have 32 bits, so a size that does not fit cannot be granted either.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn kind(reason: &FailReason) -> &'static str {
    match reason {
        FailReason::Exhausted { .. } => "exhausted",
        FailReason::Fragmented { .. } => "fragmented",
        FailReason::NoSuchRegion { .. } => "no_such_region",
        _ => "refused",
    }
}

impl Allocator for Heap {
    #[inline]
    fn alloc(&mut self, bytes: u64, external: bool) -> Option<(NonNull<u8>, u32)> {
        let block = if external { self.heap.malloc(size(bytes), EXTERNAL) } else { None };
        let block = block.or_else(|| self.heap.malloc_default(size(bytes)))?;
        Some((block, self.heap.size_of(block)? as u32))
    }

    fn why_failed(&self, bytes: u64, external: bool) -> (&'static str, String) {
        let has_external = self.heap.info(EXTERNAL).total_blocks > 0;
        let caps = if external && has_external { EXTERNAL } else { self.caps };
        match self.heap.why_failed(size(bytes), caps) {
            Some(reason) => (kind(&reason), reason.to_string()),
            None => ("refused", "refused".to_owned()),
        }
    }

    #[inline]
    unsafe fn free(&mut self, block: NonNull<u8>, _: u32) -> Result<(), Defect> {
        self.heap.free(block).map_err(|error| Defect::FreeRefused(error.to_string()))
    }

    fn double_free(&mut self) -> Result<bool, Defect> {
        Ok(false)
    }

    #[inline]
    fn cost(&self, allocated: u32) -> BlockCost {
        BlockCost { allocated, header: HEAP_HEADER, ram: allocated + HEAP_HEADER }
    }

    fn addresses(&self, block: NonNull<u8>, allocated: u32) -> BlockAddresses {
        // An unknown address or region is wrong in any case: the range is then inside no region.
        let start = self.heap.chip_address(block).unwrap_or(0);
        let within = self.heap.region_of(block).map_or(0..0, |region| region.base..region.end());
        BlockAddresses { block: start..start.saturating_add(allocated), within }
    }

    fn free_memory(&self) -> FreeMemory {
        let info = self.heap.info(self.caps);
        let fragmented = self.regions().map(|region| region.fragmented_bytes() as u64).sum();
        FreeMemory {
            largest_free_block: info.largest_free_block as u64,
            free_bytes: info.total_free as u64,
            fragmented_bytes: fragmented,
            failed: 0,
        }
    }

    fn check(&self, blocks: u64, ram: u64) -> Result<(), Defect> {
        self.heap.check_integrity().map_err(|error| Defect::CountsDiffer(error.to_string()))?;
        let (live, free) = totals(&self.heap);
        let counted = (live.wrapping_sub(self.start.0) as u64, self.start.1.wrapping_sub(free) as u64);
        if counted == (blocks, ram) {
            return Ok(());
        }
        let (live, used) = counted;
        Err(Defect::CountsDiffer(format!(
            "the heap counts {live} live blocks in {used} bytes, the program has {blocks} in {ram}"
        )))
    }
}
