//! Replaying a recording on a chip: through the pools of a layout, and side by side through the chip's heap.
//!
//! The pools are the library's own ([`microusc_pool::DynPool`]), the heap is [`microusc_chips::ChipHeap`]; bytes are
//! accounted as on the chip, whose pointers have 32 bits. Both sides get the same events in the same batches.
//!
//! ```
//! use microusc_chips::Chip;
//! use poolscope::layout::Layout;
//! use poolscope::replay::{Setup, run};
//!
//! let csv = "time_us,op,id,size\n0,alloc,a,20\n5,alloc,b,20\n9,free,a,\n";
//! let layout = Layout::parse("[[pool]]\nname = 'small'\nblock_size = 24\nblocks = 1\n")?;
//! let setup = Setup::new(Chip::Esp32C3, layout);
//! let report = run(&setup, &mut *poolscope::input::open(csv.as_bytes(), None)?)?;
//! let pools = report.pools.as_ref().unwrap();
//! assert_eq!((pools.side.served, pools.side.failed, report.heap.served), (1, 1, 2));
//! assert_eq!(pools.side.first_failure.as_ref().unwrap().moment.event, 2);
//! assert!(!report.is_good());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Verification
//!
//! Each live block carries its owner's mark in its first and its last word, looked at when it is freed. At the end
//! each allocator checks itself, and its counts are compared with the program's. With [`Setup::verify`], the chip
//! addresses of all live blocks are kept, too, and none may overlap another or leave its region.
//!
//! # Cost
//!
//! Memory: 16 bytes a side for each block of the peak, one batch, and the memory of the chip twice. With
//! [`Setup::verify`] some 30 bytes more for each live block, and a search for each event.

mod classes;
mod contender;
mod drive;
mod fragmentation;
mod heap;
mod outcome;
mod overlap;
mod plan;
mod pools;
mod stamp;
mod timeline;

use microusc_chips::{BuildError, Builder, Chip, ChipHeap, Engine, Kind};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::input::Source;
use crate::layout::Layout;
use crate::trace::Context;
use contender::Side;
use drive::Replay;
pub use fragmentation::RegionFragmentation;
use heap::Heap;
pub use outcome::*;
use plan::Carved;
use pools::{Arenas, Pools};
use timeline::Sampler;
pub use timeline::{Room, Sample};

/// Most samples kept if the interval is free.
const SAMPLES: usize = 120;

/// Most samples kept if the interval is given.
const MANY_SAMPLES: usize = 1 << 16;

/// What to replay on.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The chip.
    pub chip: Chip,
    /// Its heap.
    pub heap: Builder,
    /// Plain `malloc` may use external RAM.
    pub malloc_psram: bool,
    /// The pools.
    pub layout: Layout,
    /// How the layout came about, if it was derived.
    pub derived: Option<Derived>,
    /// Keep the places of all live blocks and compare them.
    pub verify: bool,
    /// Ticks between samples; `None` for about a hundred samples.
    pub interval: Option<u64>,
}

impl Setup {
    /// `layout` on `chip`, with its usual heap.
    #[must_use]
    pub fn new(chip: Chip, layout: Layout) -> Self {
        let heap = ChipHeap::builder(chip);
        Setup { chip, heap, malloc_psram: false, layout, derived: None, verify: false, interval: None }
    }
}

/// A moment of the recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// The event, counted from 1 and without context switches.
    pub event: u64,
    /// Ticks since the start.
    pub ticks: u64,
    /// The same in milliseconds, if the recording has a clock.
    pub ms: Option<f64>,
    /// The task or interrupt, if the recording knows it.
    pub context: Option<Context>,
}

/// Replays `source`.
///
/// # Errors
/// Those of [`Source::next_batch`]; [`Error::Usage`] for a heap that cannot be built.
pub fn run(setup: &Setup, source: &mut dyn Source) -> Result<Report> {
    let build = || setup.heap.clone().build().map_err(|error| unbuildable(&setup.heap, &error));
    let heap = build()?;
    let (heap_engine, idf) = (heap.engine(), heap.idf());
    let external_ram = heap.regions().any(|region| region.spec.kind == Kind::Psram);
    let heap = Heap::new(heap, setup.malloc_psram);
    let available = heap.free_bytes();
    let external = heap.external_bytes();
    let heap = Side::new(heap, setup.verify);
    let carved = Carved::new(build()?, &setup.layout);
    let (carved, misfit) = match carved {
        Ok(carved) => (Some(carved), None),
        Err(misfit) => (None, Some(*misfit)),
    };
    let mut arenas = carved.as_ref().map(|carved| Arenas::new(&setup.layout, carved));
    let mut ram = None;
    let pools = match (carved, &mut arenas) {
        (Some(Carved { heap, storage, strides, ram: fixed }), Some(arenas)) => {
            let blocks = storage.iter().map(|blocks| u64::from(blocks.end - blocks.start)).sum();
            ram = Some(Ram { available, fixed, blocks });
            let pools = Pools::new(&setup.layout, (heap, &storage, &strides), arenas, setup.malloc_psram);
            let pools = pools.map_err(|error| Error::Usage {
                what: format!("the pools cannot be made: {error}"),
                help: "report this: a layout that fits the chip must fit the host".to_owned(),
            })?;
            Some(Side::new(pools, setup.verify))
        }
        _ => None,
    };
    let sampler = match setup.interval {
        Some(interval) => Sampler::new(interval.max(1), MANY_SAMPLES),
        None => Sampler::new(1, SAMPLES),
    };
    let mut replay = Replay::new(pools, heap, sampler);
    replay.drive(source)?;

    let Replay { pools, heap, sampler, pool_firsts, heap_firsts, clock, fragmentation } = replay;
    let events = clock.events;
    // External RAM counts where the recording has blocks in it.
    let available = available + if heap.books.external > 0 { external } else { 0 };
    let ram = ram.map(|ram| Ram { available, ..ram });
    let heap_report = SideReport::new(&heap, &heap_firsts, Ram { available, fixed: 0, blocks: 0 });
    let pool_speed = pools.as_ref().map(|side| Speed::new(side.elapsed, events));
    let timing = Timing { pools: pool_speed, heap: Speed::new(heap.elapsed, events) };
    let pools = pools.zip(ram).map(|(side, ram)| PoolSide::new(&side, &pool_firsts, ram));
    Ok(Report {
        schema: SCHEMA,
        meta: source.meta().clone(),
        chip: setup.chip.name(),
        idf: idf.name(),
        heap_engine: heap_engine.name(),
        heap_note: heap_note(setup.chip, heap_engine),
        external_ram,
        malloc_psram: setup.malloc_psram,
        events,
        ticks: clock.now,
        asked_bytes_at_peak: source.totals().peak_bytes,
        layout: setup.layout.clone(),
        derived: setup.derived,
        misfit,
        pools,
        heap: heap_report,
        fragmentation: fragmentation.finish(),
        samples: sampler.finish(),
        failed_allocations: source.findings().failed,
        left_out: source.findings().left_out,
        remarks: source.remarks(),
        timing: Some(timing),
    })
}

/// What a reader of the verdict must know of the heap, where it may not be the one that the program has.
fn heap_note(chip: Chip, engine: Engine) -> Option<String> {
    chip.facts().rom_heap?;
    match engine {
        Engine::Espressif => Some(format!(
            "ESP-IDF's default on {chip} is the heap in ROM, which does not cut blocks to size classes; the heap here is \
             the one of CONFIG_HEAP_TLSF_USE_ROM_IMPL=n. Set that in the program, or try --heap rom"
        )),
        Engine::Rom => Some(format!(
            "the heap is that in the ROM of {chip} as public sources tell it, and was not compared with a chip; \
             CONFIG_HEAP_TLSF_USE_ROM_IMPL=n gives the program the heap of --heap espressif, which was"
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
        let regions: Vec<_> =
            regions.map(|region| format!("{} up to {}", region.name, region.capacity)).collect();
        format!("bytes of the regions of {}: {}", heap.chip(), regions.join(", "))
    };
    Error::Usage { what: error.to_string(), help }
}

impl PoolSide {
    fn new(side: &Side<Pools<'_>>, firsts: &Firsts, ram: Ram) -> Self {
        let each = side.allocator.states().map(|state| PoolReport {
            name: state.name.to_owned(),
            blocks: state.stats.capacity as u64,
            peak_blocks: (state.stats.capacity - state.stats.lowest_free) as u64,
            exhausted: state.stats.exhausted.into(),
            spilled_in: state.spilled,
        });
        PoolSide {
            side: SideReport::new(side, firsts, ram),
            ram_static: ram.fixed,
            each: each.collect(),
            heap_external: side.allocator.external,
            heap_too_large: side.allocator.too_large,
            heap_overflow: side.allocator.overflowed,
        }
    }
}

#[cfg(test)]
mod tests;
