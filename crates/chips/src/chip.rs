//! The chips and the facts about them that allocation depends on.

use std::fmt;
use std::str::FromStr;

use crate::map;
use crate::region::{Kind, RegionSpec};

/// A chip of the target matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)] // the names say it
pub enum Chip {
    Esp8266,
    Esp32,
    Esp32S2,
    Esp32S3,
    Esp32C2,
    Esp32C3,
    Esp32C5,
    Esp32C6,
    Esp32C61,
    Esp32H2,
    Esp32P4,
}

/// External RAM as one chip can use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Psram {
    /// Peripherals reach it by DMA.
    pub dma: bool,
    /// Bytes of a cache line: the unit in which DMA buffers in it must begin and end.
    pub line: u32,
    /// First address at which it can appear on the data bus.
    pub first: u32,
    /// Last address at which it can appear.
    pub last: u32,
}

impl Psram {
    /// The addresses at which it can appear on the data bus (`SOC_EXTRAM_LOW` to `SOC_EXTRAM_HIGH`), which are more
    /// than any board has of it.
    ///
    /// ```
    /// use microusc_chips::Chip;
    /// let psram = Chip::Esp32.facts().psram.unwrap();
    /// assert!(psram.addresses().contains(&0x3F80_0010));
    /// assert!(!psram.addresses().contains(&0x3FFB_0000));
    /// ```
    #[must_use]
    pub const fn addresses(&self) -> std::ops::RangeInclusive<u32> {
        self.first..=self.last
    }
}

/// What differs between the chips, apart from the regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// CPU cores that share the heap.
    pub cores: u8,
    /// Has compare-and-swap (S32C1I or the A extension) on internal RAM.
    pub cas: bool,
    /// External RAM, where the chip can have it.
    pub psram: Option<Psram>,
    /// Bytes to which base and size of an internal DMA buffer are rounded.
    pub dma_align: u32,
    /// Bytes to which memory for vector instructions is aligned; 4 on chips without them.
    pub simd_align: u32,
    /// Bytes to which descriptors of the AXI DMA are aligned; 4 on chips without it.
    pub axi_desc_align: u32,
}

const fn psram(dma: bool, line: u32, first: u32, last: u32) -> Psram {
    Psram { dma, line, first, last }
}

impl Chip {
    /// Every chip, in the order of the table in the crate's documentation.
    pub const ALL: [Chip; 11] = [
        Chip::Esp8266,
        Chip::Esp32,
        Chip::Esp32S2,
        Chip::Esp32S3,
        Chip::Esp32C2,
        Chip::Esp32C3,
        Chip::Esp32C5,
        Chip::Esp32C6,
        Chip::Esp32C61,
        Chip::Esp32H2,
        Chip::Esp32P4,
    ];

    /// The name ESP-IDF uses for the target, such as `esp32s3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Chip::Esp8266 => "esp8266",
            Chip::Esp32 => "esp32",
            Chip::Esp32S2 => "esp32s2",
            Chip::Esp32S3 => "esp32s3",
            Chip::Esp32C2 => "esp32c2",
            Chip::Esp32C3 => "esp32c3",
            Chip::Esp32C5 => "esp32c5",
            Chip::Esp32C6 => "esp32c6",
            Chip::Esp32C61 => "esp32c61",
            Chip::Esp32H2 => "esp32h2",
            Chip::Esp32P4 => "esp32p4",
        }
    }

    /// The facts that allocation depends on.
    #[must_use]
    pub const fn facts(self) -> Facts {
        let plain =
            Facts { cores: 1, cas: true, psram: None, dma_align: 4, simd_align: 4, axi_desc_align: 4 };
        match self {
            Chip::Esp8266 | Chip::Esp32C2 | Chip::Esp32C3 => Facts { cas: false, ..plain },
            Chip::Esp32 => {
                Facts { cores: 2, psram: Some(psram(false, 32, 0x3F80_0000, 0x3FBF_FFFF)), ..plain }
            }
            Chip::Esp32S2 => {
                Facts { cas: false, psram: Some(psram(true, 32, 0x3F50_0000, 0x3FF7_FFFF)), ..plain }
            }
            Chip::Esp32S3 => Facts {
                cores: 2,
                psram: Some(psram(true, 32, 0x3C00_0000, 0x3DFF_FFFF)),
                simd_align: 16,
                ..plain
            },
            Chip::Esp32C5 | Chip::Esp32C61 => {
                Facts { psram: Some(psram(true, 32, 0x4200_0000, 0x43FF_FFFF)), ..plain }
            }
            Chip::Esp32C6 | Chip::Esp32H2 => plain,
            Chip::Esp32P4 => Facts {
                cores: 2,
                cas: true,
                psram: Some(psram(true, 64, 0x4800_0000, 0x4BFF_FFFF)),
                dma_align: 64,
                simd_align: 16,
                axi_desc_align: 8,
            },
        }
    }

    /// The regions of the chip, from the table of its family.
    #[must_use]
    pub const fn regions(self) -> &'static [RegionSpec] {
        match self {
            Chip::Esp8266 => map::esp8266::REGIONS,
            Chip::Esp32 => map::esp32::REGIONS,
            Chip::Esp32S2 => map::esp32s2::REGIONS,
            Chip::Esp32S3 => map::esp32s3::REGIONS,
            Chip::Esp32C2 => map::riscv::C2,
            Chip::Esp32C3 => map::riscv::C3,
            Chip::Esp32C5 => map::riscv::C5,
            Chip::Esp32C6 => map::riscv::C6,
            Chip::Esp32C61 => map::riscv::C61,
            Chip::Esp32H2 => map::riscv::H2,
            Chip::Esp32P4 => map::esp32p4::REGIONS,
        }
    }

    /// Whether the chip can have memory of that kind: `Psram`, word-only `Iram`, `Rtc` that the heap or a program's
    /// sections may use, and so on. Whether a heap has it depends on its sizes.
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        self.regions().iter().any(|region| region.kind == kind)
    }

    /// The region called `name`, if the chip has it.
    #[must_use]
    pub fn region(self, name: &str) -> Option<&'static RegionSpec> {
        self.regions().iter().find(|region| region.name == name)
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that is no chip's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a known chip: use one of {list}", list = Chip::ALL.map(Chip::name).join(", "))]
pub struct UnknownChip(pub String);

impl FromStr for Chip {
    type Err = UnknownChip;

    /// Reads a name in any case, with or without a hyphen: `esp32s3`, `ESP32-S3`.
    fn from_str(text: &str) -> Result<Self, UnknownChip> {
        let plain = text.replace('-', "").to_ascii_lowercase();
        Chip::ALL.into_iter().find(|chip| chip.name() == plain).ok_or_else(|| UnknownChip(text.to_owned()))
    }
}
