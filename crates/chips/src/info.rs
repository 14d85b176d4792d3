//! Numbers about a heap.

use std::iter::Sum;

use crate::Caps;
use crate::engine::Blocks;
use crate::heap::Region;
use crate::region::RegionSpec;

/// Totals over some regions, with the meaning of ESP-IDF's `multi_heap_info_t`. Bytes and blocks of the chip.
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

/// One region of a heap, and its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionInfo {
    /// Its description.
    pub spec: &'static RegionSpec,
    /// Chip address at which the heap begins in it.
    pub base: u32,
    /// Bytes the heap has in it, its own structures included.
    pub size: usize,
    /// Its numbers.
    pub info: HeapInfo,
    /// Bytes of its largest free block, header included. The largest request that is granted may be less, as requests
    /// are rounded up to a size class.
    pub largest_block: usize,
}

impl RegionInfo {
    pub(crate) fn of(region: &Region) -> Self {
        let info = region.tlsf.info();
        let largest_block = region.tlsf.largest_block() as usize;
        Self { spec: region.spec, base: region.base, size: region.size as usize, info, largest_block }
    }

    /// Whether the region can serve requests with these capabilities. Constant time.
    #[must_use]
    pub fn has(&self, caps: Caps) -> bool {
        self.spec.all_caps().contains(caps)
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
