//! Consistency of a region's bookkeeping.

use super::{HEADER, LIVE, MIN_PAYLOAD, NULL, PREVIOUS_FREE, SIZE, Tlsf, WORD};

impl Tlsf {
    /// What is wrong with the bookkeeping, with the offset of the block concerned. Walks everything.
    pub(super) fn verify(&self) -> Result<(), (u32, &'static str)> {
        let (mut free, mut live, mut free_blocks, mut end, mut previous) = (0, 0, 0, self.first, NULL);
        for (offset, size, used) in self.blocks() {
            let block = offset / WORD;
            let fail = |what| Err((offset, what));
            if size < MIN_PAYLOAD {
                return fail("block below the minimum size");
            }
            if (self.words[block as usize] == LIVE) != used {
                return fail("live mark and header disagree");
            }
            if (self.header(block) & PREVIOUS_FREE != 0) != (previous != NULL) {
                return fail("flag of the previous block is wrong");
            }
            if previous != NULL && (!used || self.words[block as usize - 2] != previous) {
                return fail("free neighbours not merged, or link to the previous block wrong");
            }
            if !used && !self.is_in_free_list(block) {
                return fail("free block is not in the list of its class");
            }
            previous = if used { NULL } else { block };
            free += if used { 0 } else { size + HEADER };
            live += u32::from(used);
            free_blocks += u32::from(!used);
            end = self.next(block);
        }
        let counted = (live, free_blocks) == (self.counters.allocated_blocks, self.counters.free_blocks);
        let ends = end * WORD == self.first * WORD - HEADER + (self.pool & SIZE);
        // The counter includes the header of the first block and the sentinel, as the original's does.
        let used_bytes: u32 = self.blocks().filter(|b| b.2).map(|b| b.1 + HEADER).sum();
        let bytes = self.counters.free == self.pool - used_bytes && free <= self.counters.free;
        if counted && ends && bytes {
            Ok(())
        } else {
            Err((end * WORD, "counters or end of the region wrong"))
        }
    }

    fn is_in_free_list(&self, block: u32) -> bool {
        let mut at = self.lists.head(self.size(block));
        while at != NULL && at != block {
            at = self.words[at as usize];
        }
        at == block
    }
}
