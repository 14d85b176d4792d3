//! A request for memory, checked and rounded before a region is searched for it.

use crate::caps::Caps;
use crate::chip::Facts;
use crate::error::Refusal;

/// Alignment of every block, in chip bytes.
pub(crate) const WORD: u32 = 4;
/// Larger requests are refused without a search, as sums with them could overflow.
const MAX: usize = 0x7000_0000;

const NEED_ALIGNMENT: Caps = Caps::DMA
    .union(Caps::DMA_DESC_AHB)
    .union(Caps::DMA_DESC_AXI)
    .union(Caps::CACHE_ALIGNED)
    .union(Caps::SIMD);

/// A request after checks and rounding. Chip bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeapRequest {
    pub(crate) size: u32,
    pub(crate) align: u32,
    pub(crate) caps: Caps,
}

impl HeapRequest {
    /// Checks a request and rounds it the way the chip's hardware needs, and the way executable memory does.
    #[inline]
    pub(crate) fn new(facts: &Facts, align: usize, size: usize, caps: Caps) -> Result<Self, Refusal> {
        Self::aligned(facts, align, size, caps)?.executable()
    }

    /// As [`new`](Self::new), but for `realloc`: whether executable memory was requested only matters once the block
    /// has to be allocated anew.
    #[inline]
    pub(crate) fn aligned(facts: &Facts, align: usize, size: usize, caps: Caps) -> Result<Self, Refusal> {
        if size == 0 {
            return Err(Refusal::ZeroSize);
        }
        if !align.is_power_of_two() {
            return Err(Refusal::BadAlignment { align });
        }
        if size > MAX || align > MAX {
            return Err(Refusal::TooLarge { size, limit: MAX });
        }
        let mut request = Self { size: size as u32, align: (align as u32).max(WORD), caps };
        if caps.intersects(NEED_ALIGNMENT) {
            request.align_for_hardware(facts)?;
        }
        Ok(request)
    }

    /// The request with which a free block is searched for.
    #[inline]
    pub(crate) fn executable(mut self) -> Result<Self, Refusal> {
        if self.caps.contains(Caps::EXEC) {
            if self.caps.intersects(Caps::B8 | Caps::DMA) {
                return Err(Refusal::ExecutableData);
            }
            self.caps |= Caps::B32;
        }
        if self.caps.contains(Caps::B32) {
            self.size = self.size.next_multiple_of(WORD);
        }
        Ok(self)
    }

    fn align_for_hardware(&mut self, facts: &Facts) -> Result<(), Refusal> {
        let external = self.caps.contains(Caps::SPIRAM);
        let line = match facts.psram {
            Some(psram) if external => psram.heap_align,
            _ => facts.dma_align,
        };
        if external && self.caps.contains(Caps::DMA) && facts.psram.is_some_and(|psram| !psram.dma) {
            return Err(Refusal::DmaFromPsram);
        }
        let mut align = self.align.max(line);
        if self.caps.contains(Caps::DMA_DESC_AXI) {
            align = align.max(facts.axi_desc_align);
        }
        if self.caps.contains(Caps::SIMD) {
            align = align.max(facts.simd_align);
        }
        self.align = align;
        self.size = self.size.next_multiple_of(align);
        if self.caps.intersects(Caps::DMA_DESC_AHB | Caps::DMA_DESC_AXI) {
            self.caps.remove(Caps::DMA_DESC_AHB | Caps::DMA_DESC_AXI);
            // Descriptors cannot be in PSRAM: leaving DMA set there makes sure that nothing matches.
            self.caps |= Caps::DMA;
        } else if external {
            // The region tables never say both; reachability was checked above.
            self.caps.remove(Caps::DMA);
        }
        self.caps.remove(Caps::CACHE_ALIGNED);
        Ok(())
    }
}
