//! Laying out a chip's heap, and what ESP-IDF does with it before the program's first allocation.

use crate::caps::Caps;
use crate::chip::Chip;
use crate::engine::{Engine, NoHeap, Tlsf};
use crate::error::BuildError;
use crate::heap::{ChipHeap, RegionHeap};
use crate::host_memory::Contents;
use crate::idf::Idf;
use crate::region::{Kind, RegionSpec};
use crate::request::HeapRequest;

/// Bytes in which ESP-IDF registers one heap: capabilities, bounds, lock, handle, link.
const REGISTRATION: usize = 36;
/// Memory that ESP-IDF's own registrations are in.
const SYSTEM: Caps = Caps::INTERNAL.union(Caps::B8);
/// Regions of so few bytes are not registered at all.
const LEAST: u32 = 16;
/// `CONFIG_SPIRAM_MALLOC_RESERVE_INTERNAL`, unless it is changed.
const RESERVE: usize = 32 * 1024;

/// The configuration of a heap, from [`ChipHeap::builder`].
///
/// Each method replaces an earlier call of itself, except [`size`](Self::size) and
/// [`reserve`](Self::reserve), which apply one after the other.
///
/// ```
/// use microusc_chips::{Chip, ChipHeap, Idf};
/// let board = ChipHeap::builder(Chip::Esp32S3).idf(Idf::V5_4).psram(2 << 20).reserve("RAM0", 40_000);
/// assert_eq!(board.build()?.idf(), Idf::V5_4);
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    chip: Chip,
    idf: Idf,
    changes: Vec<(String, SizeChange)>,
    psram: Option<usize>,
    internal_first: Option<usize>,
    reserve_internal: usize,
    engine: Engine,
}

#[derive(Debug, Clone, Copy)]
enum SizeChange {
    Size(usize),
    Reserve(usize),
}

impl ChipHeap {
    /// The heap of `chip` with the sizes of its table, the newest ESP-IDF and its own block arithmetic. For anything
    /// else see [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`BuildError::OutOfMemory`] when the host refuses the address space.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// assert_eq!(ChipHeap::new(Chip::Esp32C3)?.chip(), Chip::Esp32C3);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
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
        Builder {
            chip,
            idf: Idf::default(),
            changes: Vec::new(),
            psram: None,
            internal_first: None,
            reserve_internal: RESERVE,
            engine: Engine::default(),
        }
    }
}

impl Builder {
    /// The chip to lay out.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// assert_eq!(ChipHeap::builder(Chip::Esp32H2).chip(), Chip::Esp32H2);
    /// ```
    #[must_use]
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// The regions that can be given a size, in the order of ESP-IDF's memory map: those of the chip and the version.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// let names: Vec<_> = ChipHeap::builder(Chip::Esp32C2).regions().iter().map(|region| region.name).collect();
    /// assert_eq!(names, ["RAM0", "RAM1"]);
    /// ```
    #[must_use]
    pub fn regions(&self) -> &'static [RegionSpec] {
        self.chip.regions_in(self.idf)
    }

    /// Lays the heap out as version `idf` does. The ESP8266, which ESP-IDF does not support, is the same in all.
    pub fn idf(mut self, idf: Idf) -> Self {
        self.idf = idf;
        self
    }

    /// Gives the heap `bytes` of PSRAM; 0 for a board without. Ignored on a chip that cannot have PSRAM when 0.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip, ChipHeap};
    /// let mut without = ChipHeap::builder(Chip::Esp32S3).psram(0).build()?;
    /// assert_eq!(without.malloc(100, Caps::SPIRAM), None);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn psram(mut self, bytes: usize) -> Self {
        self.psram = Some(bytes);
        self
    }

    /// Gives the heap `bytes` of region `name`: the `len` of the program's own boot log. 0 leaves the region out.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// // heap_init: At 3FC9A2F0 len 00025D10 (151 KiB): RAM
    /// let heap = ChipHeap::builder(Chip::Esp32C3).size("RAM", 0x25D10).build()?;
    /// assert!(heap.regions().any(|region| region.base == 0x3FC9_A2F0));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn size(mut self, name: &str, bytes: usize) -> Self {
        self.changes.push((name.to_owned(), SizeChange::Size(bytes)));
        self
    }

    /// Takes `bytes` of region `name` away from the heap, as more static data would.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// let heap = ChipHeap::builder(Chip::Esp32C3).reserve("RAM", 100_000).build()?;
    /// assert!(heap.regions().any(|region| region.size == 0x3_0040 - 100_000));
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn reserve(mut self, name: &str, bytes: usize) -> Self {
        self.changes.push((name.to_owned(), SizeChange::Reserve(bytes)));
        self
    }

    /// Lets plain `malloc` use PSRAM: requests of up to `bytes` bytes prefer internal RAM, larger ones PSRAM
    /// (`CONFIG_SPIRAM_USE_MALLOC` with `CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL`, 16384 by default). Without this it
    /// stays internal. Without PSRAM it has no effect.
    ///
    /// With it comes a [reserve of internal memory](Self::malloc_reserve_internal).
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap, Kind};
    /// let mut heap = ChipHeap::builder(Chip::Esp32).malloc_internal_up_to(1000).build()?;
    /// let large = heap.malloc_default(1001).unwrap();
    /// assert_eq!(heap.region_of(large).unwrap().kind, Kind::Psram);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn malloc_internal_up_to(mut self, bytes: usize) -> Self {
        self.internal_first = Some(bytes);
        self
    }

    /// Sets `bytes` of internal memory aside for requests with `DMA` or `INTERNAL` where plain `malloc` may use PSRAM
    /// (`CONFIG_SPIRAM_MALLOC_RESERVE_INTERNAL`, 32768 by default; 0 for none).
    ///
    /// Other requests get memory of the reserve only when all other internal memory is full; in version 5.4 those with
    /// `DEFAULT` never do. The reserve is one region more in [`ChipHeap::regions`], or several if no free block is
    /// large enough. Without [`malloc_internal_up_to`](Self::malloc_internal_up_to) this has no effect.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap};
    /// let board = || ChipHeap::builder(Chip::Esp32).malloc_internal_up_to(16_384);
    /// let reserved = board().build()?.regions().count();
    /// let without = board().malloc_reserve_internal(0).build()?.regions().count();
    /// assert_eq!(reserved, without + 1);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn malloc_reserve_internal(mut self, bytes: usize) -> Self {
        self.reserve_internal = bytes;
        self
    }

    /// Runs `engine` in the regions instead of the chip's own arithmetic.
    ///
    /// ```
    /// use microusc_chips::{Chip, ChipHeap, Engine};
    /// assert_eq!(ChipHeap::builder(Chip::Esp32C6).engine(Engine::Rom).build()?.engine(), Engine::Rom);
    /// # Ok::<(), microusc_chips::BuildError>(())
    /// ```
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Lays the heap out. Costs address space, not memory, of which pages are committed when touched: five bytes per
    /// byte of the chip, with [`Engine::Rlsf`] up to 29.
    ///
    /// # Errors
    ///
    /// A name the chip does not have, a size beyond the region's capacity, a reservation beyond its size, no room for
    /// what ESP-IDF itself allocates before the program starts, [`Engine::Rom`] on a chip without a heap in ROM, or no
    /// host memory. A region too small for the heap's
    /// own structures is left out silently, as on the chip.
    ///
    /// ```
    /// use microusc_chips::{BuildError, Chip, ChipHeap};
    /// let too_large = ChipHeap::builder(Chip::Esp32C3).size("RAM", 1 << 20).build();
    /// assert!(matches!(too_large, Err(BuildError::TooLarge { .. })));
    /// ```
    pub fn build(self) -> Result<ChipHeap, BuildError> {
        let sizes = self.sizes()?;
        if !self.engine.runs_on(self.chip) {
            return Err(BuildError::NoRomHeap { chip: self.chip });
        }
        let of = (self.chip, self.engine);
        let mut heap = ChipHeap::empty(self.chip, self.idf, self.engine);
        let (psram, internal): (Vec<_>, Vec<_>) =
            sizes.into_iter().partition(|(spec, _)| spec.kind == Kind::Psram);
        for (spec, size) in &internal {
            if let Some(region) = lay_out(of, spec, spec.heap_base(*size), *size, spec.caps)? {
                heap.push(region);
            }
        }
        // The SDK of the ESP8266 keeps its list of heaps in static memory, and searches in order of size, too.
        if self.chip != Chip::Esp8266 {
            let registered = internal.iter().filter(|(_, size)| *size > LEAST).count();
            register_all(&mut heap, registered)?;
        }
        if self.idf != Idf::V5_4 || self.chip == Chip::Esp8266 {
            heap.sort_by_size();
        }
        for (spec, size) in psram {
            let Some(region) = lay_out(of, spec, spec.heap_base(size), size, spec.caps)? else {
                continue;
            };
            register(&mut heap, |region| !region.spec.startup_stack)?;
            heap.push_front(region);
            if let Some(limit) = self.internal_first {
                heap.allow_psram_above(limit);
                reserve_internal(&mut heap, self.reserve_internal)?;
            }
        }
        Ok(heap)
    }

    /// Each region of the chip with the bytes that the heap gets of it, whole words.
    fn sizes(&self) -> Result<Vec<(&'static RegionSpec, u32)>, BuildError> {
        let chip = self.chip;
        let mut sizes: Vec<(&'static RegionSpec, u32)> = self.regions().iter().map(|r| (r, r.size)).collect();
        let has_psram = chip.facts().psram.is_some();
        let psram = self.psram.filter(|bytes| has_psram || *bytes != 0);
        let psram = psram.map(|bytes| ("PSRAM".to_owned(), SizeChange::Size(bytes)));
        for (name, change) in psram.iter().chain(&self.changes) {
            let Some((spec, size)) = sizes.iter_mut().find(|(spec, _)| spec.name == name) else {
                return Err(BuildError::UnknownRegion { chip, name: name.clone() });
            };
            *size = change.apply(chip, spec, *size)?;
        }
        for (_, size) in &mut sizes {
            *size &= !3;
        }
        Ok(sizes)
    }
}

impl SizeChange {
    fn apply(self, chip: Chip, spec: &RegionSpec, size: u32) -> Result<u32, BuildError> {
        let RegionSpec { name, capacity, .. } = *spec;
        match self {
            SizeChange::Size(bytes) if bytes > capacity as usize => {
                Err(BuildError::TooLarge { chip, name, bytes, capacity })
            }
            SizeChange::Size(bytes) => Ok(bytes as u32),
            SizeChange::Reserve(bytes) if bytes > size as usize => {
                Err(BuildError::OverReserved { chip, name, bytes, size })
            }
            SizeChange::Reserve(bytes) => Ok(size - bytes as u32),
        }
    }
}

/// The heap in `size` bytes at chip address `base`, inside of `spec`; `None` if its structures do not fit.
fn lay_out(
    (chip, engine): (Chip, Engine),
    spec: &'static RegionSpec,
    base: u32,
    size: u32,
    caps: [Caps; 3],
) -> Result<Option<RegionHeap>, BuildError> {
    let base = base.next_multiple_of(4);
    let no_memory = || BuildError::OutOfMemory { name: spec.name };
    let tlsf = match Tlsf::new(engine, chip.facts().rom_heap, base, size) {
        Ok(tlsf) => tlsf,
        Err(NoHeap::TooSmall) => return Ok(None),
        Err(NoHeap::NoHostMemory) => return Err(no_memory()),
    };
    let contents = Contents::new(base, size, Contents::CONGRUENT).ok_or_else(no_memory)?;
    Ok(Some(RegionHeap::new(spec, base, size, caps, tlsf, contents)))
}

/// Allocates the list of the `count` heaps that there are before PSRAM is added: in the first region of the memory
/// map that holds data and may be used so early.
fn register_all(heap: &mut ChipHeap, count: usize) -> Result<(), BuildError> {
    let bytes = REGISTRATION * count;
    let request = system_request(heap, bytes, SYSTEM)?;
    let early = |region: &RegionHeap| !region.spec.startup_stack;
    heap.allocate_for_system(&request, early, true).map(drop).ok_or(BuildError::NoSystemMemory {
        chip: heap.chip(),
        bytes,
        what: "its list of heaps",
    })
}

/// Allocates the entry of one heap more, by the usual search among the regions that are `usable`.
fn register(heap: &mut ChipHeap, usable: impl Fn(&RegionHeap) -> bool) -> Result<(), BuildError> {
    let request = system_request(heap, REGISTRATION, SYSTEM)?;
    heap.allocate_for_system(&request, usable, false).map(drop).ok_or(BuildError::NoSystemMemory {
        chip: heap.chip(),
        bytes: REGISTRATION,
        what: "the entry of one more heap",
    })
}

/// Sets `bytes` aside for DMA, in as few pieces as there is room for: each is a heap in a block of another one.
fn reserve_internal(heap: &mut ChipHeap, bytes: usize) -> Result<(), BuildError> {
    let (chip, of) = (heap.chip(), (heap.chip(), heap.engine()));
    let no_room = || BuildError::NoSystemMemory { chip, bytes, what: "the reserve for DMA" };
    let wanted = Caps::DMA | Caps::INTERNAL;
    let malloc = if heap.idf() == Idf::V5_4 { Caps::empty() } else { Caps::DEFAULT };
    let caps = [Caps::empty(), wanted, malloc | Caps::B8 | Caps::B32];
    let mut left = bytes;
    while left > 0 {
        let piece = heap.info(wanted).largest_free_block.min(left);
        let request = system_request(heap, piece, wanted).map_err(|_| no_room())?;
        let (spec, base) = heap.allocate_for_system(&request, |_| true, false).ok_or_else(no_room)?;
        register(heap, |_| true)?;
        // The end that ESP-IDF passes is the last byte, so the heap is a byte shorter than its block.
        let region = lay_out(of, spec, base, piece as u32 - 1, caps)?.ok_or_else(no_room)?;
        heap.push_front(region);
        left -= piece;
    }
    Ok(())
}

fn system_request(heap: &ChipHeap, bytes: usize, caps: Caps) -> Result<HeapRequest, BuildError> {
    HeapRequest::new(&heap.chip().facts(), 1, bytes, caps).map_err(|_| BuildError::NoSystemMemory {
        chip: heap.chip(),
        bytes,
        what: "its own heaps",
    })
}
