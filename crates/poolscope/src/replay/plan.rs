//! Carving the pools of a layout out of a chip's heap, as the program would when it starts.

use std::ops::Range;
use std::ptr::NonNull;

use microusc_chips::{Access, Caps, ChipHeap, Kind};
use serde::Serialize;

use crate::layout::HEAP_HEADER;
use crate::layout::{Layout, Placement, PoolSpec};

/// A layout that the chip has no room for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Misfit {
    /// The first pool that could not be created.
    pub pool: String,
    /// Where its blocks should have been.
    pub placement: Placement,
    /// Why the heap refused.
    pub reason: String,
    /// Bytes that all pools together need of the kind of memory that ran out.
    pub needed_bytes: u64,
    /// Bytes that there are of it.
    pub available_bytes: u64,
    /// Bytes that are missing, up to the heap's rounding.
    pub missing_bytes: u64,
}

/// The pools' places on the chip.
pub(super) struct Carved {
    /// The heap, with the pools in it as live blocks.
    pub(super) heap: ChipHeap,
    /// Addresses of the blocks of each pool, in the order of the layout.
    pub(super) storage: Vec<Range<u32>>,
    /// Bytes between the blocks of each pool.
    pub(super) strides: Vec<u32>,
    /// Bytes the pools take of the chip's RAM, everything included.
    pub(super) ram: u64,
}

impl Carved {
    /// Creates every pool of `layout` in `heap`.
    pub(super) fn new(mut heap: ChipHeap, layout: &Layout) -> Result<Self, Box<Misfit>> {
        let line = heap.chip().facts().psram.map_or(1, |psram| psram.line);
        let available = [Placement::Dram, Placement::Psram, Placement::Iram]
            .map(|placement| (placement, heap.info(caps(placement)).total_free as u64));
        let free = heap.info(Caps::empty()).total_free;
        let (mut storage, mut strides) = (Vec::new(), Vec::new());
        for pool in &layout.pools {
            let bytes = pool.storage_bytes(line);
            let blocks = allocate(&mut heap, Placement::Dram, pool.control_bytes(), 1)
                .map_err(|refused| (Placement::Dram, refused))
                .and_then(|_| {
                    allocate(&mut heap, pool.placement, bytes, pool.alignment(line))
                        .map_err(|refused| (pool.placement, refused))
                });
            match blocks {
                Ok(address) => {
                    storage.push(address..address + bytes as u32);
                    strides.push(pool.stride(line));
                }
                Err((placement, refused)) => {
                    let available =
                        available.iter().find(|(of, _)| *of == placement).map_or(0, |(_, bytes)| *bytes);
                    return Err(Box::new(misfit(layout, pool, placement, available, line, refused)));
                }
            }
        }
        let ram = (free - heap.info(Caps::empty()).total_free) as u64;
        Ok(Carved { heap, storage, strides, ram })
    }
}

/// The capabilities that blocks of a placement are asked for with.
fn caps(placement: Placement) -> Caps {
    match placement {
        Placement::Dram => Caps::INTERNAL | Caps::B8,
        Placement::Psram => Caps::SPIRAM | Caps::B8,
        Placement::Iram => Caps::INTERNAL | Caps::B32,
    }
}

/// Why there is no room, and how many bytes are missing for this one request.
struct Refused {
    reason: String,
    missing: u64,
}

/// The chip address of `bytes` bytes.
fn allocate(heap: &mut ChipHeap, placement: Placement, bytes: u64, align: u32) -> Result<u32, Refused> {
    let caps = caps(placement);
    if placement == Placement::Iram && !heap.chip().has(Kind::Iram) {
        return Err(Refused {
            reason: format!("{} has no instruction RAM for data", heap.chip()),
            missing: bytes,
        });
    }
    let size = usize::try_from(bytes).unwrap_or(usize::MAX);
    let granted = heap.aligned_alloc(align as usize, size, caps);
    let kept = granted.filter(|&block| placement != Placement::Iram || in_word_memory(heap, block));
    if let Some(block) = kept
        && let Some(address) = heap.chip_address(block)
    {
        return Ok(address);
    }
    let largest = heap.info(caps).largest_free_block as u64;
    let reason = match heap.why_failed(size, caps) {
        Some(reason) => reason.to_string(),
        None if granted.is_some() => "the instruction RAM is used up".to_owned(),
        None => format!("no room for the alignment to {align} bytes"),
    };
    Err(Refused { reason, missing: bytes.saturating_sub(largest).max(1) })
}

/// A heap may answer a request for word memory with better memory; a pool is where it was told to be.
fn in_word_memory(heap: &ChipHeap, block: NonNull<u8>) -> bool {
    heap.region_of(block).is_some_and(|region| region.kind == Kind::Iram && region.access == Access::WordOnly)
}

fn misfit(
    layout: &Layout,
    pool: &PoolSpec,
    placement: Placement,
    available_bytes: u64,
    line: u32,
    refused: Refused,
) -> Misfit {
    let header = u64::from(HEAP_HEADER);
    let blocks = layout.pools.iter().filter(|pool| pool.placement == placement);
    let blocks: u64 = blocks.map(|pool| pool.storage_bytes(line) + header).sum();
    let controls: u64 = layout.pools.iter().map(|pool| pool.control_bytes() + header).sum();
    let needed_bytes = blocks + if placement == Placement::Dram { controls } else { 0 };
    let missing_bytes = needed_bytes.saturating_sub(available_bytes).max(refused.missing);
    let (pool, reason) = (pool.name.clone(), refused.reason);
    Misfit { pool, placement, reason, needed_bytes, available_bytes, missing_bytes }
}
