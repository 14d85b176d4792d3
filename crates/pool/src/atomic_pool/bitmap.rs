//! The allocation map of the lock-free pools: a bit for each block.

use super::search_hint::SearchHint;
use crate::Error;
use crate::words::{BitWord, RelaxedCounter};

/// The number of words that a lock-free pool of `blocks` blocks needs.
pub const fn words_for(blocks: usize) -> usize {
    blocks.div_ceil(BitWord::BITS)
}

/// A snapshot of a lock-free pool. Plain numbers of blocks; other contexts may change them while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtomicStats {
    /// All blocks.
    pub capacity: usize,
    /// Free blocks.
    pub free: usize,
    /// Allocations refused because every block was in use. Wraps.
    pub exhausted: u32,
    /// Frees refused: double, or not a block of the pool. Wraps.
    pub refused: u32,
}

/// The counters of a lock-free pool, and its search hint.
#[derive(Debug)]
pub(crate) struct AtomicCounters {
    hint: SearchHint,
    exhausted: RelaxedCounter,
    refused: RelaxedCounter,
}

impl AtomicCounters {
    pub(crate) const fn new() -> Self {
        Self { hint: SearchHint::new(), exhausted: RelaxedCounter::new(), refused: RelaxedCounter::new() }
    }

    /// Resets all of it, while nothing else uses it.
    pub(crate) fn reset(&self) {
        self.hint.reset();
        self.exhausted.set(0);
        self.refused.set(0);
    }
}

/// What an attempt to set a bit of a word returned.
enum ClaimResult {
    /// The block with this index was allocated.
    Block(usize),
    /// No bit was clear.
    Full,
    /// A bit was clear, and another context set it first.
    LostRace,
}

/// The number of words in a cache line, about: two words that are so far apart are on different lines.
const LINE: usize = 16;

/// The bits of a pool, borrowed for one operation or for a pool's life.
///
/// Bitmap that stand for no block, behind the last one, are never set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bitmap<'a> {
    counters: &'a AtomicCounters,
    /// As many as the blocks need.
    words: &'a [BitWord],
    blocks: usize,
    /// Bitmap of the last word that stand for blocks.
    last: u32,
}

impl<'a> Bitmap<'a> {
    /// The first bits of `words`: one for each of `blocks` blocks, or for as many as there are bits.
    #[inline(always)]
    pub(crate) fn new(counters: &'a AtomicCounters, words: &'a [BitWord], blocks: usize) -> Self {
        let words = words.get(..words_for(blocks)).unwrap_or(words);
        let bits = words.len() * BitWord::BITS;
        let blocks = if blocks < bits { blocks } else { bits };
        Self { counters, words, blocks, last: u32::MAX >> (bits - blocks) }
    }

    /// The fast path of an alloc: the index of a block in the word of the hint. Otherwise the word at which
    /// [`alloc_slow`](Self::alloc_slow) starts, which a caller makes its last call.
    #[inline(always)]
    pub(crate) fn alloc_fast(self) -> Result<usize, usize> {
        let at = self.counters.hint.get();
        match self.words.get(at).map_or(ClaimResult::Full, |word| self.claim_in(at, word)) {
            ClaimResult::Block(index) => Ok(index),
            ClaimResult::Full => Err(self.next(at)),
            ClaimResult::LostRace => Err(self.away(at)),
        }
    }

    /// The slow path of an alloc: looks at every word, from `start` on. After a lost race the search goes to another word and
    /// begins anew. So the pool counts as exhausted (`None`) only if all words were seen full since the last lost race.
    #[inline(always)]
    pub(crate) fn alloc_slow(self, start: usize) -> Option<usize> {
        let (mut at, mut left) = (start, self.words.len());
        while left > 0 {
            let ahead = self.words.get(at..).unwrap_or(&[]);
            let ahead = ahead.get(..left).unwrap_or(ahead);
            let full = ahead.iter().position(|word| word.get() != u32::MAX).unwrap_or(ahead.len());
            (at, left) = (at + full, left - full);
            let Some(word) = self.words.get(at).filter(|_| left > 0) else {
                at = 0;
                continue;
            };
            (at, left) = match self.claim_in(at, word) {
                ClaimResult::Block(index) => {
                    self.counters.hint.set(at);
                    return Some(index);
                }
                ClaimResult::Full => (self.next(at), left - 1),
                ClaimResult::LostRace => (self.away(at), self.words.len()),
            };
        }
        self.counters.exhausted.increment();
        None
    }

    #[inline(always)]
    fn claim_in(self, at: usize, word: &BitWord) -> ClaimResult {
        let blocks = if at + 1 == self.words.len() { self.last } else { u32::MAX };
        let free = !word.get() & blocks;
        if free == 0 {
            return ClaimResult::Full;
        }
        // One bit, given by its number: for this compilers use one instruction where the processor has it.
        let number = free.trailing_zeros();
        if word.try_set(1 << number) {
            ClaimResult::Block(at * BitWord::BITS + number as usize)
        } else {
            ClaimResult::LostRace
        }
    }

    #[inline(always)]
    fn next(self, at: usize) -> usize {
        if at + 1 < self.words.len() { at + 1 } else { 0 }
    }

    /// A word on another cache line, if there is one.
    fn away(self, at: usize) -> usize {
        if at + LINE < self.words.len() { at + LINE } else { self.next(at % LINE) }
    }

    /// Frees the block with this index, which is below the number of blocks; `None` is the index of no block.
    #[inline(always)]
    pub(crate) fn free(self, index: Option<usize>) -> Result<(), Error> {
        let Some((at, word, bit)) = index.and_then(|index| self.find(index)) else {
            return Err(self.refuse(Error::NotABlock));
        };
        if word.try_clear(bit) {
            self.counters.hint.freed(at);
            Ok(())
        } else {
            Err(self.refuse(Error::DoubleFree))
        }
    }

    /// Whether there is a block with this index, and it has an owner.
    pub(crate) fn is_live(self, index: Option<usize>) -> bool {
        index.and_then(|index| self.find(index)).is_some_and(|(_, word, bit)| word.get() & bit != 0)
    }

    /// The counters. O(blocks / 32).
    pub(crate) fn stats(self) -> AtomicStats {
        let used: u32 = self.words.iter().map(|word| word.get().count_ones()).sum();
        AtomicStats {
            capacity: self.blocks,
            free: self.blocks - used as usize,
            exhausted: self.counters.exhausted.get(),
            refused: self.counters.refused.get(),
        }
    }

    /// The number of the word of a block, the word, and the bit.
    #[inline(always)]
    fn find(self, index: usize) -> Option<(usize, &'a BitWord, u32)> {
        let at = index / BitWord::BITS;
        // `get` instead of an index, so that there is no panic path. It never returns `None`, since `index < blocks`.
        let word = self.words.get(at)?;
        Some((at, word, 1 << (index % BitWord::BITS)))
    }

    #[cold]
    fn refuse(self, error: Error) -> Error {
        self.counters.refused.increment();
        error
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn search_continues_at_the_next_word_and_after_a_conflict_on_another_cache_line() {
        const WORDS: usize = 2 * LINE + 3;
        let (counters, words) = (AtomicCounters::new(), [const { BitWord::new() }; WORDS]);
        let map = Bitmap::new(&counters, &words, WORDS * BitWord::BITS);
        for at in 0..WORDS {
            assert_eq!(map.next(at), (at + 1) % WORDS);
        }
        assert_eq!(map.away(0), LINE);
        assert_eq!(map.away(LINE + 2), 2 * LINE + 2);
        // From the last line to the first, beside the word where the other context began.
        assert_eq!(map.away(LINE + 3), 4);
        assert_eq!(map.away(2 * LINE + 1), 2);
        let few = Bitmap::new(&counters, &words[..3], 3 * BitWord::BITS);
        assert_eq!([0, 1, 2].map(|at| few.away(at)), [1, 2, 0]);
    }
}
