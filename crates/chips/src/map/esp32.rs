//! ESP32: data RAM, RAM shared by both buses, instruction RAM that takes only words, PSRAM, RTC fast RAM.
//!
//! The two small regions are what the ROM leaves over. The RTC fast RAM belongs to one core, so ESP-IDF gives it to
//! the heap in single-core builds only: its size is zero here until asked for.

use super::{MIB, NONE};
use crate::Caps;
use crate::region::{Access, Kind, RegionSpec};

const DRAM: [Caps; 3] =
    [Caps::B8.union(Caps::DEFAULT), Caps::INTERNAL.union(Caps::DMA).union(Caps::B32), NONE];
const DIRAM: [Caps; 3] =
    [NONE, Caps::DMA.union(Caps::B8).union(Caps::INTERNAL).union(Caps::DEFAULT), Caps::B32.union(Caps::EXEC)];

const fn dram(name: &'static str, base: u32, capacity: u32, size: u32) -> RegionSpec {
    RegionSpec { name, kind: Kind::Dram, base, capacity, size, caps: DRAM, access: Access::Byte }
}

const fn diram(name: &'static str, base: u32, size: u32) -> RegionSpec {
    RegionSpec { name, kind: Kind::Diram, base, capacity: size, size, caps: DIRAM, access: Access::Byte }
}

pub(crate) const REGIONS: &[RegionSpec] = &[
    RegionSpec {
        name: "PSRAM",
        kind: Kind::Psram,
        base: 0x3F80_0000,
        capacity: 4 * MIB,
        size: 4 * MIB,
        caps: [Caps::SPIRAM.union(Caps::DEFAULT), NONE, Caps::B8.union(Caps::B32)],
        access: Access::Byte,
    },
    RegionSpec {
        name: "RTCRAM",
        kind: Kind::Rtc,
        base: 0x3FF8_0000,
        capacity: 0x2000,
        size: 0,
        caps: [
            Caps::RTCRAM,
            Caps::B8.union(Caps::DEFAULT),
            Caps::INTERNAL.union(Caps::B32).union(Caps::EXEC),
        ],
        access: Access::Byte,
    },
    dram("DRAM0", 0x3FFA_E6E0, 0x1920, 0x1920),
    dram("DRAM1", 0x3FFB_0000, 0x3_0000, 0x2_CD90),
    diram("DIRAM0", 0x3FFE_0440, 0x3AE0),
    diram("DIRAM1", 0x3FFE_4350, 0x1_BCB0),
    RegionSpec {
        name: "IRAM",
        kind: Kind::Iram,
        base: 0x4008_0000,
        capacity: 0x2_0000,
        size: 0x1_0F88,
        caps: [Caps::INTERNAL.union(Caps::EXEC).union(Caps::B32), NONE, NONE],
        access: Access::WordOnly,
    },
];
