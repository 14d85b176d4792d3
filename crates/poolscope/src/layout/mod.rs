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
//! # Ok::<(), poolscope::layout::LayoutError>(())
//! ```

pub mod derive;
mod error;
mod parse;
pub mod target;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::LayoutError;

/// Most pools in a layout.
pub const MAX_POOLS: usize = 64;

/// Fewest bytes of a block: a free block holds a pointer of the chip.
pub const MIN_BLOCK: u32 = 4;

/// Most bytes of a block, and most blocks of a pool: beyond any chip's memory.
pub const MAX_NUMBER: u32 = 1 << 26;

/// Longest name of a pool, bytes: what fits a pool's control block.
pub const MAX_NAME: usize = 15;

/// The pools of a program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Layout {
    /// A request that finds its pool empty may take a block of the next larger pool.
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
    /// Where its blocks live. Its control block is in internal RAM whatever this says.
    pub placement: Placement,
}

/// The kind of memory that blocks live in.
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
             # An empty pool may be helped out by the next larger one.\nspill = {}\n\
             # Requests that no pool serves go to the rest of the chip's heap.\nheap_fallback = {}\n",
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

#[cfg(test)]
mod tests;
