//! ESP32-S3: unified internal RAM, a data-only bank that the retention DMA cannot reach, PSRAM, RTC fast RAM.
//!
//! The 16 KiB of instruction-only RAM at `0x4037_4000` are filled by code, so none of it is left to the heap.

use super::{INTERNAL_DMA, MIB, NONE, rtc};
use crate::Caps;
use crate::region::{Access, Kind, RegionSpec};

const fn ram(name: &'static str, base: u32, capacity: u32, size: u32) -> RegionSpec {
    let caps = [INTERNAL_DMA.union(Caps::RETENTION).union(Caps::SIMD), NONE, NONE];
    RegionSpec { name, kind: Kind::Diram, base, capacity, size, caps, access: Access::Byte }
}

pub(crate) const REGIONS: &[RegionSpec] = &[
    RegionSpec {
        name: "PSRAM",
        kind: Kind::Psram,
        base: 0x3D00_0000,
        capacity: 16 * MIB,
        size: 8 * MIB,
        caps: [Caps::SPIRAM, NONE, super::COMMON.union(Caps::SIMD)],
        access: Access::Byte,
    },
    ram("RAM0", 0x3FC8_8000, 0x6_1710, 0x4_7CA0),
    ram("RAM1", 0x3FCE_9710, 0x5724, 0x5724),
    RegionSpec {
        name: "DRAM",
        kind: Kind::Dram,
        base: 0x3FCF_0000,
        capacity: 0x8000,
        size: 0x8000,
        caps: [NONE, INTERNAL_DMA.union(Caps::SIMD), NONE],
        access: Access::Byte,
    },
    rtc(0x600F_E000, 0x1FE8),
];
