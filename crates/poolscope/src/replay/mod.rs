//! Replaying a recording on a chip: through the pools of a layout, and side by side through the chip's heap.
//!
//! The pools are the library's own ([`microusc_pool::DynPool`]), the heap is [`microusc_chips::ChipHeap`]; bytes are
//! accounted as on the chip, whose pointers have 32 bits. Both get the same events in the same batches.
//!
//! ```
//! use microusc_chips::Chip;
//! use poolscope::layout::Layout;
//! use poolscope::replay::{Plan, run};
//!
//! let csv = "time_us,op,id,size\n0,alloc,a,20\n5,alloc,b,20\n9,free,a,\n";
//! let layout = Layout::parse("[[pool]]\nname = 'small'\nblock_size = 24\nblocks = 1\n")?;
//! let plan = Plan::new(Chip::Esp32C3, layout);
//! let outcome = run(&plan, &mut *poolscope::input::open(csv.as_bytes(), None)?)?;
//! let pools = outcome.pools.as_ref().unwrap();
//! assert_eq!((pools.common.served, pools.common.failed, outcome.heap.served), (1, 1, 2));
//! assert_eq!(pools.common.first_failure.as_ref().unwrap().moment.event, 2);
//! assert!(!outcome.is_good());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Verification
//!
//! Each live block holds a pattern of its own in its first and its last word, which is compared when the block is freed.
//! At the end each allocator is checked, and its counts are compared with the program's. With [`Plan::verify`], the chip
//! addresses of all live blocks are kept, too, and none may overlap another or leave its region.
//!
//! # Cost
//!
//! Memory: twice 16 bytes for each block of the peak, one batch, and the memory of the chip twice. With
//! [`Plan::verify`] some 30 bytes more for each live block, and a search for each event.

mod contender;
mod heap;
mod outcome;
mod overlap;
mod plan;
mod pools;
mod timeline;

use microusc_chips::Kind;

use crate::error::{Error, Result};
use crate::input::Source;
use crate::trace::Event;
use contender::{Contender, Ram};
use heap::Heap;
pub use outcome::*;
pub use plan::{Derived, Misfit, Plan, unbuildable};
use plan::{PlacedPools, heap_note};
use pools::{PoolMemory, Pools};
use timeline::{Chunk, Clock, Fragmentation, Sampler};
pub use timeline::{FreeMemory, Moment, RegionFragmentation, Sample};

/// Most samples kept if the interval is free.
const SAMPLES: usize = 120;

/// Most samples kept if the interval is given.
const MANY_SAMPLES: usize = 1 << 16;

/// Most events replayed with pools before it is the turn of the heap.
const BATCH: usize = 1 << 16;

/// Replays `source`.
///
/// # Errors
/// Those of [`Source::next_batch`]; [`Error::Usage`] for a heap that cannot be built.
pub fn run(plan: &Plan, source: &mut dyn Source) -> Result<Outcome> {
    let build = || plan.heap.clone().build().map_err(|error| unbuildable(&plan.heap, &error));
    let heap = build()?;
    let (heap_engine, idf) = (heap.engine(), heap.idf());
    let external_ram = heap.regions().any(|region| region.spec.kind == Kind::Psram);
    let heap = Heap::new(heap, plan.malloc_psram);
    let (available, external) = (heap.free_bytes(), heap.external_bytes());
    let mut ram = Ram { available, pools: 0, pool_blocks: 0 };
    let (placed, misfit) = match PlacedPools::new(build()?, &plan.layout) {
        Ok(placed) => (Some(placed), None),
        Err(misfit) => (None, Some(*misfit)),
    };
    let mut memory = placed.as_ref().map(|placed| PoolMemory::new(&plan.layout, placed));
    let mut pools = None;
    if let (Some(placed), Some(memory)) = (placed, &mut memory) {
        ram.pools = placed.ram;
        ram.pool_blocks = placed.storage.iter().map(|blocks| u64::from(blocks.end - blocks.start)).sum();
        let allocator = Pools::new(&plan.layout, placed, memory, plan.malloc_psram);
        let allocator = allocator.map_err(|error| {
            Error::usage(
                format!("the pools cannot be made: {error}"),
                "report this: a layout that fits the chip must fit the host",
            )
        })?;
        pools = Some(Contender::new(allocator, plan.verify));
    }
    let sampler = match plan.interval {
        Some(interval) => Sampler::new(interval.max(1), MANY_SAMPLES),
        None => Sampler::new(1, SAMPLES),
    };
    let mut replay = Replay {
        pools,
        heap: Contender::new(heap, plan.verify),
        sampler,
        fragmentation: Fragmentation::default(),
        clock: Clock::default(),
    };
    replay.drive(source)?;

    let Replay { pools, heap, sampler, fragmentation, clock } = replay;
    // External RAM counts if the recording has blocks in it.
    ram.available += if heap.counters.external > 0 { external } else { 0 };
    let speed = |elapsed| Speed::new(elapsed, clock.events);
    Ok(Outcome {
        schema: SCHEMA,
        meta: source.meta().clone(),
        chip: plan.chip.name(),
        idf: idf.name(),
        heap_engine: heap_engine.name(),
        heap_note: heap_note(plan.chip, heap_engine),
        external_ram,
        malloc_psram: plan.malloc_psram,
        events: clock.events,
        ticks: clock.now,
        requested_bytes_at_peak: source.totals().peak_bytes,
        layout: plan.layout.clone(),
        derived: plan.derived,
        misfit,
        pools: pools.as_ref().map(|pools| PoolsOutcome::new(pools, ram)),
        heap: heap.outcome(Ram { pools: 0, pool_blocks: 0, ..ram }),
        fragmentation: fragmentation.finish(),
        samples: sampler.finish(),
        failed_allocations: source.findings().failed,
        left_out: source.findings().left_out,
        remarks: source.remarks(),
        timing: Some(Timing {
            pools: pools.as_ref().map(|pools| speed(pools.elapsed)),
            heap: speed(heap.elapsed),
        }),
    })
}

/// A replay under way: the contenders get the same events in turns, with samples in between.
struct Replay<'m> {
    pools: Option<Contender<Pools<'m>>>,
    heap: Contender<Heap>,
    sampler: Sampler,
    fragmentation: Fragmentation,
    clock: Clock,
}

impl Replay<'_> {
    /// Replays `source` to its end, then checks both contenders.
    fn drive(&mut self, source: &mut dyn Source) -> Result<()> {
        let mut batch = Vec::new();
        let mut sample_at = self.sampler.end_of(0);
        loop {
            batch.clear();
            let more = source.next_batch(&mut batch)?;
            let (mut start, mut clock) = (0, self.clock);
            for (at, event) in batch.iter().enumerate() {
                let full = at - start == BATCH;
                let due = clock.now + event.dt() >= sample_at;
                if full || due {
                    self.run(&batch[start..at], source);
                    (start, self.clock) = (at, clock);
                }
                if due {
                    self.sample();
                    sample_at = self.sampler.end_of(clock.now + event.dt());
                }
                clock.advance(event);
            }
            self.run(&batch[start..], source);
            self.clock = clock;
            if !more {
                break;
            }
        }
        self.sample();
        let end = self.chunk(&[], source);
        self.heap.finish(&end);
        if let Some(pools) = &mut self.pools {
            pools.finish(&end);
        }
        Ok(())
    }

    /// Replays `events` with pools, then with the heap; the clock stands before the first of them.
    fn run(&mut self, events: &[Event], source: &dyn Source) {
        let chunk = self.chunk(events, source);
        if let Some(pools) = &mut self.pools {
            pools.run(&chunk);
        }
        self.heap.run(&chunk);
    }

    fn chunk<'a>(&self, events: &'a [Event], source: &'a dyn Source) -> Chunk<'a> {
        Chunk { events, start: self.clock, tick_hz: source.meta().tick_hz, contexts: source.contexts() }
    }

    fn sample(&mut self) {
        let ticks = self.clock.now;
        self.fragmentation.record(ticks, self.heap.allocator.regions());
        self.sampler.push(Sample {
            ticks,
            pools: self.pools.as_ref().map(Contender::free_memory),
            rest: self.pools.as_ref().and_then(|pools| pools.allocator.rest()),
            heap: self.heap.free_memory(),
        });
    }
}

#[cfg(test)]
mod tests;
