//! ESP32-S2: unified internal RAM (instruction and data bus, no execution while memory protection is on), PSRAM,
//! RTC fast RAM.

use super::{MIB, after_startup, psram, ram, rtc};
use crate::region::RegionSpec;

pub(crate) const REGIONS: &[RegionSpec] = &[
    psram(0x3F50_0000, 0xA8_0000, 2 * MIB),
    ram("RAM0", 0x3FFB_4000, 0x4_8000, 0x3_A620),
    after_startup(ram("RAM1", 0x3FFF_C000, 0x3A10, 0x3A10)),
    rtc(0x3FF9_E000, 0x1FE8),
];
