//! The bit map of the lock-free pools: which block has an owner.

use crate::Error;
use crate::sync::{BitWord, RelaxedCounter, SearchHint};

/// Words that a lock-free pool of so many blocks needs.
pub const fn words_for(blocks: usize) -> usize {
    blocks.div_ceil(BitWord::BITS)
}

/// What a lock-free pool tells about itself. Plain numbers of blocks; others may change them while they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AtomicStats {
    /// All blocks.
    pub capacity: usize,
    /// Blocks that can be taken now.
    pub free: usize,
    /// Allocations refused because every block was in use. Wraps.
    pub exhausted: u32,
    /// Frees refused: double, or not a block of the pool. Wraps.
    pub refused: u32,
}

/// What a lock-free pool has besides its words and blocks.
#[derive(Debug)]
pub(crate) struct AtomicCounters {
    /// The word that served last.
    hint: SearchHint,
    exhausted: RelaxedCounter,
    refused: RelaxedCounter,
}

impl AtomicCounters {
    pub(crate) const fn new() -> Self {
        Self { hint: SearchHint::new(), exhausted: RelaxedCounter::new(), refused: RelaxedCounter::new() }
    }

    /// As new; while nobody uses it.
    pub(crate) fn reset(&self) {
        self.hint.reset();
        self.exhausted.set(0);
        self.refused.set(0);
    }
}

/// What came of looking at a word.
enum ClaimResult {
    /// The block with this index.
    Block(usize),
    /// No bit was clear.
    Nothing,
    /// A bit was clear, and another context set it first.
    Lost,
}

/// Words of a cache line, about: of two that are so far apart, each is on a line of its own.
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

    /// Takes a block where the hint says: its index. Otherwise where to look for one, by
    /// [`take_elsewhere`](Self::take_elsewhere), which a caller makes its last call.
    #[inline(always)]
    pub(crate) fn alloc_fast(self) -> Result<usize, usize> {
        let at = self.counters.hint.get();
        match self.words.get(at).map_or(ClaimResult::Nothing, |word| self.take_in(at, word)) {
            ClaimResult::Block(index) => Ok(index),
            ClaimResult::Nothing => Err(self.next(at)),
            ClaimResult::Lost => Err(self.away(at)),
        }
    }

    /// Looks at every word, from `start` on. Who loses a bit goes elsewhere, and begins to count anew: so a pool is called
    /// empty only when all of its words were seen without a free bit since. `None`: it is.
    #[inline(always)]
    pub(crate) fn take_elsewhere(self, start: usize) -> Option<usize> {
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
            (at, left) = match self.take_in(at, word) {
                ClaimResult::Block(index) => {
                    self.counters.hint.set(at);
                    return Some(index);
                }
                ClaimResult::Nothing => (self.next(at), left - 1),
                ClaimResult::Lost => (self.away(at), self.words.len()),
            };
        }
        self.counters.exhausted.bump();
        None
    }

    #[inline(always)]
    fn take_in(self, at: usize, word: &BitWord) -> ClaimResult {
        let blocks = if at + 1 == self.words.len() { self.last } else { u32::MAX };
        let free = !word.get() & blocks;
        if free == 0 {
            return ClaimResult::Nothing;
        }
        // One bit, known by its number: compilers then have one instruction for it, where the processor has.
        let number = free.trailing_zeros();
        if word.take(1 << number) {
            ClaimResult::Block(at * BitWord::BITS + number as usize)
        } else {
            ClaimResult::Lost
        }
    }

    #[inline(always)]
    fn next(self, at: usize) -> usize {
        if at + 1 < self.words.len() { at + 1 } else { 0 }
    }

    /// On another cache line, where there is one.
    fn away(self, at: usize) -> usize {
        if at + LINE < self.words.len() { at + LINE } else { self.next(at % LINE) }
    }

    /// Returns the block with this index below the number of blocks; `None` is no block.
    #[inline(always)]
    pub(crate) fn put(self, index: Option<usize>) -> Result<(), Error> {
        let Some((at, word, bit)) = index.and_then(|index| self.find(index)) else {
            return Err(self.refuse(Error::NotABlock));
        };
        if word.put(bit) {
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

    /// Number of the word, word and bit of a block.
    #[inline(always)]
    fn find(self, index: usize) -> Option<(usize, &'a BitWord, u32)> {
        let at = index / BitWord::BITS;
        // No panic path: `get` gives `None` where an index would not be in the array, which `index < blocks` excludes.
        let word = self.words.get(at)?;
        Some((at, word, 1 << (index % BitWord::BITS)))
    }

    #[cold]
    fn refuse(self, error: Error) -> Error {
        self.counters.refused.bump();
        error
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn the_search_goes_on_at_the_following_word_and_after_a_conflict_on_another_cache_line() {
        const WORDS: usize = 2 * LINE + 3;
        let (counters, words) = (AtomicCounters::new(), [const { BitWord::new() }; WORDS]);
        let bits = Bitmap::new(&counters, &words, WORDS * BitWord::BITS);
        for at in 0..WORDS {
            assert_eq!(bits.next(at), (at + 1) % WORDS);
        }
        assert_eq!(bits.away(0), LINE);
        assert_eq!(bits.away(LINE + 2), 2 * LINE + 2);
        // From the last line to the first, beside the word where the other context began.
        assert_eq!(bits.away(LINE + 3), 4);
        assert_eq!(bits.away(2 * LINE + 1), 2);
        let few = Bitmap::new(&counters, &words[..3], 3 * BitWord::BITS);
        assert_eq!([0, 1, 2].map(|at| few.away(at)), [1, 2, 0]);
    }
}
