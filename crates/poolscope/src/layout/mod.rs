//! Layouts: which pools there are, of how many blocks of which size, and where.
//!
//! A [`Layout`] is read from TOML with [`Layout::parse`] (`docs/layout-format.md`), written with
//! [`Layout::to_toml`], or derived from a recording (see [`mod@derive`]).
//!
//! ```
//! use poolscope::layout::{Layout, Placement};
//!
//! let layout = Layout::parse("[[pool]]\nname = 'packets'\nblock_size = 1520\nblocks = 8\n")?;
//! assert_eq!(layout.pools[0].placement, Placement::Dram);
//! assert_eq!(Layout::parse(&layout.to_toml())?, layout);
//! # Ok::<(), poolscope::error::LayoutError>(())
//! ```

pub mod derive;
mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Most pools in a layout.
pub const MAX_POOLS: usize = 64;

/// Fewest bytes of a block: a free block holds a pointer of the chip.
pub const MIN_BLOCK: u32 = 4;

/// Most bytes of a block, and most blocks of a pool: beyond any chip's memory.
pub const MAX_NUMBER: u32 = 1 << 26;

/// Longest name of a pool, bytes: what fits a pool's control block.
pub const MAX_NAME: usize = 15;

// What a pool takes on a chip, whose pointers have 32 bits. A program creates a pool with two requests to the heap: one
// for the control block, which is in internal RAM, and one for the blocks. The heap adds its header and its rounding to
// each.

/// Bytes of a `memory_pool_t`: six words.
const POOL_STRUCT: u32 = 24;
/// Bytes of the control block behind it, without the allocation map: on one RISC-V core,
/// with diagnostics, as `cargo xtask budgets` counts it.
const CONTROL: u32 = 100;
/// Bytes outside the blocks for each block: its byte of the allocation map.
pub const MAP_BYTE: u32 = 1;
/// Bytes in front of each block that the chip's heap hands out.
pub const HEAP_HEADER: u32 = 4;
/// Alignment of every block, bytes: a pointer's.
const WORD: u32 = 4;

/// Bytes a pool takes besides its blocks and its allocation map.
pub const POOL_OVERHEAD: u32 = POOL_STRUCT + CONTROL + 2 * HEAP_HEADER;

/// The pools of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Layout {
    /// A request that finds its pool exhausted may take a block of the next larger pool.
    pub spill: bool,
    /// A request that no pool serves goes to what is left of the chip's heap.
    pub heap_fallback: bool,
    /// In the order in which the program creates them.
    #[serde(rename = "pool")]
    pub pools: Vec<PoolSpec>,
}

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolSpec {
    /// Unique; letters, digits, `_` and `-`.
    pub name: String,
    /// Largest request it serves, bytes.
    pub block_size: u32,
    /// Number of blocks.
    pub blocks: u32,
    /// The memory of its blocks. Its control block is in internal RAM in any case.
    pub placement: Placement,
}

/// The memory that blocks are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// Internal RAM that takes bytes.
    #[default]
    Dram,
    /// External RAM; blocks begin and end with a cache line.
    Psram,
    /// Instruction RAM, which takes aligned 32-bit words only.
    Iram,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Placement::Dram => "dram",
            Placement::Psram => "psram",
            Placement::Iram => "iram",
        })
    }
}

impl Layout {
    /// The layout as a file, with a comment on each setting. [`parse`](Self::parse) reads it back.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut file = format!(
            "# Block sizes are bytes. Pools are created in this order.\n\n\
             # A request that finds its pool exhausted may take a block of the next larger pool.\nspill = {}\n\
             # A request that no pool serves goes to the rest of the chip's heap.\nheap_fallback = {}\n",
            self.spill, self.heap_fallback
        );
        for pool in &self.pools {
            // Names hold nothing that TOML would want escaped.
            file += &format!(
                "\n[[pool]]\nname = \"{}\"\nblock_size = {}\nblocks = {}\nplacement = \"{}\"\n",
                pool.name, pool.block_size, pool.blocks, pool.placement
            );
        }
        file
    }
}

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
        u64::from(POOL_STRUCT + CONTROL) + u64::from(MAP_BYTE) * u64::from(self.blocks)
    }
}

#[cfg(test)]
mod tests;
