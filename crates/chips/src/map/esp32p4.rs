//! ESP32-P4: L2 memory behind the L1 cache (a part of it saved by light sleep), low-power RAM, tightly coupled memory,
//! PSRAM. Chips before revision 3 with the default L2 cache of 256 KiB; a cache of 128 KiB leaves 128 KiB more to
//! `RAM1`. The priorities are those of the releases since July 2026 (5.4 and 5.5); before, `RETENTION` served ordinary
//! requests at high and `TCM` at medium priority.

use super::{INTERNAL, INTERNAL_DMA, MIB, NONE, after_startup, psram, region, rtc};
use crate::caps::Caps;
use crate::region::{Kind, RegionSpec};

const L2: [Caps; 3] = [INTERNAL_DMA.union(Caps::SIMD), NONE, NONE];
const RETENTION: [Caps; 3] = [Caps::RETENTION.union(Caps::SIMD), INTERNAL_DMA, NONE];

pub(crate) const REGIONS: &[RegionSpec] = &[
    psram(0x4800_0000, 64 * MIB, 32 * MIB),
    region("RETENTION", Kind::Diram, 0x4FF0_0000, 0x3_AFC0, 0x2_45D0, RETENTION),
    after_startup(region("RAM0", Kind::Diram, 0x4FF3_AFC0, 0x4BF0, 0x4BF0, L2)),
    after_startup(RegionSpec {
        cache: 0x2_0000,
        ..region("RAM1", Kind::Diram, 0x4FF4_0000, 0x6_0000, 0x4_0000, L2)
    }),
    rtc(0x5010_8080, 0x7F80),
    region("TCM", Kind::Tcm, 0x3010_0000, 0x2000, 0x1FBC, [Caps::TCM, NONE, INTERNAL]),
];
