//! From the names a recorder gives blocks (addresses, numbers, words) to slots.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, HashMap};
use std::hash::Hash;

use super::event::{BadFree, Event};

/// How many freed blocks are remembered, to distinguish a double free from a free of a block that was never seen.
const REMEMBERED_FREES: usize = 1 << 16;

/// Hands out slots for the blocks of a recording, and takes them back.
///
/// `K` is what the recorder calls a block. O(1) per call; memory is bounded by the peak of live blocks plus
/// the 65 536 most recent frees, which are remembered to recognise a double free.
#[derive(Debug)]
pub struct SlotMap<K> {
    blocks: HashMap<K, State>,
    freed: VecDeque<(K, u64)>,
    dead: Vec<u32>,
    next: u32,
    frees: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Live(u32),
    /// Freed as the n-th free.
    Freed(u64),
}

/// What [`SlotMap::alloc`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// The slot of the new block.
    pub slot: u32,
    /// The slot of an older block of the same name that was never seen freed. It has been released:
    /// report a `Free` of it before the `Alloc`.
    pub replaced: Option<u32>,
}

/// What [`SlotMap::free`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// The slot that was live.
    Slot(u32),
    /// There was nothing to free.
    Bad(BadFree),
}

impl Release {
    /// The event that reports this release, `dt` ticks after the previous event.
    #[must_use]
    pub fn event(self, dt: u64) -> Event {
        match self {
            Release::Slot(slot) => Event::Free { slot, dt },
            Release::Bad(kind) => Event::BadFree { kind, dt },
        }
    }
}

impl<K: Eq + Hash + Clone> SlotMap<K> {
    /// No live blocks.
    #[must_use]
    pub fn new() -> Self {
        SlotMap { blocks: HashMap::new(), freed: VecDeque::new(), dead: Vec::new(), next: 0, frees: 0 }
    }

    /// A block called `key` was allocated.
    pub fn alloc(&mut self, key: K) -> Admission {
        match self.blocks.entry(key) {
            Entry::Occupied(mut entry) => match *entry.get() {
                // The slot passes from the old block to the new one.
                State::Live(slot) => Admission { slot, replaced: Some(slot) },
                State::Freed(_) => {
                    let slot = take_slot(&mut self.dead, &mut self.next);
                    entry.insert(State::Live(slot));
                    Admission { slot, replaced: None }
                }
            },
            Entry::Vacant(entry) => {
                let slot = take_slot(&mut self.dead, &mut self.next);
                entry.insert(State::Live(slot));
                Admission { slot, replaced: None }
            }
        }
    }

    /// A block called `key` was freed.
    pub fn free(&mut self, key: K) -> Release {
        match self.blocks.get_mut(&key) {
            None => {
                // From here on this block is known to be free: another free of it is a double free.
                self.blocks.insert(key.clone(), State::Freed(self.frees));
                self.remember(key);
                Release::Bad(BadFree::NeverAllocated)
            }
            Some(State::Freed(_)) => Release::Bad(BadFree::DoubleFree),
            Some(State::Live(slot)) => {
                let slot = *slot;
                self.blocks.insert(key.clone(), State::Freed(self.frees));
                self.dead.push(slot);
                self.remember(key);
                Release::Slot(slot)
            }
        }
    }

    /// The device started anew: no block is live any more. Returns the slots that were, each to be reported as freed.
    pub fn restart(&mut self) -> Vec<u32> {
        let live = self.blocks.values().filter_map(|state| match state {
            State::Live(slot) => Some(*slot),
            State::Freed(_) => None,
        });
        let mut live: Vec<u32> = live.collect();
        live.sort_unstable();
        self.dead.extend(&live);
        self.blocks.clear();
        self.freed.clear();
        live
    }

    fn remember(&mut self, key: K) {
        self.freed.push_back((key, self.frees));
        self.frees += 1;
        if self.freed.len() > REMEMBERED_FREES
            && let Some((old, number)) = self.freed.pop_front()
            && let Some(State::Freed(last)) = self.blocks.get(&old)
            && *last == number
        {
            self.blocks.remove(&old);
        }
    }
}

impl<K: Eq + Hash + Clone> Default for SlotMap<K> {
    fn default() -> Self {
        Self::new()
    }
}

/// The slot freed last, which keeps the tables of consumers warm, or else a new one.
fn take_slot(dead: &mut Vec<u32>, next: &mut u32) -> u32 {
    dead.pop().unwrap_or_else(|| {
        let slot = *next;
        *next += 1;
        slot
    })
}
