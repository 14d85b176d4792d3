//! ESP32-S3: unified internal RAM, a data-only bank that the retention DMA cannot reach, PSRAM, RTC fast RAM.
//!
//! The 16 KiB of instruction-only RAM at `0x4037_4000` are filled by code, so none of it is left to the heap.

use super::{INTERNAL_DMA, MIB, NONE, after_startup, psram, region, rtc};
use crate::caps::Caps;
use crate::region::{Kind, RegionSpec};

const UNIFIED: [Caps; 3] = [INTERNAL_DMA.union(Caps::RETENTION).union(Caps::SIMD), NONE, NONE];
const DATA: [Caps; 3] = [NONE, INTERNAL_DMA.union(Caps::SIMD), NONE];

pub(crate) const REGIONS: &[RegionSpec] = &[
    psram(0x3D00_0000, 16 * MIB, 8 * MIB),
    region("RAM0", Kind::Diram, 0x3FC8_8000, 0x6_1710, 0x4_7CA0, UNIFIED),
    after_startup(region("RAM1", Kind::Diram, 0x3FCE_9710, 0x5724, 0x5724, UNIFIED)),
    region("DRAM", Kind::Dram, 0x3FCF_0000, 0x8000, 0x8000, DATA),
    rtc(0x600F_E000, 0x1FE8),
];
