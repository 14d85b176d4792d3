//! The single-core RISC-V chips: one unified RAM whose last part the ROM uses until the scheduler starts, RTC
//! (low-power) RAM except on C2 and C61, PSRAM on C5 and C61.

use super::{INTERNAL_DMA, MIB, NONE, psram, ram, rtc};
use crate::Caps;
use crate::region::{Access, Kind, RegionSpec};

/// RAM of the C3 that light sleep can save; ordinary requests take it after the rest.
const fn retention(name: &'static str, base: u32, size: u32) -> RegionSpec {
    let caps = [Caps::RETENTION, INTERNAL_DMA, NONE];
    RegionSpec { name, kind: Kind::Diram, base, capacity: size, size, caps, access: Access::Byte }
}

pub(crate) const C2: &[RegionSpec] =
    &[ram("RAM0", 0x3FCA_0000, 0x3_CB70, 0x3_0900), ram("RAM1", 0x3FCD_CB70, 0x294C, 0x294C)];

pub(crate) const C3: &[RegionSpec] = &[
    ram("RAM", 0x3FC8_0000, 0x4_0000, 0x3_0040),
    retention("RETENTION0", 0x3FCC_0000, 0x1_C710),
    retention("RETENTION1", 0x3FCD_C710, 0x2950),
    rtc(0x5000_0010, 0x1FD8),
];

pub(crate) const C5: &[RegionSpec] = &[
    ram("RAM0", 0x4080_0000, 0x5_C5A0, 0x3_C320),
    ram("RAM1", 0x4085_C5A0, 0x2F58, 0x2F58),
    psram(0x4300_0000, 16 * MIB, 8 * MIB),
    rtc(0x5000_0000, 0x3FE8),
];

pub(crate) const C6: &[RegionSpec] = &[
    ram("RAM0", 0x4080_0000, 0x7_C610, 0x6_ED30),
    ram("RAM1", 0x4087_C610, 0x2F54, 0x2F54),
    rtc(0x5000_0000, 0x3FE8),
];

pub(crate) const C61: &[RegionSpec] = &[
    ram("RAM0", 0x4080_0000, 0x4_C670, 0x3_E030),
    ram("RAM1", 0x4084_C670, 0x2F58, 0x2F58),
    psram(0x4300_0000, 16 * MIB, 2 * MIB),
];

pub(crate) const H2: &[RegionSpec] = &[
    ram("RAM0", 0x4080_0000, 0x4_D380, 0x4_0820),
    ram("RAM1", 0x4084_D380, 0x2B60, 0x2B60),
    rtc(0x5000_0000, 0xFE8),
];
