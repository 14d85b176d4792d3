//! One hint for all: on chips, where a block has to be found soon after it was freed and RAM counts.

use crate::sync::RelaxedCounter;

/// The number of the word that served last: where to look first.
#[derive(Debug)]
pub(crate) struct SearchHint(RelaxedCounter);

impl SearchHint {
    pub(crate) const fn new() -> Self {
        Self(RelaxedCounter::new())
    }

    pub(crate) fn reset(&self) {
        self.0.set(0);
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> usize {
        self.0.get() as usize
    }

    /// Looks there next, for there was a block, or not here.
    #[inline(always)]
    pub(crate) fn set(&self, word: usize) {
        self.0.set(word as u32);
    }

    /// There is a free block in this word.
    #[inline(always)]
    pub(crate) fn freed(&self, word: usize) {
        self.set(word);
    }
}
