//! ESP32-P4: L2 memory behind the L1 cache (a part of it saved by light sleep), tightly coupled memory, low-power
//! RAM, PSRAM. Figures of chips before revision 3 with the default 128 KiB L2 cache.

use super::{COMMON, INTERNAL, INTERNAL_DMA, MIB, NONE, rtc};
use crate::Caps;
use crate::region::{Access, Kind, RegionSpec};

const L2: Caps = INTERNAL_DMA.union(Caps::SIMD);

const fn l2(name: &'static str, base: u32, capacity: u32, size: u32, high: Caps) -> RegionSpec {
    let caps = [high, NONE, NONE];
    RegionSpec { name, kind: Kind::Diram, base, capacity, size, caps, access: Access::Byte }
}

pub(crate) const REGIONS: &[RegionSpec] = &[
    RegionSpec {
        name: "TCM",
        kind: Kind::Tcm,
        base: 0x3010_0000,
        capacity: 0x2000,
        size: 0x1FBC,
        caps: [Caps::TCM, INTERNAL, NONE],
        access: Access::Byte,
    },
    RegionSpec {
        name: "PSRAM",
        kind: Kind::Psram,
        base: 0x4800_0000,
        capacity: 64 * MIB,
        size: 32 * MIB,
        caps: [Caps::SPIRAM, NONE, COMMON.union(Caps::SIMD)],
        access: Access::Byte,
    },
    l2("RETENTION", 0x4FF0_0000, 0x3_AFC0, 0x2_45D0, L2.union(Caps::RETENTION)),
    l2("RAM0", 0x4FF3_AFC0, 0x4BF0, 0x4BF0, L2),
    l2("RAM1", 0x4FF4_0000, 0x6_0000, 0x6_0000, L2),
    rtc(0x5010_8080, 0x7F80),
];
