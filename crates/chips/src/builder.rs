//! Laying out a chip's heap with other sizes than the usual.

use crate::arena::Contents;
use crate::engine::{Tlsf, Unusable};
use crate::heap::{ChipHeap, Region};
use crate::region::{Kind, RegionSpec};
use crate::{BuildError, Chip, Engine};

/// Sizes of a heap to be, from [`ChipHeap::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    chip: Chip,
    changes: Vec<(String, Change)>,
    psram: Option<usize>,
    internal_first: Option<usize>,
    engine: Engine,
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Size(usize),
    Reserve(usize),
}

impl Builder {
    pub(crate) fn new(chip: Chip) -> Self {
        Self { chip, changes: Vec::new(), psram: None, internal_first: None, engine: Engine::default() }
    }

    /// Gives the heap `bytes` of PSRAM; 0 for a board without. Ignored on a chip that cannot have PSRAM when 0.
    pub fn psram(mut self, bytes: usize) -> Self {
        self.psram = Some(bytes);
        self
    }

    /// Gives the heap `bytes` of region `name`: the `len` of the program's own boot log. 0 leaves the region out.
    pub fn size(mut self, name: &str, bytes: usize) -> Self {
        self.changes.push((name.to_owned(), Change::Size(bytes)));
        self
    }

    /// Takes `bytes` of region `name` away from the heap, as more static data would.
    pub fn reserve(mut self, name: &str, bytes: usize) -> Self {
        self.changes.push((name.to_owned(), Change::Reserve(bytes)));
        self
    }

    /// Lets plain `malloc` use PSRAM: requests of up to `bytes` bytes prefer internal RAM, larger ones PSRAM
    /// (`CONFIG_SPIRAM_USE_MALLOC` with `CONFIG_SPIRAM_MALLOC_ALWAYSINTERNAL`). Without this it stays internal.
    pub fn malloc_internal_up_to(mut self, bytes: usize) -> Self {
        self.internal_first = Some(bytes);
        self
    }

    /// Runs `engine` in the regions instead of the chip's own arithmetic.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// Lays the heap out. Costs address space, not memory, of which pages are committed when touched: five bytes per
    /// byte of the chip, with [`Engine::Rlsf`] up to 29.
    ///
    /// # Errors
    ///
    /// A name the chip does not have, a size beyond the region's capacity, a reservation beyond its size, or no host
    /// memory. A region too small for the heap's own structures is left out silently, as on the chip.
    pub fn build(self) -> Result<ChipHeap, BuildError> {
        let chip = self.chip;
        let mut sizes: Vec<(&'static RegionSpec, u32)> = chip.regions().iter().map(|r| (r, r.size)).collect();
        let has_psram = chip.facts().psram.is_some();
        let psram = self.psram.filter(|bytes| has_psram || *bytes != 0);
        let psram = psram.map(|bytes| ("PSRAM".to_owned(), Change::Size(bytes)));
        for (name, change) in psram.into_iter().chain(self.changes) {
            let Some((spec, size)) = sizes.iter_mut().find(|(spec, _)| spec.name == name) else {
                return Err(BuildError::UnknownRegion { chip, name });
            };
            *size = change.apply(chip, spec, *size)?;
        }
        let mut regions = Vec::with_capacity(sizes.len());
        for (spec, size) in sizes {
            regions.extend(lay_out(self.engine, spec, size & !3)?);
        }
        // The chip keeps its heaps sorted by size, the smallest first, so that small ones are used up first.
        regions.sort_by_key(|region: &Region| region.size);
        Ok(ChipHeap::new_from((chip, self.engine), regions, self.internal_first.filter(|_| has_psram)))
    }
}

impl Change {
    fn apply(self, chip: Chip, spec: &RegionSpec, size: u32) -> Result<u32, BuildError> {
        let RegionSpec { name, capacity, .. } = *spec;
        match self {
            Change::Size(bytes) if bytes > capacity as usize => {
                Err(BuildError::TooLarge { chip, name, bytes, capacity })
            }
            Change::Size(bytes) => Ok(bytes as u32),
            Change::Reserve(bytes) if bytes > size as usize => {
                Err(BuildError::OverReserved { chip, name, bytes, size })
            }
            Change::Reserve(bytes) => Ok(size - bytes as u32),
        }
    }
}

fn lay_out(engine: Engine, spec: &'static RegionSpec, size: u32) -> Result<Option<Region>, BuildError> {
    let base = spec.heap_base(size).next_multiple_of(4);
    let no_memory = || BuildError::OutOfMemory { name: spec.name };
    let tlsf = match Tlsf::new(engine, base, size) {
        Ok(tlsf) => tlsf,
        Err(Unusable::TooSmall) => return Ok(None),
        Err(Unusable::NoHostMemory) => return Err(no_memory()),
    };
    let arena = Contents::new(base, size, Contents::CONGRUENT).ok_or_else(no_memory)?;
    // Executable memory that is also data memory is used through its data address, which a word before the
    // instruction address remembers.
    let aliased = matches!(spec.kind, Kind::Diram | Kind::Rtc);
    Ok(Some(Region { spec, base, size, caps: spec.caps, all: spec.all_caps(), aliased, tlsf, arena }))
}
