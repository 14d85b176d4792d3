//! ESP8266: data RAM and the tail of the instruction RAM, as ESP8266_RTOS_SDK lays them out.
//!
//! The SDK's own region list gives DRAM `8BIT|32BIT|DMA` and IRAM `32BIT`; `INTERNAL` and `DEFAULT` are added here,
//! because all of its memory is internal and `malloc` returns DRAM. The sizes are estimates for a small program with
//! Wi-Fi linked in: the SDK prints none.

use super::NONE;
use crate::Caps;
use crate::region::{Access, Kind, RegionSpec};

pub(crate) const REGIONS: &[RegionSpec] = &[
    RegionSpec {
        name: "DRAM",
        kind: Kind::Dram,
        base: 0x3FFE_8000,
        capacity: 0x1_8000,
        size: 0x1_4000,
        caps: [super::INTERNAL_DMA, NONE, NONE],
        access: Access::Byte,
    },
    RegionSpec {
        name: "IRAM",
        kind: Kind::Iram,
        base: 0x4010_0000,
        capacity: 0xC000,
        size: 0x4000,
        caps: [Caps::B32.union(Caps::INTERNAL).union(Caps::EXEC), NONE, NONE],
        access: Access::WordOnly,
    },
];
