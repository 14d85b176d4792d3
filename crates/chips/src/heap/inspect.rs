//! What can be asked of a heap: about a pointer, about its regions, and why a request fails.

use std::ptr::NonNull;

use super::{ChipHeap, RegionHeap};
use crate::caps::Caps;
use crate::engine::Blocks;
use crate::error::{FailReason, FreeError, IntegrityError, Refusal};
use crate::info::{HeapInfo, RegionInfo};
use crate::region::RegionSpec;
use crate::request::HeapRequest;

impl ChipHeap {
    /// Bytes of the live block at `pointer` that the program may use on the chip: at least those requested, more by
    /// the heap's rounding. `None` if no live block starts there. Constant time.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// let block = heap.malloc(5, Caps::DEFAULT).unwrap();
    /// assert_eq!(heap.size_of(block), Some(12), "the smallest block");
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn size_of(&self, pointer: NonNull<u8>) -> Option<usize> {
        let block = self.position(pointer).ok()?;
        Some(self.regions[block.region].tlsf.size_of(block.offset) as usize)
    }

    /// The region that `pointer` points into, whether or not a live block is there. Constant time per region.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap, Kind};
    /// let mut heap = ChipHeap::new(Chip::Esp32)?;
    /// let block = heap.malloc(100, Caps::SPIRAM).unwrap();
    /// assert_eq!(heap.region_of(block).unwrap().kind, Kind::Psram);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn region_of(&self, pointer: NonNull<u8>) -> Option<&'static RegionSpec> {
        self.region_index(pointer).map(|region| self.regions[region].spec)
    }

    /// The address on the chip of a live block, or of a byte inside one; `None` elsewhere. It is the address that the
    /// program has: for executable memory in RAM that both buses share (ESP32), the one on the instruction bus.
    ///
    /// Constant time for the start of a block. An address inside one is found by walking back to its start.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// let block = heap.malloc(100, Caps::DEFAULT | Caps::INTERNAL).unwrap();
    /// let address = heap.chip_address(block).unwrap();
    /// assert!((0x3FC8_0000..0x3FCE_0000).contains(&address));
    /// assert_eq!(heap.chip_address(block.map_addr(|a| a.saturating_add(7))), Some(address + 7));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn chip_address(&self, pointer: NonNull<u8>) -> Option<u32> {
        let region = &self.regions[self.region_index(pointer)?];
        let (offset, rest) = region.contents.offset(pointer.addr().get());
        if rest == 0 && region.tlsf.is_live(offset) {
            return Some(self.program_address(region.base + offset));
        }
        // Host bytes of a block are consecutive like its chip bytes, but the distance between blocks is scaled.
        let block = region.tlsf.block_containing(offset)?;
        let inside = pointer.addr().get() - region.contents.pointer(block).addr().get();
        (inside < region.tlsf.size_of(block) as usize)
            .then(|| self.program_address(region.base + block) + inside as u32)
    }

    /// The address that the program has of a block, of which this is the data address.
    #[inline]
    fn program_address(&self, data: u32) -> u32 {
        self.executable.get(&data).copied().unwrap_or(data)
    }

    /// Totals of the regions that offer all of `caps`; all regions for `Caps::empty()`. Bytes of the chip.
    ///
    /// With [`Engine::Rlsf`](crate::Engine::Rlsf) all blocks are walked. With the others `largest_free_block` walks the
    /// free list of the highest size class in use, and the rest is constant time per region.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// let before = heap.info(Caps::DMA).total_free;
    /// heap.malloc(100, Caps::DMA).unwrap();
    /// assert_eq!(heap.info(Caps::DMA).total_free, before - 104, "and 4 bytes of header");
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn info(&self, caps: Caps) -> HeapInfo {
        self.regions.iter().filter(|region| region.all.contains(caps)).map(|region| region.tlsf.info()).sum()
    }

    /// Every region the heap uses, in the order in which they are tried at equal priority. Costs what
    /// [`info`](Self::info) does.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// let heap = ChipHeap::new(Chip::Esp32C6)?;
    /// let names: Vec<_> = heap.regions().map(|region| region.spec.name).collect();
    /// assert_eq!(names, ["RAM1", "RTCRAM", "RAM0"], "the smallest first");
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn regions(&self) -> impl Iterator<Item = RegionInfo> {
        self.regions.iter().map(RegionHeap::info)
    }

    /// Why a request fails; `None` if it would be met now. Ask after a failure, before anything is freed. Costs what
    /// [`info`](Self::info) does.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap, FailReason};
    /// let heap = ChipHeap::new(Chip::Esp32C3)?;
    /// assert_eq!(heap.why_failed(100, Caps::DMA), None);
    /// let reason = heap.why_failed(100, Caps::SPIRAM);
    /// assert_eq!(reason, Some(FailReason::NoSuchRegion { caps: Caps::SPIRAM }));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn why_failed(&self, size: usize, caps: Caps) -> Option<FailReason> {
        let request = match HeapRequest::new(&self.facts, 1, size, caps) {
            Ok(request) => request,
            Err(refusal) => return Some(refusal.into()),
        };
        let matching = || self.regions.iter().filter(|region| region.all.contains(request.caps));
        if request.caps.is_empty() || matching().next().is_none() {
            return Some(FailReason::NoSuchRegion { caps: request.caps });
        }
        if matching().any(|region| region.fits(&request)) {
            return None;
        }
        let limit = matching().map(|region| region.tlsf.limit()).max().unwrap_or(0);
        if request.size > limit {
            return Some(Refusal::TooLarge { size, limit: limit as usize }.into());
        }
        // A request is served from one region. Only where one has enough, but in pieces, fragmentation is the reason.
        let infos = || matching().map(|region| region.tlsf.info());
        let in_pieces = infos().filter(|info| info.total_free >= request.size as usize);
        match in_pieces.max_by_key(|info| (info.largest_free_block, info.total_free)) {
            Some(info) => {
                Some(FailReason::Fragmented { free: info.total_free, largest: info.largest_free_block })
            }
            None => Some(FailReason::Exhausted { free: infos().map(|info| info.total_free).sum() }),
        }
    }

    /// Checks the bookkeeping of every region. Walks all blocks.
    ///
    /// # Errors
    ///
    /// The first inconsistency found.
    ///
    /// ```
    /// let heap = microusc_chips::ChipHeap::new(microusc_chips::Chip::Esp32H2)?;
    /// assert_eq!(heap.check_integrity(), Ok(()));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn check_integrity(&self) -> Result<(), IntegrityError> {
        self.regions.iter().try_for_each(|region| {
            region.tlsf.check().map_err(|(offset, what)| IntegrityError {
                region: region.spec.name,
                address: region.base + offset,
                what,
            })
        })
    }

    /// What is wrong with a pointer that is no live block of the program's. Walks back to the block before it.
    #[cold]
    pub(super) fn wrong_pointer(&self, region: &RegionHeap, pointer: NonNull<u8>, offset: u32) -> FreeError {
        let (name, base) = (region.spec.name, region.base);
        match region.tlsf.block_containing(offset) {
            Some(block) if !self.system.contains(&(base + block)) => {
                let address = self.chip_address(pointer).unwrap_or(base + offset);
                FreeError::Interior { region: name, address, block: base + block }
            }
            _ => FreeError::NotAllocated { region: name, address: base + offset },
        }
    }
}
