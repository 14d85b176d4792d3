//! What is replayed on: the chip, its heap, and the pools of a layout, placed on the chip as the program would place
//! them when it starts.

use std::ops::Range;
use std::ptr::NonNull;

use microusc_chips::{Access, BuildError, Builder, Caps, Chip, ChipHeap, Engine, Kind};
use serde::Serialize;

use crate::error::Error;
use crate::layout::{HEAP_HEADER, Layout, Placement, PoolSpec};

/// What to replay on, and how.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The chip.
    pub chip: Chip,
    /// Its heap.
    pub heap: Builder,
    /// Plain `malloc` may use external RAM.
    pub malloc_psram: bool,
    /// The pools.
    pub layout: Layout,
    /// With a derived layout: the requests that were left to the heap.
    pub derived: Option<Derived>,
    /// Keep the addresses of all live blocks and compare them.
    pub verify: bool,
    /// Ticks between samples; `None` for about a hundred samples.
    pub interval: Option<u64>,
}

impl Plan {
    /// `layout` on `chip`, with its usual heap.
    #[must_use]
    pub fn new(chip: Chip, layout: Layout) -> Self {
        let heap = ChipHeap::builder(chip);
        Plan { chip, heap, malloc_psram: false, layout, derived: None, verify: false, interval: None }
    }
}

/// The requests that a derived layout has no pool for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Derived {
    /// Largest request that gets a pool, bytes.
    pub limit: u32,
    /// Requests above it.
    pub larger_requests: u64,
    /// The largest of these, bytes.
    pub largest_request: u64,
}

/// What a reader of the verdict must know if the program may have another heap than the simulated one.
pub(super) fn heap_note(chip: Chip, engine: Engine) -> Option<String> {
    chip.facts().rom_heap?;
    match engine {
        Engine::Espressif => Some(format!(
            "ESP-IDF's default on {chip} is the heap in ROM, which does not round block sizes up to size classes. The heap \
             here is the one of CONFIG_HEAP_TLSF_USE_ROM_IMPL=n: set that in the program, or try --heap rom."
        )),
        Engine::Rom => Some(format!(
            "The heap here is the one in the ROM of {chip} as public sources describe it; it was not compared with a chip. \
             CONFIG_HEAP_TLSF_USE_ROM_IMPL=n gives the program the heap of --heap espressif, which was compared with \
             ESP-IDF's code."
        )),
        _ => None,
    }
}

/// A heap that cannot be built, with the next step: another engine, or the regions that can be given a size.
#[must_use]
pub fn unbuildable(heap: &Builder, error: &BuildError) -> Error {
    let help = if matches!(error, BuildError::NoRomHeap { .. }) {
        "leave out --heap rom".to_owned()
    } else {
        let regions = heap.regions().iter();
        let regions: Vec<_> = regions.map(|region| format!("{} {}", region.name, region.capacity)).collect();
        format!("the regions of {} can have at most these bytes: {}", heap.chip(), regions.join(", "))
    };
    Error::usage(error.to_string(), help)
}

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
    /// Bytes that are available of it.
    pub available_bytes: u64,
    /// Bytes that are missing, up to the heap's rounding.
    pub missing_bytes: u64,
}

/// The pools of a layout, placed on the chip.
pub(super) struct PlacedPools {
    /// The heap, with the pools in it as live blocks.
    pub(super) heap: ChipHeap,
    /// Addresses of the blocks of each pool, in the order of the layout.
    pub(super) storage: Vec<Range<u32>>,
    /// Bytes between the blocks of each pool.
    pub(super) strides: Vec<u32>,
    /// Bytes that the pools take of the chip's RAM, overhead included.
    pub(super) ram: u64,
}

impl PlacedPools {
    /// Allocates the memory of every pool of `layout` from `heap`.
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
        Ok(PlacedPools { heap, storage, strides, ram })
    }
}

/// The capabilities of a request for blocks in this placement.
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

/// A heap may serve a request for word memory from better memory; a pool is placed only where the layout says.
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
