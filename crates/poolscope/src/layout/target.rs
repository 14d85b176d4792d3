//! What a pool takes on a chip, whose pointers have 32 bits.
//!
//! A program creates a pool with two requests to the heap: one for the control block, which is in internal RAM, and
//! one for the blocks. These are the sizes of the two; the heap adds its header and its rounding to each.

use super::{Placement, PoolSpec};

/// Bytes of a `memory_pool_t`: six words.
const POOL_STRUCT: u32 = 24;
/// Bytes of the control block behind it, without the marks: on one RISC-V core, with diagnostics, as `cargo xtask budgets` counts.
const CONTROL: u32 = 100;
/// Bytes outside the blocks for each block: the mark that says whether it is live.
pub const MARK: u32 = 1;
/// Bytes in front of each block that the chip's heap hands out.
pub const HEAP_HEADER: u32 = 4;
/// Alignment of every block, bytes: a pointer's.
const WORD: u32 = 4;

/// Bytes a pool takes besides its blocks and marks.
pub const POOL_OVERHEAD: u32 = POOL_STRUCT + CONTROL + 2 * HEAP_HEADER;

impl PoolSpec {
    /// Bytes from one block to the next; `line` is the chip's cache line in external RAM, bytes.
    #[must_use]
    pub fn stride(&self, line: u32) -> u32 {
        self.block_size.next_multiple_of(self.alignment(line))
    }

    /// Bytes to a multiple of which each block begins.
    #[must_use]
    pub fn alignment(&self, line: u32) -> u32 {
        match self.placement {
            Placement::Psram => line.max(WORD),
            Placement::Dram | Placement::Iram => WORD,
        }
    }

    /// Bytes of the request for the blocks.
    #[must_use]
    pub fn storage_bytes(&self, line: u32) -> u64 {
        u64::from(self.stride(line)) * u64::from(self.blocks)
    }

    /// Bytes of the request for the control block.
    #[must_use]
    pub fn control_bytes(&self) -> u64 {
        u64::from(POOL_STRUCT + CONTROL) + u64::from(MARK) * u64::from(self.blocks)
    }
}
