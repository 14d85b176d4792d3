//! What a recording holds: peaks, sizes, lifetimes, leaks, double frees, contexts.
//!
//! [`Info::survey`] reads a [`Source`] once; memory is bounded by the blocks live at once. The result is plain
//! data: serialise it for machines (`schema` says which version), or [`info_text`](crate::report::info_text) for people.

mod lifetimes;
mod sizes;

use serde::Serialize;

use crate::error::Result;
use crate::input::Source;
use crate::trace::{BadFree, CallSite, Context, Event, FailedAllocs, LeftOut, Meta, Totals};
pub use lifetimes::{LifetimeRow, LifetimeStats};
pub use sizes::{SizeCount, SizeRow, SizeStats};

/// The version of the JSON form of [`Info`].
pub const SCHEMA: &str = "poolscope.info/2";

/// A survey of one trace. Sizes are bytes, times are ticks of `meta.tick_hz`.
#[derive(Debug, Clone, Serialize)]
pub struct Info {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What the recording says about itself.
    pub meta: Meta,
    /// What was noticed while reading it.
    pub remarks: Vec<String>,
    /// All events but context switches.
    pub events: u64,
    /// Sums and peaks.
    pub totals: Totals,
    /// Allocations that failed while recording; they have no events.
    pub failed_allocations: FailedAllocs,
    /// Frees of blocks that are older than the recording; not the program's error.
    pub older_frees: u64,
    /// Blocks that are not the program's and were left out.
    pub left_out: LeftOut,
    /// Blocks that were in external RAM (PSRAM), as far as the recording says it.
    pub external: ExternalStats,
    /// The requested sizes.
    pub sizes: SizeStats,
    /// How long blocks lived, of those that were freed.
    pub lifetimes: LifetimeStats,
    /// Blocks live at the end, by size, the ones that hold most bytes first; at most 16 rows.
    pub leaks: Vec<SizeCount>,
    /// Dumps of a heap trace since the device started; 0 for other recordings.
    pub dumps: u64,
    /// Where blocks that are live at the end were allocated, if the recording says it: the call sites that have grown
    /// most since the first dump first; at most 16 rows.
    pub call_sites: Vec<CallSite>,
    /// What each task or interrupt did, in order of appearance.
    pub contexts: Vec<ContextStats>,
}

/// Blocks in external RAM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ExternalStats {
    /// Allocations.
    pub allocs: u64,
    /// The most bytes that were live there at one time.
    pub peak_bytes: u64,
}

/// What happened in one context.
#[derive(Debug, Clone, Serialize)]
pub struct ContextStats {
    /// Which.
    #[serde(flatten)]
    pub context: Context,
    /// Allocations.
    pub allocs: u64,
    /// Bytes requested in all.
    pub requested_bytes: u64,
    /// Frees of live blocks.
    pub frees: u64,
    /// Double frees.
    pub double_frees: u64,
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
        let findings = source.findings();
        Ok(Info {
            schema: SCHEMA,
            meta: source.meta().clone(),
            remarks: source.remarks(),
            events: source.totals().events(),
            totals: source.totals().clone(),
            failed_allocations: findings.failed,
            older_frees: source.totals().unknown_frees,
            left_out: findings.left_out,
            external: survey.external,
            sizes: survey.sizes.finish(),
            lifetimes: survey.lifetimes.finish(source.meta().lifetimes),
            leaks,
            dumps: findings.dumps,
            call_sites: findings.call_sites,
            contexts: survey.contexts,
        })
    }

    /// The trace shows a fault of the program: a leak or a double free. Frees of blocks older than the recording and
    /// allocations that failed are none.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        self.totals.live_blocks > 0 || self.totals.double_frees > 0
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
    in_external: bool,
    external: ExternalStats,
    external_bytes: u64,
}

#[derive(Clone, Copy)]
struct Block {
    size: u64,
    born: u64,
    live: bool,
    external: bool,
}

impl Survey {
    fn learn_contexts(&mut self, contexts: &[Context]) {
        for context in &contexts[self.contexts.len()..] {
            let context = context.clone();
            self.contexts.push(ContextStats {
                context,
                allocs: 0,
                requested_bytes: 0,
                frees: 0,
                double_frees: 0,
            });
        }
    }

    fn event(&mut self, event: &Event) {
        self.now += event.dt();
        // Indexing is sound: a source has checked slots and contexts.
        let context = self.current.map(|current| &mut self.contexts[current]);
        match *event {
            Event::Alloc { slot, size, .. } => {
                let external = self.in_external;
                let block = Block { size, born: self.now, live: true, external };
                if external {
                    self.external.allocs += 1;
                    self.external_bytes += size;
                    self.external.peak_bytes = self.external.peak_bytes.max(self.external_bytes);
                }
                match self.slots.get_mut(slot as usize) {
                    Some(entry) => *entry = block,
                    None => self.slots.push(block),
                }
                self.sizes.alloc(size);
                if let Some(context) = context {
                    context.allocs += 1;
                    context.requested_bytes = context.requested_bytes.saturating_add(size);
                }
            }
            Event::Free { slot, .. } => {
                let block = &mut self.slots[slot as usize];
                block.live = false;
                if block.external {
                    self.external_bytes -= block.size;
                }
                self.sizes.free(block.size);
                self.lifetimes.record(self.now - block.born);
                if let Some(context) = context {
                    context.frees += 1;
                }
            }
            Event::BadFree { kind: BadFree::NeverAllocated, .. } => {}
            Event::BadFree { kind: BadFree::DoubleFree, .. } => {
                if let Some(context) = context {
                    context.double_frees += 1;
                }
            }
            Event::Switch { context } => self.current = Some(context as usize),
            Event::Memory { external } => self.in_external = external,
        }
    }
}

#[cfg(test)]
mod tests;
