//! Where an alloc looks first.

use crate::words::RelaxedCounter;

/// A power of two. Chips have one hint for all contexts: a block has to be found soon after it was freed, and RAM is scarce.
/// Hosts have several, so that threads work on different cache lines.
const HINTS: usize = if cfg!(any(chip, loom, shuttle)) { 1 } else { 8 };

/// The number of the word in which an alloc looks first: for each thread, or for a few of them.
///
/// Threads start at the same word. One of them loses a bit to the other and looks elsewhere from then on; the other stays.
#[derive(Debug)]
pub(super) struct SearchHint([RelaxedCounter; HINTS]);

impl SearchHint {
    pub(super) const fn new() -> Self {
        Self([const { RelaxedCounter::new() }; HINTS])
    }

    pub(super) fn reset(&self) {
        self.0.iter().for_each(|hint| hint.set(0));
    }

    #[inline(always)]
    pub(super) fn get(&self) -> usize {
        self.of_this_thread().get() as usize
    }

    /// The next alloc looks in `word` first.
    #[inline(always)]
    pub(super) fn set(&self, word: usize) {
        self.of_this_thread().set(word as u32);
    }

    /// A block of `word` was freed. With several hints it is not noted: a thread that allocates what another one freed would
    /// follow that thread to its cache line.
    #[inline(always)]
    pub(super) fn freed(&self, word: usize) {
        if HINTS == 1 {
            self.set(word);
        }
    }

    /// The hint of the thread, found by the address of its stack. Two threads may share one, and one thread may have two: it
    /// is a hint. Stacks lie at equal distances, which a multiple of the golden ratio spreads.
    #[inline(always)]
    fn of_this_thread(&self) -> &RelaxedCounter {
        if HINTS == 1 {
            return &self.0[0];
        }
        let on_the_stack = 0u8;
        let stack = ((&raw const on_the_stack).addr() >> 16) as u32;
        let hash = stack.wrapping_mul(0x9E37_79B9);
        &self.0[((u64::from(hash) * HINTS as u64) >> u32::BITS) as usize]
    }
}
