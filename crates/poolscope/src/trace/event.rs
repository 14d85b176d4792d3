//! What a trace says: events, contexts, and the facts and findings about the trace as a whole.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Most rows of each list.
const MAX_ROWS: usize = 16;

/// Longest name of a call site, bytes.
const MAX_SITE: usize = 160;

/// One thing that happened to the heap.
///
/// `dt` is the time since the previous event, in ticks of [`Meta::tick_hz`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A block of `size` bytes was allocated; it is in `slot` now.
    Alloc {
        /// A slot that is not live: one used before, or the next unused one.
        slot: u32,
        /// Bytes requested; 0 is legal.
        size: u64,
        /// Ticks since the previous event.
        dt: u64,
    },
    /// The block in `slot` was freed.
    Free {
        /// A live slot.
        slot: u32,
        /// Ticks since the previous event.
        dt: u64,
    },
    /// The program freed something that was not a live block.
    BadFree {
        /// In which way it was wrong.
        kind: BadFree,
        /// Ticks since the previous event.
        dt: u64,
    },
    /// The events from here on ran in `context`, an index into the table of contexts.
    Switch {
        /// Index into the contexts defined so far.
        context: u32,
    },
    /// The blocks allocated from here on lie in external RAM (PSRAM), or again in internal RAM or memory of which the
    /// recording does not say where it is. A trace begins with the latter.
    Memory {
        /// In external RAM.
        external: bool,
    },
}

impl Event {
    /// Ticks since the previous event; 0 for [`Switch`](Event::Switch) and [`Memory`](Event::Memory), which take no
    /// time.
    #[inline]
    #[must_use]
    pub fn dt(&self) -> u64 {
        match *self {
            Event::Alloc { dt, .. } | Event::Free { dt, .. } | Event::BadFree { dt, .. } => dt,
            Event::Switch { .. } | Event::Memory { .. } => 0,
        }
    }
}

/// The ways a free can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadFree {
    /// The block had been freed before and not been allocated again.
    DoubleFree,
    /// The recording has no allocation of that block: it is older than the recording (or was freed before, too long
    /// ago to be remembered). This is not the program's error.
    NeverAllocated,
}

/// Where code was running: recorders that know it, say it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    /// Task (or interrupt) name, at most 256 bytes.
    pub name: String,
    /// Core number.
    pub core: u8,
    /// In an interrupt handler rather than in the task itself.
    pub in_isr: bool,
}

/// Most contexts in one trace.
pub(super) const MAX_CONTEXTS: usize = 1 << 16;

/// Longest name of a context, bytes.
pub(super) const MAX_NAME: usize = 256;

/// The contexts of a recording that names them, numbered in order of appearance.
#[derive(Debug, Default)]
pub(crate) struct Contexts {
    list: Vec<Context>,
    numbers: HashMap<Context, u32>,
}

impl Contexts {
    /// The number of a context, whose name is cut to what a trace can hold.
    pub(crate) fn number(&mut self, mut context: Context) -> Result<u32> {
        context.name.truncate(context.name.floor_char_boundary(MAX_NAME));
        if let Some(&number) = self.numbers.get(&context) {
            return Ok(number);
        }
        if self.list.len() == MAX_CONTEXTS {
            return Err(Error::TooManyContexts { limit: MAX_CONTEXTS });
        }
        let number = self.list.len() as u32;
        self.list.push(context.clone());
        self.numbers.insert(context, number);
        Ok(number)
    }

    pub(crate) fn list(&self) -> &[Context] {
        &self.list
    }
}

/// How far the lifetimes in a trace can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetimes {
    /// Every free was recorded together with the block it freed.
    Exact,
    /// Frees were recorded, but only with the size and call site of the block.
    Paired,
    /// The recording does not say when blocks were freed.
    Unknown,
}

/// Facts about a trace as a whole, written in its header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Name of the program or recording, for headings; may be empty.
    pub title: String,
    /// What kind of recording the events come from: `csv`, `heaptrack`, …
    pub source: String,
    /// Ticks per second; 0 if the recording has no clock, a tick then being one event.
    pub tick_hz: u64,
    /// How far lifetimes can be believed.
    pub lifetimes: Lifetimes,
    /// What a reader of results should know, in sentences.
    pub notes: Vec<String>,
}

impl Meta {
    /// Facts of a recording of kind `source` with exact lifetimes and `tick_hz` ticks per second.
    #[must_use]
    pub fn new(source: &str, tick_hz: u64) -> Self {
        Meta {
            title: String::new(),
            source: source.to_owned(),
            tick_hz,
            lifetimes: Lifetimes::Exact,
            notes: Vec::new(),
        }
    }
}

/// Sums over a whole trace, written at its end so that a cut-off file is noticed.
///
/// Bytes are requested bytes, without any allocator's overhead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// `Alloc` events.
    pub allocs: u64,
    /// `Free` events.
    pub frees: u64,
    /// `BadFree` events of kind [`BadFree::DoubleFree`].
    pub double_frees: u64,
    /// `BadFree` events of kind [`BadFree::NeverAllocated`]: frees of blocks older than the recording.
    pub unknown_frees: u64,
    /// Ticks from the start to the last event.
    pub ticks: u64,
    /// Blocks live at the end.
    pub live_blocks: u64,
    /// Bytes live at the end.
    pub live_bytes: u64,
    /// Most blocks live at once.
    pub peak_blocks: u64,
    /// Tick at which `peak_blocks` was first reached.
    pub peak_blocks_at: u64,
    /// Most bytes live at once.
    pub peak_bytes: u64,
    /// Tick at which `peak_bytes` was first reached.
    pub peak_bytes_at: u64,
}

impl Totals {
    /// Events that concern the heap: all but context switches.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.allocs + self.frees + self.bad_frees()
    }

    /// Frees of something that was not a live block, the program's errors and those older than the recording alike.
    #[must_use]
    pub fn bad_frees(&self) -> u64 {
        self.double_frees + self.unknown_frees
    }
}

/// What a recording says that is no event of a block: failed allocations, blocks that are not the program's, and call
/// sites. Sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Allocations that failed while recording.
    pub failed: FailedAllocs,
    /// Blocks that are not the program's and were left out.
    pub left_out: LeftOut,
    /// Dumps of a heap trace since the device started; 0 for other recordings.
    pub dumps: u64,
    /// Call sites with blocks live at the end, those that grew most first; at most 16.
    pub call_sites: Vec<CallSite>,
}

/// Allocations that failed, which have no block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAllocs {
    /// How many.
    pub count: u64,
    /// The largest request that failed, bytes.
    pub largest: u64,
    /// The first 16 sizes that failed.
    pub sizes: Vec<FailedSize>,
}

/// Failed allocations of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSize {
    /// Bytes requested.
    pub size: u64,
    /// How often.
    pub count: u64,
    /// The largest free block when it failed last, bytes, if the recording says it.
    pub largest_free: Option<u64>,
}

/// Blocks that are not the program's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many.
    pub blocks: u64,
    /// Their sizes in sum, bytes.
    pub bytes: u64,
}

/// What one call site had live: in the first dump of a heap trace, and at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// Return addresses, or the name that the monitor decoded them to.
    pub site: String,
    /// Blocks live in the first dump.
    pub first_blocks: u64,
    /// Their bytes.
    pub first_bytes: u64,
    /// Blocks live at the end.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Findings {
    /// An allocation of `size` bytes failed; the largest free block then, if known.
    pub fn fail(&mut self, size: u64, largest_free: Option<u64>) {
        let failed = &mut self.failed;
        failed.count += 1;
        failed.largest = failed.largest.max(size);
        if let Some(row) = failed.sizes.iter_mut().find(|row| row.size == size) {
            row.count += 1;
            row.largest_free = largest_free.or(row.largest_free);
        } else if failed.sizes.len() < MAX_ROWS {
            failed.sizes.push(FailedSize { size, count: 1, largest_free });
        }
    }

    /// A block of `size` bytes is not the program's.
    pub fn leave_out(&mut self, size: u64) {
        self.left_out.blocks += 1;
        self.left_out.bytes = self.left_out.bytes.saturating_add(size);
    }

    /// The same, with lists and names of bounded length.
    pub(super) fn bounded(mut self) -> Self {
        self.failed.sizes.truncate(MAX_ROWS);
        let sites = std::mem::take(&mut self.call_sites);
        self.set_call_sites(sites);
        self
    }

    /// Keeps those of `sites` that grew most.
    pub fn set_call_sites(&mut self, mut sites: Vec<CallSite>) {
        let growth = |site: &CallSite| i128::from(site.bytes) - i128::from(site.first_bytes);
        sites.sort_by(|a, b| (growth(b), b.bytes, &a.site).cmp(&(growth(a), a.bytes, &b.site)));
        sites.truncate(MAX_ROWS);
        for site in &mut sites {
            site.site.truncate(site.site.floor_char_boundary(MAX_SITE));
        }
        self.call_sites = sites;
    }
}
