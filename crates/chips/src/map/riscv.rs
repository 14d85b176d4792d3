//! The chips with a RISC-V processor.
//!
//! Those with one core have one unified RAM whose last part the ROM uses until the scheduler starts, RTC (low-power)
//! RAM except on C2 and C61, and PSRAM on C5 and C61.

use super::{INTERNAL, INTERNAL_DMA, MIB, NONE, after_startup, psram, ram, region, rtc};
use crate::caps::Caps;
use crate::region::{Kind, RegionSpec};

/// RAM of the C3 that light sleep can save; ordinary requests take it after the rest.
const fn retention(name: &'static str, base: u32, size: u32) -> RegionSpec {
    region(name, Kind::Diram, base, size, size, [Caps::RETENTION, INTERNAL_DMA, NONE])
}

/// Low-power RAM of the later chips: used by ordinary requests when the rest is full.
const fn low_power(size: u32) -> RegionSpec {
    region("RTCRAM", Kind::Rtc, 0x5000_0000, size, size, [Caps::RTCRAM, INTERNAL, NONE])
}

/// What the ROM leaves between its stack and its data.
const fn rom_stack(base: u32, size: u32) -> RegionSpec {
    after_startup(ram("RAM1", base, size, size))
}

pub(crate) const C2: &[RegionSpec] =
    &[ram("RAM0", 0x3FCA_0000, 0x3_CB70, 0x3_0900), rom_stack(0x3FCD_CB70, 0x294C)];

pub(crate) const C3: &[RegionSpec] = &[
    ram("RAM", 0x3FC8_0000, 0x4_0000, 0x3_0040),
    retention("RETENTION0", 0x3FCC_0000, 0x1_C710),
    after_startup(retention("RETENTION1", 0x3FCD_C710, 0x2950)),
    rtc(0x5000_0010, 0x1FD8),
];

pub(crate) const C5: &[RegionSpec] = &[
    psram(0x4300_0000, 16 * MIB, 8 * MIB),
    ram("RAM0", 0x4080_0000, 0x5_C5A0, 0x3_C320),
    rom_stack(0x4085_C5A0, 0x2F58),
    low_power(0x3FE8),
];

/// In 5.4 the stack of the ROM was taken to be 1 KiB higher.
pub(crate) const C5_V5_4: &[RegionSpec] = &[
    psram(0x4300_0000, 16 * MIB, 8 * MIB),
    ram("RAM0", 0x4080_0000, 0x5_C9A0, 0x3_C720),
    rom_stack(0x4085_C9A0, 0x2B58),
    low_power(0x3FE8),
];

pub(crate) const C6: &[RegionSpec] =
    &[ram("RAM0", 0x4080_0000, 0x7_C610, 0x6_ED30), rom_stack(0x4087_C610, 0x2F54), low_power(0x3FE8)];

pub(crate) const C61: &[RegionSpec] = &[
    psram(0x4300_0000, 16 * MIB, 2 * MIB),
    ram("RAM0", 0x4080_0000, 0x4_C670, 0x3_E030),
    rom_stack(0x4084_C670, 0x2F58),
];

/// In 5.4 the stack of the ROM was taken to be 1 KiB higher.
pub(crate) const C61_V5_4: &[RegionSpec] = &[
    psram(0x4300_0000, 16 * MIB, 2 * MIB),
    ram("RAM0", 0x4080_0000, 0x4_CA70, 0x3_E430),
    rom_stack(0x4084_CA70, 0x2B58),
];

pub(crate) const H2: &[RegionSpec] =
    &[ram("RAM0", 0x4080_0000, 0x4_D380, 0x4_0820), rom_stack(0x4084_D380, 0x2B60), low_power(0xFE8)];

/// L2 memory behind the L1 cache (a part of it saved by light sleep), low-power RAM, tightly coupled memory, PSRAM.
///
/// Chips before revision 3 with the default L2 cache of 256 KiB; a cache of 128 KiB leaves 128 KiB more to `RAM1`. The
/// priorities are those of the maintained branches of ESP-IDF 5.4 and 5.5 since July 2026; before, `RETENTION` served
/// ordinary requests at high and `TCM` at medium priority.
pub(crate) const P4: &[RegionSpec] = &[
    psram(0x4800_0000, 64 * MIB, 32 * MIB),
    region("RETENTION", Kind::Diram, 0x4FF0_0000, 0x3_AFC0, 0x2_45D0, P4_RETENTION),
    after_startup(region("RAM0", Kind::Diram, 0x4FF3_AFC0, 0x4BF0, 0x4BF0, P4_L2)),
    after_startup(RegionSpec {
        cache: 0x2_0000,
        ..region("RAM1", Kind::Diram, 0x4FF4_0000, 0x6_0000, 0x4_0000, P4_L2)
    }),
    rtc(0x5010_8080, 0x7F80),
    region("TCM", Kind::Tcm, 0x3010_0000, 0x2000, 0x1FBC, [Caps::TCM, NONE, INTERNAL]),
];

const P4_L2: [Caps; 3] = [INTERNAL_DMA.union(Caps::SIMD), NONE, NONE];
const P4_RETENTION: [Caps; 3] = [Caps::RETENTION.union(Caps::SIMD), INTERNAL_DMA, NONE];
