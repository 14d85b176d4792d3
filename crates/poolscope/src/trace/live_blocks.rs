//! The live blocks of a trace: which slots are live, how large each block is, and the totals so far.

use super::event::{BadFree, Event, Totals};
use crate::error::Fault;

/// Most blocks live at once: far beyond any device, and a bound for the memory of every consumer.
pub const MAX_BLOCKS: usize = 1 << 22;

/// Applies events one by one, refuses impossible ones, and keeps the totals.
///
/// O(1) per event; memory is 8 bytes per slot, that is per block of the peak.
#[derive(Debug, Default)]
pub struct LiveBlocks {
    sizes: Vec<u64>,
    contexts: u32,
    totals: Totals,
}

/// Marks a slot without a live block; no block can be that big.
const DEAD: u64 = u64::MAX;

impl LiveBlocks {
    /// No live blocks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more context may be switched to.
    pub fn define_context(&mut self) {
        self.contexts += 1;
    }

    /// Applies `event`; on error nothing has changed.
    ///
    /// # Errors
    /// A [`Fault`] if the event contradicts the ones before it.
    #[inline]
    pub fn apply(&mut self, event: &Event) -> Result<(), Fault> {
        let now = self.totals.ticks.checked_add(event.dt()).ok_or(Fault::TimeOverflow)?;
        match *event {
            Event::Alloc { slot, size, .. } => self.alloc(slot, size, now)?,
            Event::Free { slot, .. } => self.free(slot)?,
            Event::BadFree { kind: BadFree::DoubleFree, .. } => self.totals.double_frees += 1,
            Event::BadFree { kind: BadFree::NeverAllocated, .. } => self.totals.unknown_frees += 1,
            Event::Switch { context } if context >= self.contexts => {
                return Err(Fault::UnknownContext(context));
            }
            Event::Switch { .. } | Event::Memory { .. } => {}
        }
        self.totals.ticks = now;
        Ok(())
    }

    #[inline]
    fn alloc(&mut self, slot: u32, size: u64, now: u64) -> Result<(), Fault> {
        let totals = &mut self.totals;
        let live = totals.live_bytes.checked_add(size).ok_or(Fault::BytesOverflow)?;
        if size == DEAD {
            return Err(Fault::BytesOverflow);
        }
        let next = self.sizes.len();
        match self.sizes.get_mut(slot as usize) {
            Some(entry) if *entry == DEAD => *entry = size,
            Some(_) => return Err(Fault::SlotLive(slot)),
            None if next == MAX_BLOCKS => return Err(Fault::TooManyBlocks { limit: MAX_BLOCKS }),
            None if slot as usize == next => self.sizes.push(size),
            None => return Err(Fault::SlotSkipped { slot, next: next as u32 }),
        }
        totals.allocs += 1;
        totals.live_bytes = live;
        totals.live_blocks += 1;
        if totals.live_bytes > totals.peak_bytes {
            (totals.peak_bytes, totals.peak_bytes_at) = (totals.live_bytes, now);
        }
        if totals.live_blocks > totals.peak_blocks {
            (totals.peak_blocks, totals.peak_blocks_at) = (totals.live_blocks, now);
        }
        Ok(())
    }

    #[inline]
    fn free(&mut self, slot: u32) -> Result<(), Fault> {
        let size = match self.sizes.get_mut(slot as usize) {
            Some(entry) if *entry != DEAD => std::mem::replace(entry, DEAD),
            _ => return Err(Fault::SlotDead(slot)),
        };
        self.totals.frees += 1;
        self.totals.live_blocks -= 1;
        self.totals.live_bytes -= size;
        Ok(())
    }

    /// Size in bytes of the live block in `slot`, `None` if there is none.
    #[inline]
    #[must_use]
    pub fn size_of(&self, slot: u32) -> Option<u64> {
        self.sizes.get(slot as usize).copied().filter(|&size| size != DEAD)
    }

    /// Sizes in bytes of all live blocks, by slot.
    pub fn live_sizes(&self) -> impl Iterator<Item = u64> + '_ {
        self.sizes.iter().copied().filter(|&size| size != DEAD)
    }

    /// The totals so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }
}
