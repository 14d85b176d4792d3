//! The chips with an Xtensa processor: ESP8266, ESP32, ESP32-S2 and ESP32-S3.

use super::{INTERNAL_DMA, MIB, NONE, after_startup, psram, ram, region, rtc};
use crate::caps::Caps;
use crate::region::{Kind, RegionSpec};

/// Data RAM and the tail of the instruction RAM, as ESP8266_RTOS_SDK lays them out.
///
/// The SDK's own region list gives DRAM `8BIT|32BIT|DMA` and IRAM `32BIT`; `INTERNAL` and `DEFAULT` are added here,
/// because all of its memory is internal and `malloc` returns DRAM. The sizes are estimates for a small program with
/// Wi-Fi linked in: the SDK prints none.
pub(crate) const ESP8266: &[RegionSpec] = &[
    region("DRAM", Kind::Dram, 0x3FFE_8000, 0x1_8000, 0x1_4000, [INTERNAL_DMA, NONE, NONE]),
    region("IRAM", Kind::Iram, 0x4010_0000, 0xC000, 0x4000, IRAM),
];

/// Data RAM, RAM shared by both buses, instruction RAM that takes only words, PSRAM, RTC fast RAM.
///
/// The two small regions are what the ROM leaves over. The RTC fast RAM belongs to one core, so ESP-IDF gives it to
/// the heap in single-core builds only: its size is zero here unless it is given.
pub(crate) const ESP32: &[RegionSpec] = &[
    psram(0x3F80_0000, 4 * MIB, 4 * MIB),
    region("DRAM0", Kind::Dram, 0x3FFA_E6E0, 0x1920, 0x1920, DRAM),
    region("DRAM1", Kind::Dram, 0x3FFB_0000, 0x3_0000, 0x2_CD90, DRAM),
    diram("DIRAM0", 0x3FFE_0440, 0x3AE0),
    diram("DIRAM1", 0x3FFE_4350, 0x1_BCB0),
    region("IRAM", Kind::Iram, 0x4008_0000, 0x2_0000, 0x1_0F88, IRAM),
    region("RTCRAM", Kind::Rtc, 0x3FF8_0000, 0x2000, 0, RTC),
];

/// Unified internal RAM (instruction and data bus, no execution while memory protection is on), PSRAM, RTC fast RAM.
pub(crate) const ESP32S2: &[RegionSpec] = &[
    psram(0x3F50_0000, 0xA8_0000, 2 * MIB),
    ram("RAM0", 0x3FFB_4000, 0x4_8000, 0x3_A620),
    after_startup(ram("RAM1", 0x3FFF_C000, 0x3A10, 0x3A10)),
    rtc(0x3FF9_E000, 0x1FE8),
];

/// Unified internal RAM, a data-only bank that the retention DMA cannot reach, PSRAM, RTC fast RAM.
///
/// The 16 KiB of instruction-only RAM at `0x4037_4000` are filled by code, so none of it is left to the heap.
pub(crate) const ESP32S3: &[RegionSpec] = &[
    psram(0x3D00_0000, 16 * MIB, 8 * MIB),
    region("RAM0", Kind::Diram, 0x3FC8_8000, 0x6_1710, 0x4_7CA0, UNIFIED),
    after_startup(region("RAM1", Kind::Diram, 0x3FCE_9710, 0x5724, 0x5724, UNIFIED)),
    region("DRAM", Kind::Dram, 0x3FCF_0000, 0x8000, 0x8000, DATA_BANK),
    rtc(0x600F_E000, 0x1FE8),
];

/// The address on the instruction bus of `size` bytes of executable memory of the ESP32, of which `data` is the data
/// address.
///
/// The shared RAM has its words in reverse order there, and the word in front of the block holds the data address.
pub(crate) fn instruction_address(region: &RegionSpec, data: u32, size: u32) -> u32 {
    match region.kind {
        Kind::Rtc => 0x400C_0000 + (data - 0x3FF8_0000) + 4,
        _ => 0x400A_0000 + (0x4000_0000 - data - size),
    }
}

const IRAM: [Caps; 3] = [Caps::INTERNAL.union(Caps::EXEC).union(Caps::B32), NONE, NONE];
const DRAM: [Caps; 3] =
    [Caps::B8.union(Caps::DEFAULT), Caps::INTERNAL.union(Caps::DMA).union(Caps::B32), NONE];
const DIRAM: [Caps; 3] =
    [NONE, Caps::DMA.union(Caps::B8).union(Caps::INTERNAL).union(Caps::DEFAULT), Caps::B32.union(Caps::EXEC)];
const RTC: [Caps; 3] =
    [Caps::RTCRAM, Caps::B8.union(Caps::DEFAULT), Caps::INTERNAL.union(Caps::B32).union(Caps::EXEC)];
/// RAM of the ESP32-S3 on both buses, and its bank on the data bus alone.
const UNIFIED: [Caps; 3] = [INTERNAL_DMA.union(Caps::RETENTION).union(Caps::SIMD), NONE, NONE];
const DATA_BANK: [Caps; 3] = [NONE, INTERNAL_DMA.union(Caps::SIMD), NONE];

const fn diram(name: &'static str, base: u32, size: u32) -> RegionSpec {
    after_startup(region(name, Kind::Diram, base, size, size, DIRAM))
}
