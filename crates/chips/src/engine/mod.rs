//! The heap of one region: one contract, its implementations, and the only place that chooses between them.

use std::fmt;
use std::str::FromStr;

use crate::chip::{Chip, RomHeap};
use crate::info::HeapInfo;

mod espressif;
mod rlsf;

/// Bytes of a word of the chip: the unit of sizes and the alignment of every block.
const WORD: u32 = 4;
/// Bytes of a block's header, and of the sentinel after the last block.
pub(crate) const HEADER: u32 = 4;
/// Smallest payload in bytes: room for a free block's links.
const MIN_PAYLOAD: u32 = 12;

/// Which TLSF runs in the regions of a heap; [`Builder::engine`](crate::Builder::engine) chooses.
///
/// In which ways their verdicts may differ is said in the [crate's documentation](crate#engines).
///
/// ```
/// use microusc_chips::{Caps, Chip, ChipHeap, Engine};
/// let size_of_400 = |engine| {
///     let mut heap = ChipHeap::builder(Chip::Esp32C2).size("RAM1", 0).engine(engine).build()?;
///     let block = heap.malloc(390, Caps::DEFAULT).unwrap();
///     Ok::<_, microusc_chips::BuildError>(heap.size_of(block).unwrap())
/// };
/// assert_eq!((size_of_400(Engine::Espressif)?, size_of_400(Engine::Rlsf)?), (400, 392));
/// assert_eq!(size_of_400(Engine::Rom)?, 392);
/// assert_eq!("rlsf".parse(), Ok(Engine::Rlsf));
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Engine {
    /// The block arithmetic of ESP-IDF's own TLSF: what the chip does, on the chips with [a heap in
    /// ROM](crate::RomHeap) if `CONFIG_HEAP_TLSF_USE_ROM_IMPL` is `n`.
    #[default]
    Espressif,
    /// The block arithmetic of the TLSF in ROM, as far as public sources describe it: ESP-IDF's default on the chips that
    /// have one. Never compared with a chip.
    Rom,
    /// The crate `rlsf`, scaled to the chip's words: for a second opinion.
    Rlsf,
}

impl Engine {
    /// Every engine, the default first.
    pub const ALL: [Engine; 3] = [Engine::Espressif, Engine::Rom, Engine::Rlsf];

    /// The name in lower case, as `FromStr` reads it.
    ///
    /// ```
    /// assert_eq!(microusc_chips::Engine::default().name(), "espressif");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Espressif => "espressif",
            Engine::Rom => "rom",
            Engine::Rlsf => "rlsf",
        }
    }

    /// Whether a heap of `chip` can have it: [`Engine::Rom`] takes a chip with a heap in ROM.
    ///
    /// ```
    /// use microusc_chips::{Chip, Engine};
    /// assert!(Engine::Rom.runs_on(Chip::Esp32C6) && !Engine::Rom.runs_on(Chip::Esp32C3));
    /// ```
    #[must_use]
    pub const fn runs_on(self, chip: Chip) -> bool {
        match self {
            Engine::Rom => chip.facts().rom_heap.is_some(),
            Engine::Espressif | Engine::Rlsf => true,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name of no known engine. The message lists the engines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a known heap engine: use one of {list}", list = Engine::ALL.map(Engine::name).join(", "))]
pub struct UnknownEngine(pub String);

impl FromStr for Engine {
    type Err = UnknownEngine;

    /// Reads a name in any case.
    fn from_str(text: &str) -> Result<Self, UnknownEngine> {
        let found = Engine::ALL.into_iter().find(|engine| engine.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownEngine(text.to_owned()))
    }
}

/// What an engine does for its region. Offsets and sizes are bytes of the chip; an offset is a payload's, relative to
/// the region's base.
pub(crate) trait Blocks {
    /// Allocates `size` bytes, not zero, at a chip address that is a multiple of `align`, a power of two from 4 on.
    fn allocate(&mut self, align: u32, size: u32) -> Option<u32>;

    /// Whether [`allocate`](Self::allocate) would succeed now.
    fn fits(&self, align: u32, size: u32) -> bool;

    /// Whether the payload of a live block begins at `offset`, which may be any number. Constant time.
    fn is_live(&self, offset: u32) -> bool;

    /// Payload offset of the live block that contains byte `offset`. Walks back to the block's start.
    fn block_containing(&self, offset: u32) -> Option<u32>;

    /// Payload bytes of the live block at `offset`.
    fn size_of(&self, offset: u32) -> u32;

    /// Frees the live block at `offset`.
    fn free(&mut self, offset: u32);

    /// Gives the live block at `offset` `size` bytes within its region, in place if possible; its offset from now on.
    /// The contents are the caller's to move. `None` leaves the block as it is.
    fn resize(&mut self, offset: u32, size: u32) -> Option<u32>;

    /// Largest size that `allocate` would grant, without alignment, if nothing were allocated.
    fn limit(&self) -> u32;

    /// Bytes of the largest free block, its header included. Not constant time.
    fn largest_block(&self) -> u32;

    /// The region's numbers. Not constant time.
    fn info(&self) -> HeapInfo;

    /// What is wrong with the bookkeeping, with the offset of the block concerned. Walks everything.
    fn check(&self) -> Result<(), (u32, &'static str)>;
}

/// The heap of one region, by one of the engines.
pub(crate) enum Tlsf {
    Espressif(espressif::Tlsf),
    Rlsf(Box<rlsf::Tlsf>),
}

impl Tlsf {
    /// An empty heap over `size` bytes at chip address `base`. `rom` is the chip's heap in ROM.
    pub(crate) fn new(engine: Engine, rom: Option<RomHeap>, base: u32, size: u32) -> Result<Self, NoHeap> {
        let source = if engine == Engine::Rom { rom } else { None };
        let heap = espressif::Tlsf::new(base, size, source).ok_or(NoHeap::TooSmall)?;
        match engine {
            Engine::Espressif | Engine::Rom => Ok(Tlsf::Espressif(heap)),
            // Both have the same room, as a difference in verdict should be one of policy.
            Engine::Rlsf => rlsf::Tlsf::new(base, size, heap.pool_range())
                .map(|heap| Tlsf::Rlsf(Box::new(heap)))
                .ok_or(NoHeap::NoHostMemory),
        }
    }
}

/// Why there is no heap in a region.
pub(crate) enum NoHeap {
    TooSmall,
    NoHostMemory,
}

/// Calls the engine in use.
macro_rules! dispatch {
    ($heap:expr, $tlsf:ident => $call:expr) => {
        match $heap {
            Tlsf::Espressif($tlsf) => $call,
            Tlsf::Rlsf($tlsf) => $call,
        }
    };
}

impl Blocks for Tlsf {
    #[inline]
    fn allocate(&mut self, align: u32, size: u32) -> Option<u32> {
        dispatch!(self, tlsf => tlsf.allocate(align, size))
    }

    fn fits(&self, align: u32, size: u32) -> bool {
        dispatch!(self, tlsf => tlsf.fits(align, size))
    }

    #[inline]
    fn is_live(&self, offset: u32) -> bool {
        dispatch!(self, tlsf => tlsf.is_live(offset))
    }

    fn block_containing(&self, offset: u32) -> Option<u32> {
        dispatch!(self, tlsf => tlsf.block_containing(offset))
    }

    #[inline]
    fn size_of(&self, offset: u32) -> u32 {
        dispatch!(self, tlsf => tlsf.size_of(offset))
    }

    #[inline]
    fn free(&mut self, offset: u32) {
        dispatch!(self, tlsf => tlsf.free(offset));
    }

    fn resize(&mut self, offset: u32, size: u32) -> Option<u32> {
        dispatch!(self, tlsf => tlsf.resize(offset, size))
    }

    fn limit(&self) -> u32 {
        dispatch!(self, tlsf => tlsf.limit())
    }

    fn largest_block(&self) -> u32 {
        dispatch!(self, tlsf => tlsf.largest_block())
    }

    fn info(&self) -> HeapInfo {
        dispatch!(self, tlsf => tlsf.info())
    }

    fn check(&self) -> Result<(), (u32, &'static str)> {
        dispatch!(self, tlsf => tlsf.check())
    }
}
