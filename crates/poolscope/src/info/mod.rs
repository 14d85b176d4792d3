//! What a trace holds: peaks, sizes, lifetimes, leaks, bad frees, contexts.
//!
//! [`Info::survey`] reads a [`Source`] once; memory is bounded by the blocks live at once. The result is plain
//! data: serialise it for machines (`schema` says which version), or [`render`](Info::render) it for people.

mod lifetimes;
mod render;
mod sizes;

use serde::Serialize;

use crate::error::Result;
use crate::input::Source;
use crate::trace::{Context, Event, Meta, Totals};
pub use lifetimes::{LifetimeRow, LifetimeStats};
pub use sizes::{SizeCount, SizeRow, SizeStats};

/// The version of the JSON form of [`Info`].
pub const SCHEMA: &str = "poolscope.info/1";

/// A survey of one trace. Sizes are bytes, times are ticks of `meta.tick_hz`.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What the recording says about itself.
    pub meta: Meta,
    /// What reading it turned up.
    pub remarks: Vec<String>,
    /// All events but context switches.
    pub events: u64,
    /// Sums and peaks.
    pub totals: Totals,
    /// The sizes asked for.
    pub sizes: SizeStats,
    /// How long blocks lived, of those that were freed.
    pub lifetimes: LifetimeStats,
    /// Blocks live at the end, by size, the ones that hold most bytes first; at most 16 rows.
    pub leaks: Vec<SizeCount>,
    /// What each task or interrupt did, in order of appearance.
    pub contexts: Vec<ContextStats>,
}

/// What happened in one context.
#[derive(Debug, Clone, Serialize)]
pub struct ContextStats {
    /// Which.
    #[serde(flatten)]
    pub context: Context,
    /// Allocations.
    pub allocs: u64,
    /// Bytes allocated in sum.
    pub alloc_bytes: u64,
    /// Frees of live blocks.
    pub frees: u64,
    /// Double frees and frees of unknown blocks.
    pub bad_frees: u64,
}

impl Info {
    /// Reads `source` to its end.
    ///
    /// # Errors
    /// Those of [`Source::next_batch`].
    pub fn survey(source: &mut dyn Source) -> Result<Self> {
        let mut survey = Survey::default();
        let mut batch = Vec::new();
        loop {
            batch.clear();
            let more = source.next_batch(&mut batch)?;
            survey.learn_contexts(source.contexts());
            for event in &batch {
                survey.event(event);
            }
            if !more {
                break;
            }
        }
        let leaks = sizes::leaks(survey.slots.iter().filter(|block| block.live).map(|block| block.size));
        Ok(Info {
            schema: SCHEMA,
            meta: source.meta().clone(),
            remarks: source.remarks(),
            events: source.totals().events(),
            totals: source.totals().clone(),
            sizes: survey.sizes.finish(),
            lifetimes: survey.lifetimes.finish(source.meta().lifetimes),
            leaks,
            contexts: survey.contexts,
        })
    }

    /// The survey as JSON, ending in a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("plain data always serialises");
        json.push('\n');
        json
    }

    /// The trace shows a fault of the program: a leak, a double free or a free of an unknown block.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.totals.live_blocks > 0 || self.totals.bad_frees() > 0
    }
}

/// A survey under way.
#[derive(Default)]
struct Survey {
    now: u64,
    slots: Vec<Block>,
    sizes: sizes::Sizes,
    lifetimes: lifetimes::LifetimeHistogram,
    contexts: Vec<ContextStats>,
    current: Option<usize>,
}

#[derive(Clone, Copy)]
struct Block {
    size: u64,
    born: u64,
    live: bool,
}

impl Survey {
    fn learn_contexts(&mut self, contexts: &[Context]) {
        for context in &contexts[self.contexts.len()..] {
            let context = context.clone();
            self.contexts.push(ContextStats { context, allocs: 0, alloc_bytes: 0, frees: 0, bad_frees: 0 });
        }
    }

    fn event(&mut self, event: &Event) {
        self.now += event.dt();
        // Indexing is sound: a source has checked slots and contexts.
        let context = self.current.map(|current| &mut self.contexts[current]);
        match *event {
            Event::Alloc { slot, size, .. } => {
                let block = Block { size, born: self.now, live: true };
                match self.slots.get_mut(slot as usize) {
                    Some(entry) => *entry = block,
                    None => self.slots.push(block),
                }
                self.sizes.alloc(size);
                if let Some(context) = context {
                    context.allocs += 1;
                    context.alloc_bytes = context.alloc_bytes.saturating_add(size);
                }
            }
            Event::Free { slot, .. } => {
                let block = &mut self.slots[slot as usize];
                block.live = false;
                self.sizes.free(block.size);
                self.lifetimes.record(self.now - block.born);
                if let Some(context) = context {
                    context.frees += 1;
                }
            }
            Event::BadFree { .. } => {
                if let Some(context) = context {
                    context.bad_frees += 1;
                }
            }
            Event::Switch { context } => self.current = Some(context as usize),
        }
    }
}

#[cfg(test)]
mod tests;
