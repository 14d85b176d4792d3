//! What a replay found: plain data, the same for people and programs.

use std::time::Duration;

use serde::Serialize;

use super::contender::{Allocator, Live, Side};
pub use super::plan::Misfit;
use super::{Moment, RegionFragmentation, Sample};
use crate::layout::Layout;
use crate::trace::{FailedAllocs, LeftOut, Meta};

/// The version of the JSON form of [`Report`].
pub const SCHEMA: &str = "poolscope.replay/1";

/// A replay. Sizes are bytes of the chip, times are ticks of `meta.tick_hz`, events are counted from 1 and without
/// context switches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
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
    /// Most bytes the program asked for at once.
    pub asked_bytes_at_peak: u64,
    /// The pools.
    pub layout: Layout,
    /// With a derived layout: the requests that were left to the heap.
    pub derived: Option<Derived>,
    /// Why the pools were not replayed: the chip has no room for them.
    pub misfit: Option<Misfit>,
    /// The side with pools; absent if they do not fit.
    pub pools: Option<PoolSide>,
    /// The side without.
    pub heap: SideReport,
    /// Each region that serves `malloc` on the side without pools, when it was most fragmented.
    pub fragmentation: Vec<RegionFragmentation>,
    /// Room over time, at most some hundred moments.
    pub samples: Vec<Sample>,
    /// Allocations that failed while recording; they are not replayed.
    pub failed_allocations: FailedAllocs,
    /// Blocks that are not the program's and are not replayed.
    pub left_out: LeftOut,
    /// What reading the recording turned up.
    pub remarks: Vec<String>,
    /// How fast it went; left out for results that are to be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timing: Option<Timing>,
}

/// How a layout came about that is not from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Derived {
    /// Largest request that gets a pool, bytes.
    pub limit: u32,
    /// Requests above it.
    pub larger_requests: u64,
    /// The largest of these, bytes.
    pub largest_request: u64,
}

/// What one side did. Bytes and blocks are those of the chip.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideReport {
    /// Allocations that succeeded.
    pub served: u64,
    /// Allocations that failed.
    pub failed: u64,
    /// The first that failed.
    pub first_failure: Option<Failure>,
    /// Requests for no bytes, which get nothing on either side.
    pub zero_requests: u64,
    /// Bytes of RAM there are for allocations (and the pools).
    pub ram_available: u64,
    /// Most bytes of RAM in use at once, everything included.
    pub ram_peak: u64,
    /// When the program held most bytes of this side.
    pub peak: Peak,
    /// Over all allocations: bytes asked for.
    pub asked_bytes_sum: u64,
    /// Over all allocations: bytes given.
    pub given_bytes_sum: u64,
    /// Blocks live at the end.
    pub live_at_end: u64,
    /// Requests that were served from external RAM in the recording, and here if there is room in any.
    pub external_requests: u64,
    /// Frees of blocks that are older than the recording; there is nothing to be freed here.
    pub older_frees: u64,
    /// Double frees.
    pub wrong_frees: u64,
    /// Of these, those that were done again, refused and counted. The heap's would end the program: none is done.
    pub wrong_frees_refused: u64,
    /// The first wrong free.
    pub first_wrong_free: Option<Moment>,
    /// Faults of the allocator that verification found.
    pub defects: u64,
    /// The first of them.
    pub first_defect: Option<DefectReport>,
}

/// Memory when the program held most bytes of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Bytes it had asked for.
    pub asked_bytes: u64,
    /// Bytes it had been given: what is more than asked for is wasted inside the blocks.
    pub given_bytes: u64,
    /// Headers, marks, control blocks, and what the heap rounds the pools up by.
    pub overhead_bytes: u64,
    /// Blocks of pools that nobody had.
    pub reserved_bytes: u64,
}

/// An allocation that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// When and where.
    #[serde(flatten)]
    pub moment: Moment,
    /// Bytes asked for.
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

/// The side with pools.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PoolSide {
    /// What both sides have.
    #[serde(flatten)]
    pub side: SideReport,
    /// Bytes the pools take from the start.
    pub ram_static: u64,
    /// Each pool, in order of block size.
    pub each: Vec<PoolReport>,
    /// Allocations that lay in external RAM and that the rest of the heap served.
    pub heap_external: u64,
    /// Allocations that the rest of the heap served because no class is large enough.
    pub heap_too_large: u64,
    /// Allocations that the rest of the heap served because their pool was empty.
    pub heap_overflow: u64,
}

/// What became of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolReport {
    /// Its name.
    pub name: String,
    /// Blocks.
    pub blocks: u64,
    /// Most blocks in use at once.
    pub peak_blocks: u64,
    /// Requests that found it empty, spilled ones included.
    pub exhausted: u64,
    /// Blocks taken for requests of the next smaller pool.
    pub spilled_in: u64,
}

/// How fast the sides ran on this host.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Timing {
    /// The side with pools.
    pub pools: Option<Speed>,
    /// The side without.
    pub heap: Speed,
}

/// How fast one side ran: allocator, books and checks, without reading the recording.
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
        // Nothing takes no time; but a recording without events has no speed either.
        let per = |whole: f64, part: f64| if part > 0.0 { whole / part } else { 0.0 };
        Speed { seconds, ns_per_event: per(seconds * 1e9, events), events_per_second: per(events, seconds) }
    }
}

impl Report {
    /// The program ran with these pools on this chip: they fit, every allocation succeeded, and nothing was found to
    /// be wrong with either side.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let served =
            self.pools.as_ref().is_some_and(|pools| pools.side.failed == 0 && pools.side.defects == 0);
        served && self.heap.defects == 0
    }

    /// The report as JSON, ending in a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("plain data always serialises");
        json.push('\n');
        json
    }
}

/// What a side has in RAM that its books do not know.
#[derive(Clone, Copy)]
pub(super) struct Ram {
    /// Bytes there are.
    pub(super) available: u64,
    /// Bytes taken from the start.
    pub(super) fixed: u64,
    /// Of these, the bytes of blocks.
    pub(super) blocks: u64,
}

impl SideReport {
    pub(super) fn new<A: Allocator>(side: &Side<A>, first: &Firsts, ram: Ram) -> Self {
        let books = &side.books;
        let Live { asked, given, headers, ram: from_heap } = books.peak;
        let from_pools = given - (from_heap - headers);
        SideReport {
            served: books.served,
            failed: books.failed,
            first_failure: first.failure.clone(),
            zero_requests: books.zero,
            ram_available: ram.available,
            ram_peak: ram.fixed + books.ram_peak,
            peak: Peak {
                asked_bytes: asked,
                given_bytes: given,
                overhead_bytes: ram.fixed - ram.blocks + headers,
                reserved_bytes: ram.blocks - from_pools,
            },
            asked_bytes_sum: books.asked_sum,
            given_bytes_sum: books.given_sum,
            live_at_end: books.blocks,
            external_requests: books.external,
            older_frees: books.older_frees,
            wrong_frees: books.wrong_frees,
            wrong_frees_refused: books.refused_frees,
            first_wrong_free: first.wrong_free.clone(),
            defects: books.defects,
            first_defect: first.defect.clone(),
        }
    }
}

/// What happened first on a side, with its place in the recording.
#[derive(Debug, Clone, Default)]
pub(super) struct Firsts {
    pub(super) failure: Option<Failure>,
    pub(super) defect: Option<DefectReport>,
    pub(super) wrong_free: Option<Moment>,
}

impl Firsts {
    /// Looks at what the chunk that was just run brought.
    pub(super) fn learn<A: Allocator>(&mut self, side: &mut Side<A>, locate: impl Fn(usize) -> Moment) {
        if let Some(incident) = side.failure.take() {
            let (size, reason) = incident.what;
            let moment = locate(incident.at);
            self.failure = Some(Failure { moment, size, kind: reason.kind, reason: reason.message });
        }
        if let Some(incident) = side.wrong_free.take() {
            self.wrong_free = Some(locate(incident.at));
        }
        if let Some(incident) = side.defect.take() {
            self.defect = Some(DefectReport { moment: locate(incident.at), what: incident.what.to_string() });
        }
    }
}
