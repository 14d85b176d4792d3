//! The heap of a chip: `heap_caps_*` over one TLSF heap per region.

use std::collections::BTreeMap;
use std::ops::Range;
use std::ptr::NonNull;

use crate::caps::Caps;
use crate::chip::{Chip, Facts};
use crate::engine::{Blocks, Engine};
use crate::error::FreeError;
use crate::host_memory;
use crate::idf::Idf;
use crate::map;
use crate::region::RegionSpec;
use crate::request::{HeapRequest, WORD};

mod inspect;
mod region_heap;

pub(crate) use region_heap::RegionHeap;

/// The heap of one chip, with the semantics of ESP-IDF's `heap_caps_*`.
///
/// Sizes are bytes of the chip; pointers are host pointers to at least as many host bytes. A host pointer is aligned
/// to 16, and to each power of two up to 64 KiB of which its chip address is a multiple. The heap is not synchronised:
/// it takes `&mut self`, and can be sent to another thread.
///
/// ```
/// use microusc_chips::{Caps, Chip, ChipHeap};
/// let mut heap = ChipHeap::new(Chip::Esp32)?;
/// let buffer = heap.malloc(100, Caps::DMA | Caps::INTERNAL | Caps::B8).unwrap();
/// assert_eq!(heap.region_of(buffer).unwrap().name, "DRAM0");
/// assert_eq!(heap.free(buffer), Ok(()));
/// assert!(heap.free(buffer).is_err());
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
pub struct ChipHeap {
    chip: Chip,
    idf: Idf,
    engine: Engine,
    facts: Facts,
    /// In the order in which they are searched.
    regions: Vec<RegionHeap>,
    /// Host addresses of `regions`, together, so that finding the region of a pointer stays in one cache line.
    ranges: Vec<Range<usize>>,
    /// Chip addresses of ESP-IDF's own blocks, which no program frees.
    system: Vec<u32>,
    /// Instruction addresses of the live blocks that have one, by data address.
    executable: BTreeMap<u32, u32>,
    internal_first: Option<usize>,
}

/// Where a live block is: its region's index and its offset there.
#[derive(Clone, Copy)]
struct BlockPosition {
    region: usize,
    offset: u32,
}

impl ChipHeap {
    /// A heap without regions.
    pub(crate) fn empty(chip: Chip, idf: Idf, engine: Engine) -> Self {
        Self {
            chip,
            idf,
            engine,
            facts: chip.facts(),
            regions: Vec::new(),
            ranges: Vec::new(),
            system: Vec::new(),
            executable: BTreeMap::new(),
            internal_first: None,
        }
    }

    /// Adds a region that is searched last.
    pub(crate) fn push(&mut self, region: RegionHeap) {
        self.regions.push(region);
        self.regions_changed();
    }

    /// Adds a region that is searched first.
    pub(crate) fn push_front(&mut self, region: RegionHeap) {
        self.regions.insert(0, region);
        self.regions_changed();
    }

    /// Searches the smallest regions first from now on, and of equal ones the later in the memory map.
    pub(crate) fn sort_by_size(&mut self) {
        self.regions.reverse();
        self.regions.sort_by_key(|region| region.size);
        self.regions_changed();
    }

    fn regions_changed(&mut self) {
        self.ranges = self.regions.iter().map(|region| region.contents.range()).collect();
    }

    /// Lets `malloc_default` use PSRAM for requests above `limit` bytes.
    pub(crate) fn allow_psram_above(&mut self, limit: usize) {
        self.internal_first = Some(limit);
    }

    /// Allocates a block of ESP-IDF's own, among the regions that are `usable`: by the usual search, or from the first
    /// in order that has the capabilities. The region it is in, and its chip address.
    pub(crate) fn allocate_for_system(
        &mut self,
        request: &HeapRequest,
        usable: impl Fn(&RegionHeap) -> bool,
        first_in_order: bool,
    ) -> Option<(&'static RegionSpec, u32)> {
        let BlockPosition { region, offset } = if first_in_order {
            let of = |region: &mut RegionHeap| {
                (usable(region) && region.all.contains(request.caps)).then(|| region.allocate(request))?
            };
            self.regions
                .iter_mut()
                .enumerate()
                .find_map(|(region, heap)| of(heap).map(|offset| BlockPosition { region, offset }))?
        } else {
            self.search(request, usable)?
        };
        let RegionHeap { spec, base, .. } = &self.regions[region];
        self.system.push(base + offset);
        Some((spec, base + offset))
    }

    /// The chip this is the heap of.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap, Engine, Idf};
    /// let heap = ChipHeap::new(Chip::Esp32C3)?;
    /// assert_eq!((heap.chip(), heap.idf(), heap.engine()), (Chip::Esp32C3, Idf::V5_5, Engine::Espressif));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// The version of ESP-IDF it is laid out by.
    #[must_use]
    pub fn idf(&self) -> Idf {
        self.idf
    }

    /// The engine that runs in its regions.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Allocates `size` bytes that have all of `caps`; `None` if the chip would return `NULL`
    /// ([`why_failed`](Self::why_failed) gives the reason).
    ///
    /// Regions are tried as on the chip: by the priority at which they offer one of `caps`, then in the order of
    /// [`regions`](Self::regions), and only those that offer all of them. Constant time per region.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// assert!(heap.malloc(100_000, Caps::DMA | Caps::INTERNAL).is_some());
    /// assert!(heap.malloc(100_000, Caps::SPIRAM).is_none());
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[inline]
    pub fn malloc(&mut self, size: usize, caps: Caps) -> Option<NonNull<u8>> {
        self.aligned_alloc(1, size, caps)
    }

    /// Allocates as [`malloc`](Self::malloc) at a chip address that is a multiple of `align`, a power of two.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// let block = heap.aligned_alloc(64, 100, Caps::DEFAULT).unwrap();
    /// assert_eq!(heap.chip_address(block).unwrap() % 64, 0);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[inline]
    pub fn aligned_alloc(&mut self, align: usize, size: usize, caps: Caps) -> Option<NonNull<u8>> {
        let request = HeapRequest::new(&self.facts, align, size, caps).ok()?;
        self.allocate(&request).map(|block| self.pointer(block))
    }

    /// Allocates `count * size` zeroed bytes that have all of `caps`; `None` also when the product overflows.
    /// Costs what [`malloc`](Self::malloc) does, and a write of each byte.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// let block = heap.calloc(4, 25, Caps::DEFAULT).unwrap();
    /// // SAFETY: the block has 100 bytes, which were zeroed.
    /// assert_eq!(unsafe { block.add(99).read() }, 0);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn calloc(&mut self, count: usize, size: usize, caps: Caps) -> Option<NonNull<u8>> {
        let bytes = count.checked_mul(size)?;
        let request = HeapRequest::new(&self.facts, 1, bytes, caps).ok()?;
        let block = self.allocate(&request)?;
        self.regions[block.region].contents.zero(block.offset, bytes);
        Some(self.pointer(block))
    }

    /// Allocates as plain C `malloc` does on the chip: internal memory, or with
    /// [`malloc_internal_up_to`](crate::Builder::malloc_internal_up_to) the preferred one of internal RAM and PSRAM,
    /// then the other. Costs what two [`malloc`](Self::malloc) do at most.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap, Kind};
    /// let mut heap = ChipHeap::builder(Chip::Esp32S3).malloc_internal_up_to(16_384).build()?;
    /// let frame = heap.malloc_default(150_000).unwrap();
    /// assert_eq!(heap.region_of(frame).unwrap().kind, Kind::Psram);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn malloc_default(&mut self, size: usize) -> Option<NonNull<u8>> {
        let Some(preferred) = self.preferred_caps(size) else {
            return self.malloc(size, self.default_caps());
        };
        self.malloc(size, Caps::DEFAULT | preferred).or_else(|| self.malloc(size, Caps::DEFAULT))
    }

    /// What plain `malloc` adds to `DEFAULT` at first, if it may use PSRAM.
    fn preferred_caps(&self, size: usize) -> Option<Caps> {
        self.internal_first.map(|limit| if size <= limit { Caps::INTERNAL } else { Caps::SPIRAM })
    }

    /// The capabilities that plain `malloc` asks for when it does not use PSRAM.
    ///
    /// ```
    /// let heap = microusc_chips::ChipHeap::new(microusc_chips::Chip::Esp32)?;
    /// assert_eq!(heap.default_caps().to_string(), "INTERNAL|DEFAULT");
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[must_use]
    pub fn default_caps(&self) -> Caps {
        Caps::DEFAULT | Caps::INTERNAL
    }

    /// Resizes a live block as `heap_caps_realloc` does. If its region has all of `caps`, and they need no
    /// alignment above a word, it is resized in place or moved within the region; with [`Engine::Rlsf`] it may
    /// grow into free memory right before it. Otherwise it is allocated anew, copied, and freed.
    /// `Ok(None)` if the chip would return `NULL`: no memory (the block stays as it is), or `size` is zero (the block
    /// is freed).
    ///
    /// Constant time per region, and a copy if the block moves.
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free): `pointer` is not a live block.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut heap = ChipHeap::new(Chip::Esp32)?;
    /// let block = heap.malloc(100, Caps::DEFAULT | Caps::INTERNAL).unwrap();
    /// let larger = heap.realloc(block, 500, Caps::DEFAULT | Caps::INTERNAL).unwrap();
    /// assert_eq!(larger, Some(block), "there is room after it");
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn realloc(
        &mut self,
        pointer: NonNull<u8>,
        size: usize,
        caps: Caps,
    ) -> Result<Option<NonNull<u8>>, FreeError> {
        let old = self.position(pointer)?;
        if size == 0 {
            self.release(old);
            return Ok(None);
        }
        let Ok(request) = HeapRequest::aligned(&self.facts, 1, size, caps) else { return Ok(None) };
        let region = &mut self.regions[old.region];
        let bytes = size.min(region.tlsf.size_of(old.offset) as usize);
        let within_region = request.align <= WORD
            && region.all.contains(request.caps)
            && !self.executable.contains_key(&(region.base + old.offset));
        if within_region && let Some(offset) = region.tlsf.resize(old.offset, request.size) {
            let new = BlockPosition { region: old.region, offset };
            self.move_contents(old, new, bytes);
            return Ok(Some(self.pointer(new)));
        }
        let Some(new) = request.executable().ok().and_then(|request| self.allocate(&request)) else {
            return Ok(None);
        };
        self.move_contents(old, new, bytes);
        self.release(old);
        Ok(Some(self.pointer(new)))
    }

    /// Resizes a live block as plain C `realloc` does on the chip: to the memory that
    /// [`malloc_default`](Self::malloc_default) prefers for `size`, else to the other.
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free): `pointer` is not a live block.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap, Kind};
    /// let mut heap = ChipHeap::builder(Chip::Esp32).malloc_internal_up_to(1000).build()?;
    /// let block = heap.malloc_default(100).unwrap();
    /// let larger = heap.realloc_default(block, 2000).unwrap().unwrap();
    /// assert_eq!(heap.region_of(larger).unwrap().kind, Kind::Psram);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn realloc_default(
        &mut self,
        pointer: NonNull<u8>,
        size: usize,
    ) -> Result<Option<NonNull<u8>>, FreeError> {
        let Some(preferred) = self.preferred_caps(size) else {
            return self.realloc(pointer, size, self.default_caps());
        };
        let resized = self.realloc(pointer, size, Caps::DEFAULT | preferred)?;
        if resized.is_some() || size == 0 {
            return Ok(resized);
        }
        self.realloc(pointer, size, Caps::DEFAULT)
    }

    /// Frees a live block. Constant time; finding out what is wrong with a wrong pointer walks back to the block
    /// before it.
    ///
    /// # Errors
    ///
    /// `pointer` is outside the heap, inside a block, or not allocated (any more). The heap is unchanged.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap, FreeError};
    /// let mut heap = ChipHeap::new(Chip::Esp32C3)?;
    /// let block = heap.malloc(100, Caps::DEFAULT).unwrap();
    /// assert_eq!(heap.free(block), Ok(()));
    /// assert!(matches!(heap.free(block), Err(FreeError::NotAllocated { .. })));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    #[inline]
    pub fn free(&mut self, pointer: NonNull<u8>) -> Result<(), FreeError> {
        let block = self.position(pointer)?;
        self.release(block);
        Ok(())
    }

    #[inline]
    fn allocate(&mut self, request: &HeapRequest) -> Option<BlockPosition> {
        let block = self.search(request, |_| true)?;
        if request.caps.contains(Caps::EXEC) {
            self.note_instruction_address(block, request);
        }
        Some(block)
    }

    /// Allocates in the first region that offers one of the capabilities at the highest priority, has all of them, is
    /// `usable`, and has room.
    #[inline]
    fn search(
        &mut self,
        request: &HeapRequest,
        usable: impl Fn(&RegionHeap) -> bool,
    ) -> Option<BlockPosition> {
        for priority in 0..3 {
            for (index, region) in self.regions.iter_mut().enumerate() {
                let here = region.caps[priority].intersects(request.caps);
                if here
                    && region.all.contains(request.caps)
                    && usable(region)
                    && let Some(offset) = region.allocate(request)
                {
                    return Some(BlockPosition { region: index, offset });
                }
            }
        }
        None
    }

    #[cold]
    fn note_instruction_address(&mut self, block: BlockPosition, request: &HeapRequest) {
        let region = &self.regions[block.region];
        let data = region.base + block.offset;
        if region.is_aliased_for(request) {
            self.executable.insert(data, map::xtensa::instruction_address(region.spec, data, request.size));
        }
    }

    /// Frees a live block that is the program's.
    #[inline]
    fn release(&mut self, block: BlockPosition) {
        let region = &mut self.regions[block.region];
        if !self.executable.is_empty() {
            self.executable.remove(&(region.base + block.offset));
        }
        region.tlsf.free(block.offset);
    }

    fn move_contents(&self, old: BlockPosition, new: BlockPosition, bytes: usize) {
        if (old.region, old.offset) != (new.region, new.offset) {
            let (from, to) = (&self.regions[old.region].contents, &self.regions[new.region].contents);
            host_memory::copy((from, old.offset), (to, new.offset), bytes);
        }
    }

    #[inline]
    fn pointer(&self, block: BlockPosition) -> NonNull<u8> {
        self.regions[block.region].contents.pointer(block.offset)
    }

    #[inline]
    fn region_index(&self, pointer: NonNull<u8>) -> Option<usize> {
        let address = pointer.addr().get();
        self.ranges.iter().position(|range| range.contains(&address))
    }

    /// The live block of the program's that starts at `pointer`.
    #[inline]
    fn position(&self, pointer: NonNull<u8>) -> Result<BlockPosition, FreeError> {
        let index = self.region_index(pointer).ok_or(FreeError::OutsideHeap)?;
        let region = &self.regions[index];
        let (offset, rest) = region.contents.offset(pointer.addr().get());
        if rest == 0 && region.tlsf.is_live(offset) && !self.system.contains(&(region.base + offset)) {
            return Ok(BlockPosition { region: index, offset });
        }
        Err(self.wrong_pointer(region, pointer, offset))
    }
}
