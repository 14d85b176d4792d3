//! What a trace says: events, contexts, and the facts about the trace as a whole.

use serde::{Deserialize, Serialize};

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
