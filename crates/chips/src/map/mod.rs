//! The regions of every chip, and where the numbers come from.
//!
//! Base, capacity, capabilities and order are the facts of ESP-IDF's `components/heap/port/<chip>/memory_layout.c` and
//! `soc.h` (5.4 to 6.0, default configuration: memory protection on, caches at their default size). `size` is what a
//! small application leaves to the heap: the lengths that ESP-IDF prints at boot as `heap_init: At … len …` for its
//! own examples. A program with Wi-Fi, Bluetooth or large statics leaves less: pass the lengths of its own boot log to
//! [`Builder::size`](crate::Builder::size).
//!
//! The order is that of ESP-IDF's tables, in which 5.4 searches. Both versions put PSRAM in front of all other regions,
//! because it is added after them.

use crate::caps::Caps;
use crate::region::{Access, Kind, RegionSpec};

pub(crate) mod riscv;
pub(crate) mod xtensa;

const NONE: Caps = Caps::empty();
/// Byte-accessible memory that plain `malloc` may return.
const COMMON: Caps = Caps::DEFAULT.union(Caps::B8).union(Caps::B32);
const INTERNAL: Caps = COMMON.union(Caps::INTERNAL);
const INTERNAL_DMA: Caps = INTERNAL.union(Caps::DMA);
/// External RAM, on every chip. It has `DEFAULT` at high priority, so a request for `DEFAULT` alone prefers it.
const PSRAM: [Caps; 3] =
    [Caps::SPIRAM.union(Caps::DEFAULT), NONE, Caps::B8.union(Caps::B32).union(Caps::SIMD)];

const MIB: u32 = 1024 * 1024;

/// RAM from `base` on, of which a heap gets the last `size` bytes.
const fn region(
    name: &'static str,
    kind: Kind,
    base: u32,
    capacity: u32,
    size: u32,
    caps: [Caps; 3],
) -> RegionSpec {
    let access = match kind {
        Kind::Iram => Access::WordOnly,
        _ => Access::Byte,
    };
    RegionSpec { name, kind, base, capacity, size, caps, access, startup_stack: false, cache: 0 }
}

/// Unified RAM: everything at high priority.
const fn ram(name: &'static str, base: u32, capacity: u32, size: u32) -> RegionSpec {
    region(name, Kind::Diram, base, capacity, size, [INTERNAL_DMA, NONE, NONE])
}

/// A region that is left to the heap whole once the first task runs.
const fn after_startup(region: RegionSpec) -> RegionSpec {
    RegionSpec { startup_stack: true, ..region }
}

/// Low-power RAM: used by ordinary requests only when all else is full.
const fn rtc(base: u32, capacity: u32) -> RegionSpec {
    region("RTCRAM", Kind::Rtc, base, capacity, capacity, [Caps::RTCRAM, NONE, INTERNAL])
}

/// External RAM.
const fn psram(base: u32, capacity: u32, size: u32) -> RegionSpec {
    region("PSRAM", Kind::Psram, base, capacity, size, PSRAM)
}
