//! ESP8266: data RAM and the tail of the instruction RAM, as ESP8266_RTOS_SDK lays them out.
//!
//! The SDK's own region list gives DRAM `8BIT|32BIT|DMA` and IRAM `32BIT`; `INTERNAL` and `DEFAULT` are added here,
//! because all of its memory is internal and `malloc` returns DRAM. The sizes are estimates for a small program with
//! Wi-Fi linked in: the SDK prints none.

use super::{INTERNAL_DMA, NONE, region};
use crate::caps::Caps;
use crate::region::{Kind, RegionSpec};

const IRAM: [Caps; 3] = [Caps::B32.union(Caps::INTERNAL).union(Caps::EXEC), NONE, NONE];

pub(crate) const REGIONS: &[RegionSpec] = &[
    region("DRAM", Kind::Dram, 0x3FFE_8000, 0x1_8000, 0x1_4000, [INTERNAL_DMA, NONE, NONE]),
    region("IRAM", Kind::Iram, 0x4010_0000, 0xC000, 0x4000, IRAM),
];
