//! ESP32: data RAM, RAM shared by both buses, instruction RAM that takes only words, PSRAM, RTC fast RAM.
//!
//! The two small regions are what the ROM leaves over. The RTC fast RAM belongs to one core, so ESP-IDF gives it to
//! the heap in single-core builds only: its size is zero here until asked for.

use super::{MIB, NONE, after_startup, psram, region};
use crate::caps::Caps;
use crate::region::{Kind, RegionSpec};

const DRAM: [Caps; 3] =
    [Caps::B8.union(Caps::DEFAULT), Caps::INTERNAL.union(Caps::DMA).union(Caps::B32), NONE];
const DIRAM: [Caps; 3] =
    [NONE, Caps::DMA.union(Caps::B8).union(Caps::INTERNAL).union(Caps::DEFAULT), Caps::B32.union(Caps::EXEC)];
const IRAM: [Caps; 3] = [Caps::INTERNAL.union(Caps::EXEC).union(Caps::B32), NONE, NONE];
const RTC: [Caps; 3] =
    [Caps::RTCRAM, Caps::B8.union(Caps::DEFAULT), Caps::INTERNAL.union(Caps::B32).union(Caps::EXEC)];

const fn diram(name: &'static str, base: u32, size: u32) -> RegionSpec {
    after_startup(region(name, Kind::Diram, base, size, size, DIRAM))
}

pub(crate) const REGIONS: &[RegionSpec] = &[
    psram(0x3F80_0000, 4 * MIB, 4 * MIB),
    region("DRAM0", Kind::Dram, 0x3FFA_E6E0, 0x1920, 0x1920, DRAM),
    region("DRAM1", Kind::Dram, 0x3FFB_0000, 0x3_0000, 0x2_CD90, DRAM),
    diram("DIRAM0", 0x3FFE_0440, 0x3AE0),
    diram("DIRAM1", 0x3FFE_4350, 0x1_BCB0),
    region("IRAM", Kind::Iram, 0x4008_0000, 0x2_0000, 0x1_0F88, IRAM),
    region("RTCRAM", Kind::Rtc, 0x3FF8_0000, 0x2000, 0, RTC),
];

/// The address on the instruction bus of `size` bytes of executable memory, of which `data` is the data address.
///
/// The shared RAM has its words in reverse order there, and the word in front of the block holds the data address.
pub(crate) fn instruction_address(region: &RegionSpec, data: u32, size: u32) -> u32 {
    match region.kind {
        Kind::Rtc => 0x400C_0000 + (data - 0x3FF8_0000) + 4,
        _ => 0x400A_0000 + (0x4000_0000 - data - size),
    }
}
