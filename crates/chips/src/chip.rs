//! The chips and the facts about them that allocation depends on.

use std::fmt;
use std::str::FromStr;

use crate::idf::Idf;
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
    /// Bytes to which the heap rounds base and size of a cache-aligned block in it: the line, except on the ESP32,
    /// where ESP-IDF leaves that to the program.
    pub heap_align: u32,
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

/// The TLSF in the ROM of a chip. ESP-IDF uses it there unless `CONFIG_HEAP_TLSF_USE_ROM_IMPL` is `n`.
///
/// What is known of it is public: ESP-IDF declares its functions, and the sources that it was made of are dated. They
/// are older than the change of 2024 by which blocks are cut to their size class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RomHeap {
    /// Made of the sources before October 2022: 32 classes per power of two in every region, up to two to the power
    /// `log2` bytes.
    Fixed {
        /// The binary logarithm of the bytes that no block reaches.
        log2: u32,
    },
    /// Made of the sources since: classes by the region's size.
    BySize,
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
    /// The heap in ROM, which is ESP-IDF's default where there is one.
    pub rom_heap: Option<RomHeap>,
}

/// External RAM between two addresses that DMA reaches in whole cache lines of `line` bytes.
const fn by_line(line: u32, first: u32, last: u32) -> Psram {
    Psram { dma: true, line, heap_align: line, first, last }
}

/// That of the ESP32, which DMA does not reach.
const ESP32_PSRAM: Psram =
    Psram { dma: false, line: 32, heap_align: 4, first: 0x3F80_0000, last: 0x3FBF_FFFF };

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

    /// The name ESP-IDF uses for the target.
    ///
    /// ```
    /// assert_eq!(microusc_chips::Chip::Esp32S3.name(), "esp32s3");
    /// ```
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

    /// The facts that allocation depends on. Constant time.
    ///
    /// ```
    /// use microusc_chips::Chip;
    /// assert_eq!(Chip::Esp32P4.facts().dma_align, 64);
    /// assert!(!Chip::Esp32.facts().psram.unwrap().dma);
    /// ```
    #[must_use]
    pub const fn facts(self) -> Facts {
        let plain = Facts {
            cores: 1,
            cas: true,
            psram: None,
            dma_align: 4,
            simd_align: 4,
            axi_desc_align: 4,
            rom_heap: None,
        };
        // The powers are those of ESP-IDF at the time, for the RAM of the chip.
        const fn fixed(log2: u32) -> Option<RomHeap> {
            Some(RomHeap::Fixed { log2 })
        }
        match self {
            Chip::Esp8266 | Chip::Esp32C3 => Facts { cas: false, ..plain },
            Chip::Esp32C2 => Facts { cas: false, rom_heap: fixed(18), ..plain },
            Chip::Esp32 => Facts { cores: 2, psram: Some(ESP32_PSRAM), ..plain },
            Chip::Esp32S2 => {
                Facts { cas: false, psram: Some(by_line(32, 0x3F50_0000, 0x3FF7_FFFF)), ..plain }
            }
            Chip::Esp32S3 => Facts {
                cores: 2,
                psram: Some(by_line(32, 0x3C00_0000, 0x3DFF_FFFF)),
                simd_align: 16,
                ..plain
            },
            Chip::Esp32C5 | Chip::Esp32C61 => Facts {
                psram: Some(by_line(32, 0x4200_0000, 0x43FF_FFFF)),
                rom_heap: Some(RomHeap::BySize),
                ..plain
            },
            Chip::Esp32C6 | Chip::Esp32H2 => Facts { rom_heap: fixed(19), ..plain },
            Chip::Esp32P4 => Facts {
                cores: 2,
                psram: Some(by_line(64, 0x4800_0000, 0x4BFF_FFFF)),
                dma_align: 64,
                simd_align: 16,
                axi_desc_align: 8,
                ..plain
            },
        }
    }

    /// The regions of the chip with the newest ESP-IDF, in the order of ESP-IDF's memory map.
    ///
    /// ```
    /// assert_eq!(microusc_chips::Chip::Esp32C2.regions()[0].name, "RAM0");
    /// ```
    #[must_use]
    pub const fn regions(self) -> &'static [RegionSpec] {
        self.regions_in(Idf::V5_5)
    }

    /// The regions of the chip with version `idf`, in the order of ESP-IDF's memory map.
    ///
    /// Constant time. Names are the same in every version; bounds may differ.
    ///
    /// ```
    /// use microusc_chips::{Chip, Idf};
    /// let ram1 = |idf| Chip::Esp32C5.regions_in(idf).iter().find(|region| region.name == "RAM1").unwrap();
    /// assert_eq!(ram1(Idf::V5_4).base - ram1(Idf::V5_5).base, 0x400);
    /// ```
    #[must_use]
    pub const fn regions_in(self, idf: Idf) -> &'static [RegionSpec] {
        match self {
            Chip::Esp32C5 if matches!(idf, Idf::V5_4) => map::riscv::C5_V5_4,
            Chip::Esp32C61 if matches!(idf, Idf::V5_4) => map::riscv::C61_V5_4,
            Chip::Esp8266 => map::xtensa::ESP8266,
            Chip::Esp32 => map::xtensa::ESP32,
            Chip::Esp32S2 => map::xtensa::ESP32S2,
            Chip::Esp32S3 => map::xtensa::ESP32S3,
            Chip::Esp32C2 => map::riscv::C2,
            Chip::Esp32C3 => map::riscv::C3,
            Chip::Esp32C5 => map::riscv::C5,
            Chip::Esp32C6 => map::riscv::C6,
            Chip::Esp32C61 => map::riscv::C61,
            Chip::Esp32H2 => map::riscv::H2,
            Chip::Esp32P4 => map::riscv::P4,
        }
    }

    /// Whether the chip can have memory of that kind: `Psram`, word-only `Iram`, `Rtc` that the heap or a program's
    /// sections may use, and so on. Whether a heap has it depends on its sizes.
    ///
    /// ```
    /// use microusc_chips::{Chip, Kind};
    /// assert!(Chip::Esp32.has(Kind::Iram) && !Chip::Esp32S3.has(Kind::Iram));
    /// ```
    #[must_use]
    pub fn has(self, kind: Kind) -> bool {
        self.regions().iter().any(|region| region.kind == kind)
    }

    /// The region called `name`, if the chip has it.
    ///
    /// ```
    /// let tcm = microusc_chips::Chip::Esp32P4.region("TCM").unwrap();
    /// assert_eq!((tcm.base, tcm.capacity), (0x3010_0000, 8192));
    /// ```
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

/// The name of no known chip. The message lists the chips.
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
