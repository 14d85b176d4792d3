//! A hint for each thread, or for a few of them: on hosts, whose threads lose most when they work on one cache line.
//!
//! Threads start at the same word. One of them loses a bit to the other and looks elsewhere from then on; the other stays.

use crate::sync::RelaxedCounter;

/// A power of two.
const HINTS: usize = 8;

/// The number of the word that served a thread last: where it looks first.
#[derive(Debug)]
pub(crate) struct SearchHint([RelaxedCounter; HINTS]);

impl SearchHint {
    pub(crate) const fn new() -> Self {
        Self([const { RelaxedCounter::new() }; HINTS])
    }

    pub(crate) fn reset(&self) {
        self.0.iter().for_each(|hint| hint.set(0));
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.mine().get() as usize
    }

    /// Looks there next.
    #[inline(always)]
    pub(crate) fn set(&self, word: usize) {
        self.mine().set(word as u32);
    }

    /// There is a free block in this word: not told to anybody. Who takes what another thread returns would follow it
    /// to its cache line.
    #[inline(always)]
    pub(crate) fn freed(&self, _: usize) {}

    /// The hint of the thread, known by where its stack is. Two threads may have the same, or one thread two: it is a
    /// hint. Stacks lie at equal distances, which a multiple of the golden ratio spreads.
    #[inline(always)]
    fn mine(&self) -> &RelaxedCounter {
        let on_the_stack = 0u8;
        let place = ((&raw const on_the_stack).addr() >> 16) as u32;
        let number = place.wrapping_mul(0x9E37_79B9) >> (u32::BITS - HINTS.ilog2());
        &self.0[number as usize % HINTS]
    }
}
