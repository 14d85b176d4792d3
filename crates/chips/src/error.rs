//! Why something was refused or failed.

use crate::caps::Caps;
use crate::chip::Chip;

/// Why a heap could not be laid out. Sizes are bytes of the chip.
///
/// ```
/// use microusc_chips::{Chip, ChipHeap};
/// let error = ChipHeap::builder(Chip::Esp32C2).size("DRAM", 1000).build().err().unwrap();
/// assert_eq!(error.to_string(), "esp32c2 has no region `DRAM`: it has RAM0, RAM1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The chip has no region of that name.
    #[error("{chip} has no region `{name}`: it has {known}", known = chip.regions().iter().map(|r| r.name).collect::<Vec<_>>().join(", "))]
    UnknownRegion {
        /// The chip.
        chip: Chip,
        /// The name that is none of its regions.
        name: String,
    },
    /// A region cannot be that large.
    #[error("region `{name}` of {chip} cannot give {bytes} bytes to the heap: the most is {capacity}")]
    TooLarge {
        /// The chip.
        chip: Chip,
        /// The region.
        name: &'static str,
        /// Bytes requested.
        bytes: usize,
        /// Bytes it can give.
        capacity: u32,
    },
    /// More was reserved than the region has.
    #[error(
        "region `{name}` of {chip} has {size} bytes for the heap: {bytes} bytes cannot be reserved from it"
    )]
    OverReserved {
        /// The chip.
        chip: Chip,
        /// The region.
        name: &'static str,
        /// Bytes to reserve.
        bytes: usize,
        /// Bytes it has.
        size: u32,
    },
    /// There is no region with room for what ESP-IDF allocates before the program starts: the chip would not start.
    #[error(
        "{chip} would not start: its heap has no room for the {bytes} bytes that ESP-IDF takes for {what}"
    )]
    NoSystemMemory {
        /// The chip.
        chip: Chip,
        /// Bytes that ESP-IDF allocates.
        bytes: usize,
        /// What for.
        what: &'static str,
    },
    /// The heap in ROM was chosen on a chip that has none.
    #[error("{chip} has no heap in its ROM: use the engine espressif, which is what it runs")]
    NoRomHeap {
        /// The chip.
        chip: Chip,
    },
    /// The host has no memory left for the region.
    #[error("no host memory for region `{name}`")]
    OutOfMemory {
        /// The region.
        name: &'static str,
    },
}

/// Why an address was not freed or resized. The heap is unchanged.
///
/// ```
/// use microusc_chips::{Caps, Chip, ChipHeap, FreeError};
/// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
/// let block = heap.malloc(100, Caps::DEFAULT).unwrap();
/// let inside = block.map_addr(|address| address.saturating_add(8));
/// assert!(matches!(heap.free(inside), Err(FreeError::Interior { .. })));
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FreeError {
    /// The address is in none of the heap's regions.
    #[error("address is outside the heap")]
    OutsideHeap,
    /// The address is inside a live block, not at its start.
    #[error("{address:#010x} is inside the live block {block:#010x} of {region}, not its start")]
    Interior {
        /// The region.
        region: &'static str,
        /// Chip address that was passed.
        address: u32,
        /// Chip address of the block it is inside of.
        block: u32,
    },
    /// No live block is there: freed before, or never allocated.
    #[error("no live block at {address:#010x} of {region}: freed twice, or never allocated")]
    NotAllocated {
        /// The region.
        region: &'static str,
        /// Chip address that was passed.
        address: u32,
    },
}

/// Why a request cannot be met on this chip, however empty the heap is. Sizes are bytes of the chip.
///
/// ```
/// use microusc_chips::{Caps, Chip, ChipHeap, Refusal};
/// let heap = ChipHeap::new(Chip::Esp32)?;
/// let reason = heap.why_failed(64, Caps::DMA | Caps::SPIRAM);
/// assert_eq!(reason, Some(Refusal::DmaFromPsram.into()));
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Zero bytes were requested.
    #[error("the size is zero")]
    ZeroSize,
    /// The alignment is not a power of two.
    #[error("alignment {align} is not a power of two")]
    BadAlignment {
        /// Alignment requested.
        align: usize,
    },
    /// Executable memory takes words only and is out of reach of DMA.
    #[error("executable memory can be neither byte-accessible (8BIT) nor reachable by DMA")]
    ExecutableData,
    /// The chip's peripherals cannot reach PSRAM.
    #[error("the chip's DMA cannot reach PSRAM: use DMA|INTERNAL")]
    DmaFromPsram,
    /// No region is that large, even when empty.
    #[error(
        "{size} bytes are more than any region with these capabilities can give, which is {limit} at most"
    )]
    TooLarge {
        /// Bytes requested.
        size: usize,
        /// Largest request an empty heap would grant.
        limit: usize,
    },
}

/// Why a request fails, from [`ChipHeap::why_failed`](crate::ChipHeap::why_failed). Sizes are bytes of the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailReason {
    /// The request makes no sense on this chip.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// No region has all the capabilities.
    #[error("no memory of this chip is {caps}")]
    NoSuchRegion {
        /// The requested capabilities, after adjustment for the hardware.
        caps: Caps,
    },
    /// No region has as many free bytes as were requested.
    #[error("exhausted: {} free in all, not enough in any one region", bytes(*.free))]
    Exhausted {
        /// Bytes free in the regions that could serve the request.
        free: usize,
    },
    /// A region has enough free, but not in one piece.
    #[error("fragmented: {} free, but the largest request granted is {}", bytes(*.free), bytes(*.largest))]
    Fragmented {
        /// Bytes free in the region that has the largest free block of those with enough bytes free.
        free: usize,
        /// Largest request, unaligned, that would be granted now.
        largest: usize,
    },
}

/// A heap whose bookkeeping is damaged, from [`ChipHeap::check_integrity`](crate::ChipHeap::check_integrity). That is a
/// defect of this crate, as programs cannot reach the bookkeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{region} at {address:#010x}: {what}")]
pub struct IntegrityError {
    /// The region.
    pub region: &'static str,
    /// Chip address of the block concerned.
    pub address: u32,
    /// What is wrong.
    pub what: &'static str,
}

/// `1 byte`, `2 bytes`.
fn bytes(number: usize) -> String {
    format!("{number} byte{}", if number == 1 { "" } else { "s" })
}
