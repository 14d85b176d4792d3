//! Which blocks of a region are live: one word per word of the region.

use super::{HEADER, WORD};

/// In the first word of a live payload, with the alignment (log2) and the payload's words.
const LIVE: u32 = 1 << 31;
/// In the last word of a live payload, alone.
const END: u32 = 1 << 30;
const ALIGN_SHIFT: u32 = 24;
const WORDS: u32 = (1 << ALIGN_SHIFT) - 1;

/// A live block. Bytes.
#[derive(Clone, Copy)]
pub(super) struct LiveBlock {
    pub(super) size: u32,
    pub(super) align: u32,
    /// Between the header, where it would be without alignment, and the payload.
    pub(super) gap: u32,
}

impl LiveBlock {
    /// Bytes taken in all.
    pub(super) fn total(&self) -> u32 {
        HEADER + self.gap + self.size
    }
}

/// All live blocks by the offset of their payload. A payload has three words at least, and every word that is not
/// `LIVE`, `END` or a gap in the second is zero.
pub(super) struct LiveBlocks {
    words: Vec<u32>,
    /// The first word of the first block.
    start: usize,
}

impl LiveBlocks {
    /// No blocks, for a region of `size` bytes whose first block begins at offset `start`.
    pub(super) fn new(size: u32, start: u32) -> Self {
        Self { words: vec![0; index(size)], start: index(start) }
    }

    /// The block whose payload begins at `offset`.
    #[inline]
    pub(super) fn get(&self, offset: u32) -> Option<LiveBlock> {
        let word = self.words.get(index(offset)).filter(|word| **word & LIVE != 0)?;
        if !offset.is_multiple_of(WORD) {
            return None;
        }
        let align = 1 << ((word >> ALIGN_SHIFT) & 0x1F);
        let gap = if align > WORD { self.words[index(offset) + 1] } else { 0 };
        Some(LiveBlock { size: (word & WORDS) * WORD, align, gap })
    }

    /// Payload offset of the block that contains byte `offset`. Walks back to its start.
    pub(super) fn block_containing(&self, offset: u32) -> Option<u32> {
        let upto = self.words.get(..=index(offset))?;
        let block = upto.iter().rposition(|word| *word & LIVE != 0)? as u32 * WORD;
        self.get(block).filter(|live| offset < block + live.size).map(|_| block)
    }

    /// The first block whose payload begins from `from` on and before `to`. Walks there.
    pub(super) fn first_in(&self, from: u32, to: u32) -> Option<LiveBlock> {
        let words = self.words.get(index(from)..index(to))?;
        let at = words.iter().position(|word| *word & LIVE != 0)? as u32;
        self.get(from + at * WORD)
    }

    /// Notes a block whose payload begins at `offset`.
    #[inline]
    pub(super) fn insert(&mut self, offset: u32, block: LiveBlock) {
        let at = index(offset);
        self.words[at] = LIVE | (block.align.ilog2() << ALIGN_SHIFT) | (block.size / WORD);
        self.words[at + 1] = block.gap;
        self.words[at + index(block.size) - 1] = END;
    }

    /// Forgets the live block at `offset`.
    #[inline]
    pub(super) fn remove(&mut self, offset: u32) -> LiveBlock {
        let at = index(offset);
        let block = self.get(offset).expect("only live blocks are removed");
        self.words[at] = 0;
        self.words[at + 1] = 0;
        self.words[at + index(block.size) - 1] = 0;
        block
    }

    /// The gap of a new block that is not noted yet. Such a block is cut off the front of a free one, in front of which
    /// is a live one or nothing: so the gap reaches back to the end of a live block.
    #[inline]
    pub(super) fn gap_before(&self, offset: u32, align: u32) -> u32 {
        if align <= WORD {
            return 0;
        }
        let before = self.words[self.start..index(offset - HEADER)].iter().rev();
        before.take_while(|word| **word & END == 0).count() as u32 * WORD
    }
}

fn index(bytes: u32) -> usize {
    (bytes / WORD) as usize
}
