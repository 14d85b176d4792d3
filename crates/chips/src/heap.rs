//! The heap of a chip: `heap_caps_*` over one TLSF heap per region.

use std::ops::Range;
use std::ptr::NonNull;

use crate::arena::{self, Contents};
use crate::builder::Builder;
use crate::engine::{Blocks, HEADER, Tlsf};
use crate::info::{HeapInfo, RegionInfo};
use crate::region::RegionSpec;
use crate::request::Request;
use crate::{BuildError, Caps, Chip, Engine, FailReason, FreeError, IntegrityError, Refusal};

/// The heap of one chip, with the semantics of ESP-IDF's `heap_caps_*`.
///
/// Sizes are bytes of the chip; pointers are host pointers to at least as many host bytes. A host pointer is aligned
/// to 16, and to whatever power of two up to 64 KiB its chip address is a multiple of. The heap is not synchronised:
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
    engine: Engine,
    facts: crate::Facts,
    regions: Vec<Region>,
    /// Host addresses of `regions`, together, so that finding the owner of a pointer stays in one cache line.
    ranges: Vec<Range<usize>>,
    internal_first: Option<usize>,
}

pub(crate) struct Region {
    pub(crate) spec: &'static RegionSpec,
    pub(crate) base: u32,
    pub(crate) size: u32,
    pub(crate) caps: [Caps; 3],
    pub(crate) all: Caps,
    pub(crate) aliased: bool,
    pub(crate) tlsf: Tlsf,
    pub(crate) arena: Contents,
}

impl Region {
    #[inline]
    fn allocate(&mut self, request: &Request) -> Option<u32> {
        self.tlsf.allocate(request.align, self.bytes(request))
    }

    fn fits(&self, request: &Request) -> bool {
        self.tlsf.fits(request.align, self.bytes(request))
    }

    #[inline]
    fn bytes(&self, request: &Request) -> u32 {
        request.size + if self.aliased && request.caps.contains(Caps::EXEC) { HEADER } else { 0 }
    }
}

/// A live block: its region's index and its offset there.
#[derive(Clone, Copy)]
struct Place {
    region: usize,
    offset: u32,
}

impl ChipHeap {
    /// The heap of `chip` with the sizes of its table. For others see [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`BuildError::OutOfMemory`] when the host refuses the address space.
    pub fn new(chip: Chip) -> Result<Self, BuildError> {
        Self::builder(chip).build()
    }

    /// Starts from the sizes of the chip's table.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// let heap = ChipHeap::builder(Chip::Esp32S3).psram(2 << 20).reserve("RAM0", 40_000).build()?;
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn builder(chip: Chip) -> Builder {
        Builder::new(chip)
    }

    pub(crate) fn new_from(
        (chip, engine): (Chip, Engine),
        regions: Vec<Region>,
        internal_first: Option<usize>,
    ) -> Self {
        let ranges = regions.iter().map(|region| region.arena.range()).collect();
        Self { chip, engine, facts: chip.facts(), regions, ranges, internal_first }
    }

    /// The chip this is the heap of.
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// The engine that runs in its regions.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Allocates `size` bytes that have all of `caps`; `None` if the chip would return `NULL`
    /// ([`why_failed`](Self::why_failed) tells the reason).
    ///
    /// Regions are tried as on the chip: by the priority at which they offer one of `caps`, then smallest first, and
    /// only those that offer all of them. Constant time per region.
    #[inline]
    pub fn malloc(&mut self, size: usize, caps: Caps) -> Option<NonNull<u8>> {
        self.aligned_alloc(1, size, caps)
    }

    /// Allocates as [`malloc`](Self::malloc) at a chip address that is a multiple of `align`, a power of two.
    #[inline]
    pub fn aligned_alloc(&mut self, align: usize, size: usize, caps: Caps) -> Option<NonNull<u8>> {
        let request = Request::new(&self.facts, align, size, caps).ok()?;
        self.allocate(&request).map(|place| self.pointer(place))
    }

    /// Allocates `count * size` zeroed bytes that have all of `caps`; `None` also when the product overflows.
    pub fn calloc(&mut self, count: usize, size: usize, caps: Caps) -> Option<NonNull<u8>> {
        let bytes = count.checked_mul(size)?;
        let request = Request::new(&self.facts, 1, bytes, caps).ok()?;
        let place = self.allocate(&request)?;
        self.regions[place.region].arena.zero(place.offset, bytes);
        Some(self.pointer(place))
    }

    /// Allocates as plain C `malloc` does on the chip: internal memory, or with
    /// [`malloc_internal_up_to`](Builder::malloc_internal_up_to) the preferred one of internal RAM and PSRAM, then
    /// the other.
    pub fn malloc_default(&mut self, size: usize) -> Option<NonNull<u8>> {
        let Some(limit) = self.internal_first else {
            return self.malloc(size, self.default_caps());
        };
        let preferred = if size <= limit { Caps::INTERNAL } else { Caps::SPIRAM };
        self.malloc(size, Caps::DEFAULT | preferred).or_else(|| self.malloc(size, Caps::DEFAULT))
    }

    /// The capabilities that plain `malloc` asks for when it does not use PSRAM.
    #[must_use]
    pub fn default_caps(&self) -> Caps {
        Caps::DEFAULT | Caps::INTERNAL
    }

    /// Resizes a live block, in place if its region has all of `caps` and room after it, otherwise by moving it; with
    /// [`Engine::Rlsf`] it may move into free memory right before it.
    /// `Ok(None)` if the chip would return `NULL`: no memory (the block stays as it is), or `size` is zero (the block
    /// is freed).
    ///
    /// # Errors
    ///
    /// As [`free`](Self::free): `pointer` is not a live block.
    pub fn realloc(
        &mut self,
        pointer: NonNull<u8>,
        size: usize,
        caps: Caps,
    ) -> Result<Option<NonNull<u8>>, FreeError> {
        let old = self.place(pointer)?;
        let region = &mut self.regions[old.region];
        if size == 0 {
            region.tlsf.free(old.offset);
            return Ok(None);
        }
        let Ok(request) = Request::new(&self.facts, 1, size, caps) else { return Ok(None) };
        let aligned = (region.base + old.offset).is_multiple_of(request.align);
        let compatible = aligned && region.all.contains(request.caps);
        let bytes = size.min(region.tlsf.size_of(old.offset) as usize);
        if compatible && let Some(offset) = region.tlsf.resize(old.offset, request.align, request.size) {
            let new = Place { region: old.region, offset };
            self.move_contents(old, new, bytes);
            return Ok(Some(self.pointer(new)));
        }
        // The block's own region is preferred, as its heap tries to move the block before the search starts.
        let here = compatible.then(|| region.allocate(&request)).flatten();
        let here = here.map(|offset| Place { region: old.region, offset });
        let Some(new) = here.or_else(|| self.allocate(&request)) else { return Ok(None) };
        self.move_contents(old, new, bytes);
        self.regions[old.region].tlsf.free(old.offset);
        Ok(Some(self.pointer(new)))
    }

    /// Frees a live block. Constant time; finding out what is wrong with a wrong pointer walks back to the block
    /// before it.
    ///
    /// # Errors
    ///
    /// `pointer` is outside the heap, inside a block, or not allocated (any more). The heap is unchanged.
    #[inline]
    pub fn free(&mut self, pointer: NonNull<u8>) -> Result<(), FreeError> {
        let place = self.place(pointer)?;
        self.regions[place.region].tlsf.free(place.offset);
        Ok(())
    }

    /// Bytes of the live block at `pointer` that the program may use on the chip: at least what was asked for, more by
    /// the heap's rounding. `None` if no live block starts there.
    #[must_use]
    pub fn size_of(&self, pointer: NonNull<u8>) -> Option<usize> {
        let place = self.place(pointer).ok()?;
        Some(self.regions[place.region].tlsf.size_of(place.offset) as usize)
    }

    /// The region that `pointer` points into, whether or not a live block is there.
    #[must_use]
    pub fn region_of(&self, pointer: NonNull<u8>) -> Option<&'static RegionSpec> {
        self.region_index(pointer).map(|region| self.regions[region].spec)
    }

    /// The address on the chip of a live block, or of a byte inside one; `None` elsewhere.
    ///
    /// Constant time for the start of a block. An address inside one is found by walking back to its start.
    #[must_use]
    pub fn chip_address(&self, pointer: NonNull<u8>) -> Option<u32> {
        let region = &self.regions[self.region_index(pointer)?];
        let (offset, rest) = region.arena.offset(pointer.addr().get());
        if rest == 0 && region.tlsf.is_live(offset) {
            return Some(region.base + offset);
        }
        // Host bytes of a block are consecutive like its chip bytes, but the distance between blocks is scaled.
        let block = region.tlsf.owner(offset)?;
        let inside = pointer.addr().get() - region.arena.pointer(block).addr().get();
        (inside < region.tlsf.size_of(block) as usize).then(|| region.base + block + inside as u32)
    }

    /// Totals of the regions that offer all of `caps`; all regions for `Caps::empty()`.
    ///
    /// With [`Engine::Espressif`], `largest_free_block` walks the free list of the highest size class in use, and the
    /// rest is constant time per region. With [`Engine::Rlsf`] all blocks are walked.
    #[must_use]
    pub fn info(&self, caps: Caps) -> HeapInfo {
        self.regions.iter().filter(|region| region.all.contains(caps)).map(|region| region.tlsf.info()).sum()
    }

    /// Every region the heap uses, in the order in which they are tried at equal priority.
    pub fn regions(&self) -> impl Iterator<Item = RegionInfo> {
        self.regions.iter().map(RegionInfo::of)
    }

    /// Why a request fails; `None` if it would be met now. Ask after a failure, before anything is freed.
    #[must_use]
    pub fn why_failed(&self, size: usize, caps: Caps) -> Option<FailReason> {
        let request = match Request::new(&self.facts, 1, size, caps) {
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
    pub fn check_integrity(&self) -> Result<(), IntegrityError> {
        self.regions.iter().try_for_each(|region| {
            region.tlsf.check().map_err(|(offset, what)| IntegrityError {
                region: region.spec.name,
                address: region.base + offset,
                what,
            })
        })
    }

    #[inline]
    fn allocate(&mut self, request: &Request) -> Option<Place> {
        for priority in 0..3 {
            for (index, region) in self.regions.iter_mut().enumerate() {
                let here = region.caps[priority].intersects(request.caps);
                if here
                    && region.all.contains(request.caps)
                    && let Some(offset) = region.allocate(request)
                {
                    return Some(Place { region: index, offset });
                }
            }
        }
        None
    }

    fn move_contents(&self, old: Place, new: Place, bytes: usize) {
        if (old.region, old.offset) != (new.region, new.offset) {
            let (from, to) = (&self.regions[old.region].arena, &self.regions[new.region].arena);
            arena::copy((from, old.offset), (to, new.offset), bytes);
        }
    }

    #[inline]
    fn pointer(&self, place: Place) -> NonNull<u8> {
        self.regions[place.region].arena.pointer(place.offset)
    }

    #[inline]
    fn region_index(&self, pointer: NonNull<u8>) -> Option<usize> {
        let address = pointer.addr().get();
        self.ranges.iter().position(|range| range.contains(&address))
    }

    /// The live block that starts at `pointer`.
    #[inline]
    fn place(&self, pointer: NonNull<u8>) -> Result<Place, FreeError> {
        let index = self.region_index(pointer).ok_or(FreeError::OutsideHeap)?;
        let region = &self.regions[index];
        let (offset, rest) = region.arena.offset(pointer.addr().get());
        if rest == 0 && region.tlsf.is_live(offset) {
            return Ok(Place { region: index, offset });
        }
        Err(self.wrong_pointer(region, pointer, offset))
    }

    #[cold]
    fn wrong_pointer(&self, region: &Region, pointer: NonNull<u8>, offset: u32) -> FreeError {
        let (name, base) = (region.spec.name, region.base);
        match region.tlsf.owner(offset) {
            Some(block) => {
                let address = self.chip_address(pointer).unwrap_or(base + offset);
                FreeError::Interior { region: name, address, block: base + block }
            }
            None => FreeError::NotAllocated { region: name, address: base + offset },
        }
    }
}
