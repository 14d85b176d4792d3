//! The crate `rlsf` as the heap of a region, scaled to the chip.
//!
//! On a 64-bit host `rlsf` deals in units of 32 bytes, of which 16 are header. One unit stands for one word of the
//! chip, so its memory has eight host bytes to a chip byte, and a request for `n` bytes, in words and at least three,
//! is passed on as `8 * (n + 2)`: with the header that is `8 * (n + 4)`, on the chip `n` and 4 bytes of header. The
//! sentinel of 32 bytes is the chip's of 4. On 32-bit hosts all of this is halved.
//!
//! That memory holds nothing but `rlsf`'s headers and links ([`scaled_tlsf`]). The program's bytes are in the region's own
//! memory, at four host bytes to a chip byte: what a program writes cannot damage the heap. Which addresses
//! are live blocks, and of what size, `rlsf` does not say in constant time; [`live_blocks`] do.

mod live_blocks;
mod scaled_tlsf;

use self::live_blocks::{LiveBlock, LiveBlocks};
use self::scaled_tlsf::ScaledTlsf;
use super::{Blocks, HEADER, MIN_PAYLOAD, WORD};
use crate::info::HeapInfo;

/// The heap of one region.
pub(crate) struct Tlsf {
    scaled: ScaledTlsf,
    live: LiveBlocks,
    /// Bytes for blocks, headers and the sentinel.
    pool: u32,
    free: u32,
    minimum_free: u32,
    allocated_blocks: u32,
}

impl Tlsf {
    /// An empty heap in a region of `size` bytes at chip address `base`, of which `pool` says the offset and bytes of
    /// the part for blocks; `None` without host memory.
    pub(super) fn new(base: u32, size: u32, (start, pool): (u32, u32)) -> Option<Self> {
        let pool = pool & !(WORD - 1);
        let scaled = ScaledTlsf::new(base, size, start, pool)?;
        let live = LiveBlocks::new(size, start);
        // The counter includes the sentinel, as the chip's does.
        Some(Self { scaled, live, pool, free: pool, minimum_free: pool, allocated_blocks: 0 })
    }

    /// Notes a block that `rlsf` has allocated.
    #[inline]
    fn note_allocated(&mut self, offset: u32, block: LiveBlock) {
        self.live.insert(offset, block);
        self.free -= block.total();
        self.minimum_free = self.minimum_free.min(self.free);
        self.allocated_blocks += 1;
    }

    /// Forgets a block that `rlsf` is to free.
    #[inline]
    fn note_freed(&mut self, offset: u32) -> LiveBlock {
        let block = self.live.remove(offset);
        self.free += block.total();
        self.allocated_blocks -= 1;
        block
    }

    /// Number of free blocks, and bytes of the largest with its header. Walks all blocks.
    fn free_blocks(&self) -> (usize, u32) {
        let free = self.scaled.blocks().filter(|block| !block.used);
        free.fold((0, 0), |(count, largest), block| (count + 1, block.bytes.max(largest)))
    }
}

// The two hot paths are calls: inlined next to the default engine's they would crowd it out of registers.
impl Blocks for Tlsf {
    /// Unlike on the chip, a gap in front of an aligned block stays with the block. Walks over the gap.
    #[inline(never)]
    fn allocate(&mut self, align: u32, size: u32) -> Option<u32> {
        let size = request(size)?;
        let offset = self.scaled.allocate(align, size)?;
        let gap = self.live.gap_before(offset, align);
        self.note_allocated(offset, LiveBlock { size, align, gap });
        Some(offset)
    }

    /// Walks all blocks.
    fn fits(&self, align: u32, size: u32) -> bool {
        let needed = || {
            let space = if align <= WORD { HEADER } else { align };
            class_up(request(size)?.checked_add(space)?)
        };
        needed().is_some_and(|bytes| bytes <= self.free_blocks().1)
    }

    #[inline]
    fn is_live(&self, offset: u32) -> bool {
        self.live.get(offset).is_some()
    }

    fn block_containing(&self, offset: u32) -> Option<u32> {
        self.live.block_containing(offset)
    }

    #[inline]
    fn size_of(&self, offset: u32) -> u32 {
        self.live.get(offset).map_or(0, |block| block.size)
    }

    #[inline(never)]
    fn free(&mut self, offset: u32) {
        let block = self.note_freed(offset);
        // SAFETY: the block was noted as live, and was allocated with this alignment.
        unsafe { self.scaled.free(offset, block.align) }
    }

    /// As `rlsf` resizes: in place, else extended to the front, else moved. `minimum_free` does not count the moment at
    /// which a block that moves exists twice.
    fn resize(&mut self, offset: u32, size: u32) -> Option<u32> {
        let size = request(size)?;
        let old = self.live.get(offset)?;
        // SAFETY: the block is noted as live, and was allocated with this alignment.
        let new = unsafe { self.scaled.resize(offset, old.align, size)? };
        self.note_freed(offset);
        // In place, the block in front may have been freed since the gap was measured.
        let gap = if new == offset { old.gap } else { self.live.gap_before(new, old.align) };
        self.note_allocated(new, LiveBlock { size, gap, ..old });
        Some(new)
    }

    fn limit(&self) -> u32 {
        largest_payload(self.pool - HEADER)
    }

    fn largest_block(&self) -> u32 {
        self.free_blocks().1
    }

    fn info(&self) -> HeapInfo {
        let (free_blocks, largest) = self.free_blocks();
        let allocated_blocks = self.allocated_blocks as usize;
        HeapInfo {
            total_free: self.free as usize,
            total_allocated: (self.pool - self.free - self.allocated_blocks * HEADER) as usize,
            largest_free_block: largest_payload(largest) as usize,
            minimum_free: self.minimum_free as usize,
            allocated_blocks,
            free_blocks,
            total_blocks: allocated_blocks + free_blocks,
        }
    }

    fn check(&self) -> Result<(), (u32, &'static str)> {
        let (mut used, mut live, mut previous_free) = (0, 0, false);
        for block in self.scaled.blocks() {
            let payload = block.header + HEADER;
            if block.used {
                let live_block = self.live.first_in(payload, block.header + block.bytes);
                if live_block.is_none_or(|live| live.total() != block.bytes) {
                    return Err((payload, "what is noted and rlsf disagree about a live block"));
                }
                live += 1;
                used += block.bytes;
            } else if previous_free {
                return Err((payload, "free neighbours not merged"));
            }
            previous_free = !block.used;
        }
        if (live, used) == (self.allocated_blocks, self.pool - self.free) {
            Ok(())
        } else {
            Err((self.pool, "counters wrong"))
        }
    }
}

/// Payload for a request of `size` bytes: whole words, and no block smaller than the chip's smallest.
#[inline]
fn request(size: u32) -> Option<u32> {
    size.checked_next_multiple_of(WORD).map(|size| size.max(MIN_PAYLOAD))
}

/// Bytes from one size class to the next at `total` bytes, which count the header in.
fn step(total: u32) -> u32 {
    (1 << total.max(1).ilog2()) / scaled_tlsf::CLASSES as u32
}

/// The size from which every free block serves a request for `total` bytes.
fn class_up(total: u32) -> Option<u32> {
    total.checked_next_multiple_of(step(total).max(WORD))
}

/// Largest payload that a free block of `total` bytes is sure to serve; zero if that is not even the smallest.
fn largest_payload(total: u32) -> u32 {
    let class = total & !(step(total).max(1) - 1);
    class.checked_sub(HEADER).filter(|payload| *payload >= MIN_PAYLOAD).unwrap_or(0)
}
