//! The regions of every chip, and where the numbers come from.
//!
//! Base, capacity and capabilities are the facts of ESP-IDF's `components/heap/port/<chip>/memory_layout.c` and
//! `soc.h` (5.4 to 6.0, default configuration: memory protection on, both caches at their default size). `size` is
//! what a small application leaves to the heap: the lengths that ESP-IDF prints at boot as `heap_init: At … len …`
//! for its own examples (5.4 to 6.0). A program with Wi-Fi, Bluetooth or large statics leaves less: pass the lengths
//! of its own boot log to [`Builder::size`](crate::Builder::size).

use crate::Caps;
use crate::region::{Access, Kind, RegionSpec};

pub(crate) mod esp32;
pub(crate) mod esp32p4;
pub(crate) mod esp32s2;
pub(crate) mod esp32s3;
pub(crate) mod esp8266;
pub(crate) mod riscv;

const NONE: Caps = Caps::empty();
/// Byte-accessible memory that plain `malloc` may return.
const COMMON: Caps = Caps::DEFAULT.union(Caps::B8).union(Caps::B32);
const INTERNAL: Caps = COMMON.union(Caps::INTERNAL);
const INTERNAL_DMA: Caps = INTERNAL.union(Caps::DMA);

/// Unified RAM: everything at high priority.
const fn ram(name: &'static str, base: u32, capacity: u32, size: u32) -> RegionSpec {
    let caps = [INTERNAL_DMA, NONE, NONE];
    RegionSpec { name, kind: Kind::Diram, base, capacity, size, caps, access: Access::Byte }
}

/// Low-power RAM: used by ordinary requests only when all else is full.
const fn rtc(base: u32, capacity: u32) -> RegionSpec {
    let caps = [Caps::RTCRAM, NONE, INTERNAL];
    RegionSpec { name: "RTCRAM", kind: Kind::Rtc, base, capacity, size: capacity, caps, access: Access::Byte }
}

/// External RAM: used by requests that do not ask for it only when all else is full.
const fn psram(base: u32, capacity: u32, size: u32) -> RegionSpec {
    let caps = [Caps::SPIRAM, NONE, COMMON];
    RegionSpec { name: "PSRAM", kind: Kind::Psram, base, capacity, size, caps, access: Access::Byte }
}

const MIB: u32 = 1024 * 1024;
