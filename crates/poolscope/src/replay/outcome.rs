//! What a replay found: plain data, the same for people and programs.

use std::time::Duration;

use serde::Serialize;

use super::plan::{Derived, Misfit};
use super::timeline::{Moment, RegionFragmentation, Sample};
use crate::layout::Layout;
use crate::trace::{FailedAllocs, LeftOut, Meta};

/// The version of the JSON form of [`Outcome`].
pub const SCHEMA: &str = "poolscope.replay/2";

/// What a replay found. Sizes are bytes of the chip, times are ticks of `meta.tick_hz`, events are counted from 1 and
/// without context switches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What the recording says about itself.
    pub meta: Meta,
    /// The chip.
    pub chip: &'static str,
    /// The version of ESP-IDF by which its heap is laid out: `5.4` or `5.5`.
    pub idf: &'static str,
    /// The engine of its heap: `espressif`, `rom` or `rlsf`.
    pub heap_engine: &'static str,
    /// Where the program may have another heap than that: which, and how to choose.
    pub heap_note: Option<String>,
    /// The board has external RAM (PSRAM).
    pub external_ram: bool,
    /// Plain `malloc` may use it.
    pub malloc_psram: bool,
    /// Events.
    pub events: u64,
    /// Ticks from the start to the last event.
    pub ticks: u64,
    /// The most bytes that the program had requested and not freed at one time.
    pub requested_bytes_at_peak: u64,
    /// The pools.
    pub layout: Layout,
    /// With a derived layout: the requests that were left to the heap.
    pub derived: Option<Derived>,
    /// Why the pools were not replayed: the chip has no room for them.
    pub misfit: Option<Misfit>,
    /// With pools; absent if they do not fit.
    pub pools: Option<PoolsOutcome>,
    /// With the heap alone.
    pub heap: ContenderOutcome,
    /// Each region that serves `malloc` without pools, when it was most fragmented.
    pub fragmentation: Vec<RegionFragmentation>,
    /// Free memory over time, at most some hundred moments.
    pub samples: Vec<Sample>,
    /// Allocations that failed while recording; they are not replayed.
    pub failed_allocations: FailedAllocs,
    /// Blocks that are not the program's and are not replayed.
    pub left_out: LeftOut,
    /// What was noticed while reading the recording.
    pub remarks: Vec<String>,
    /// How fast the replay was; left out for results that are to be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

impl Outcome {
    /// The program runs with these pools on this chip: they fit, every allocation succeeded, and no check of either
    /// allocator failed.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let served =
            self.pools.as_ref().is_some_and(|pools| pools.common.failed == 0 && pools.common.defects == 0);
        served && self.heap.defects == 0
    }
}

/// What happened with pools, or with the heap alone. Bytes and blocks are those of the chip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ContenderOutcome {
    /// Allocations that succeeded.
    pub served: u64,
    /// Allocations that failed.
    pub failed: u64,
    /// The first that failed.
    pub first_failure: Option<Failure>,
    /// Requests for no bytes, which get no block from either.
    pub zero_requests: u64,
    /// Bytes of RAM for allocations (and the pools).
    pub available_bytes: u64,
    /// The most bytes of RAM in use at one time, overhead included.
    pub peak_use_bytes: u64,
    /// When the most requested bytes were live.
    pub peak: Peak,
    /// Bytes requested, over all allocations.
    pub requested_bytes_total: u64,
    /// Bytes allocated, over all allocations.
    pub allocated_bytes_total: u64,
    /// Blocks live at the end.
    pub live_at_end: u64,
    /// Requests that were served from external RAM in the recording, and here if there is room in any.
    pub external_requests: u64,
    /// Frees of blocks that are older than the recording, which are not replayed.
    pub older_frees: u64,
    /// Double frees.
    pub double_frees: u64,
    /// Of these, those that were replayed, refused and counted. On the heap, they would end the program: none is
    /// replayed.
    pub double_frees_refused: u64,
    /// The first double free.
    pub first_double_free: Option<Moment>,
    /// Faults of the allocator itself that the checks found.
    pub defects: u64,
    /// The first of them.
    pub first_defect: Option<DefectReport>,
}

/// Memory when the most requested bytes were live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Bytes that the program had requested.
    pub requested_bytes: u64,
    /// Bytes of the blocks it got: what is more than requested is lost to rounding up.
    pub allocated_bytes: u64,
    /// Headers, allocation maps, control blocks, and what the heap rounds the pools up by.
    pub overhead_bytes: u64,
    /// Blocks of pools that were not in use.
    pub reserved_bytes: u64,
}

/// An allocation that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// When and where.
    #[serde(flatten)]
    pub moment: Moment,
    /// Bytes requested.
    pub size: u64,
    /// `exhausted`, `fragmented`, `too_large`, `corrupt`, `no_such_region` or `refused`.
    pub kind: &'static str,
    /// Why, in words.
    pub reason: String,
}

/// A fault of an allocator.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DefectReport {
    /// When and where.
    #[serde(flatten)]
    pub moment: Moment,
    /// What it is, in words.
    pub what: String,
}

/// A fault of the allocator itself (or of this program); none of these is ever the recording's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Defect {
    #[error("the first or the last word of a live block was changed")]
    Overwritten,
    #[error("block {address:#010x} overlaps the live block {other:#010x}")]
    Overlap { address: u32, other: u32 },
    #[error("block {address:#010x} is not inside its region")]
    OutsideRegion { address: u32 },
    #[error("the free of a live block was refused: {0}")]
    FreeRefused(String),
    #[error("a double free was not refused as a double free")]
    DoubleFreeAccepted,
    #[error("the counts differ: {0}")]
    CountsDiffer(String),
}

/// What happened with pools.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolsOutcome {
    /// What pools and heap have in common.
    #[serde(flatten)]
    pub common: ContenderOutcome,
    /// Bytes that the pools take from the start.
    pub static_bytes: u64,
    /// Each pool, in order of block size.
    pub each: Vec<PoolOutcome>,
    /// Allocations that were in external RAM in the recording and that the rest of the heap served.
    pub heap_external: u64,
    /// Allocations that the rest of the heap served because no pool has blocks large enough.
    pub heap_too_large: u64,
    /// Allocations that the rest of the heap served because their pool was exhausted.
    pub heap_pool_exhausted: u64,
}

/// What happened in one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolOutcome {
    /// Its name.
    pub name: String,
    /// Blocks.
    pub blocks: u64,
    /// The most blocks in use at one time.
    pub peak_blocks: u64,
    /// Requests that found it exhausted, spilled ones included.
    pub exhausted: u64,
    /// Blocks allocated for requests of the next smaller pool.
    pub spilled_in: u64,
}

/// How fast pools and heap were on this host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// With pools.
    pub pools: Option<Speed>,
    /// With the heap alone.
    pub heap: Speed,
}

/// How fast one of them was: the allocator and its checks, without reading the recording.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Speed {
    /// Seconds in all.
    pub seconds: f64,
    /// Nanoseconds an event.
    pub ns_per_event: f64,
    /// Events a second.
    pub events_per_second: f64,
}

impl Speed {
    pub(super) fn new(elapsed: Duration, events: u64) -> Self {
        let (seconds, events) = (elapsed.as_secs_f64(), events as f64);
        // A recording without events has no speed.
        let per = |whole: f64, part: f64| if part > 0.0 { whole / part } else { 0.0 };
        Speed { seconds, ns_per_event: per(seconds * 1e9, events), events_per_second: per(events, seconds) }
    }
}
