//! Numbers about a heap.

use std::iter::Sum;

use crate::caps::Caps;
use crate::region::RegionSpec;

/// Totals over some regions, with the meaning of ESP-IDF's `multi_heap_info_t`. Bytes and blocks of the chip.
///
/// ```
/// use microusc_chips::{Caps, Chip, ChipHeap};
/// let info = ChipHeap::new(Chip::Esp32C2)?.info(Caps::INTERNAL);
/// assert_eq!(info.allocated_blocks, 1, "ESP-IDF's own list of heaps");
/// assert_eq!(info.total_blocks, info.allocated_blocks + info.free_blocks);
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeapInfo {
    /// Bytes free, headers of free blocks included.
    pub total_free: usize,
    /// Bytes in live blocks, headers excluded, rounding included; and, with [`Engine::Rlsf`](crate::Engine::Rlsf), the
    /// gaps in front of aligned blocks.
    pub total_allocated: usize,
    /// Largest request, without alignment, that would be granted now.
    pub largest_free_block: usize,
    /// Sum of the lowest `total_free` each region has had. The regions need not have been that low at one time.
    pub minimum_free: usize,
    /// Live blocks.
    pub allocated_blocks: usize,
    /// Free blocks.
    pub free_blocks: usize,
    /// Blocks in all.
    pub total_blocks: usize,
}

impl Sum for HeapInfo {
    fn sum<I: Iterator<Item = Self>>(infos: I) -> Self {
        infos.fold(Self::default(), |sum, one| Self {
            total_free: sum.total_free + one.total_free,
            total_allocated: sum.total_allocated + one.total_allocated,
            largest_free_block: sum.largest_free_block.max(one.largest_free_block),
            minimum_free: sum.minimum_free + one.minimum_free,
            allocated_blocks: sum.allocated_blocks + one.allocated_blocks,
            free_blocks: sum.free_blocks + one.free_blocks,
            total_blocks: sum.total_blocks + one.total_blocks,
        })
    }
}

/// One region of a heap, and its numbers. The reserve for DMA is a region of its own within that of `spec`.
///
/// ```
/// use microusc_chips::{Chip, ChipHeap};
/// let heap = ChipHeap::new(Chip::Esp32C3)?;
/// let smallest = heap.regions().next().unwrap();
/// assert_eq!((smallest.spec.name, smallest.base, smallest.size), ("RTCRAM", 0x5000_0010, 8152));
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionInfo {
    /// Its description.
    pub spec: &'static RegionSpec,
    /// Chip address at which the heap begins in it.
    pub base: u32,
    /// Bytes the heap has in it, its own structures included.
    pub size: usize,
    /// Capabilities it is searched for, by priority: those of `spec`, or in the reserve for DMA fewer.
    pub caps: [Caps; 3],
    /// Its numbers.
    pub info: HeapInfo,
    /// Bytes of its largest free block, header included. The largest request that is granted may be less, as requests
    /// are rounded up to a size class.
    pub largest_block: usize,
}

impl RegionInfo {
    /// Whether the region can serve requests with these capabilities. Constant time.
    #[must_use]
    pub fn has(&self, caps: Caps) -> bool {
        self.caps.into_iter().fold(Caps::empty(), Caps::union).contains(caps)
    }

    /// Bytes free outside of the largest free block: what no single request can have. 0 while there is one free block
    /// at most, as in an empty region.
    ///
    /// Regions are separate: a request is served from one of them, so their free bytes are not added up to judge
    /// fragmentation.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// let heap = ChipHeap::new(Chip::Esp32P4)?;
    /// assert!(heap.regions().count() > 1);
    /// assert!(heap.regions().all(|region| region.fragmented_bytes() == 0));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn fragmented_bytes(&self) -> usize {
        if self.info.free_blocks > 1 { self.info.total_free.saturating_sub(self.largest_block) } else { 0 }
    }

    /// The share of the free bytes that is not in the largest free block: from 0 for one piece towards 1.
    #[must_use]
    pub fn fragmentation(&self) -> f64 {
        match self.fragmented_bytes() {
            0 => 0.0,
            fragmented => fragmented as f64 / self.info.total_free as f64,
        }
    }
}
