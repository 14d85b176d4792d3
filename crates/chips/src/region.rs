//! The static description of one region of a chip's memory.

use crate::caps::Caps;

/// What a region is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RAM on the data bus.
    Dram,
    /// RAM that data and instruction bus share; on the chips with unified RAM, all of it.
    Diram,
    /// RAM on the instruction bus alone.
    Iram,
    /// External RAM behind the cache.
    Psram,
    /// Low-power RAM that survives deep sleep.
    Rtc,
    /// Tightly coupled memory (scratchpad).
    Tcm,
}

/// How the CPU may access a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Loads and stores of any width.
    Byte,
    /// Aligned 32-bit loads and stores only; anything else raises an exception.
    WordOnly,
}

/// One region: where it is, how much of it the heap gets, and what it offers.
///
/// `size` is what an ordinary application leaves to the heap. On the chip that depends on the program, because its
/// static data and its code in RAM come first; [`Builder`](crate::Builder) therefore takes other sizes up to `capacity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionSpec {
    /// Name, unique on the chip.
    pub name: &'static str,
    /// What it is made of.
    pub kind: Kind,
    /// First address the heap could ever use.
    pub base: u32,
    /// Bytes from `base` to the end of the region: the most a heap can get.
    pub capacity: u32,
    /// Bytes that the heap gets by default; zero where ESP-IDF does not use the region by default.
    pub size: u32,
    /// Capabilities by priority: high, medium, low.
    pub caps: [Caps; 3],
    /// How the CPU may access it.
    pub access: Access,
    /// The stack of the boot code in ROM lies in it, so the heap begins to use it only when the first task runs.
    pub startup_stack: bool,
    /// Bytes at the end of `capacity` that the default cache configuration takes. A smaller cache leaves them to the
    /// heap: a `size` beyond `capacity - cache` says so.
    pub cache: u32,
}

impl RegionSpec {
    /// Every capability the region offers at any priority. Constant time.
    ///
    /// ```
    /// use microusc_chips::{Caps, Chip};
    /// let iram = Chip::Esp32.region("IRAM").unwrap();
    /// assert!(iram.all_caps().contains(Caps::EXEC) && !iram.all_caps().contains(Caps::B8));
    /// ```
    #[must_use]
    pub const fn all_caps(&self) -> Caps {
        self.caps[0].union(self.caps[1]).union(self.caps[2])
    }

    /// Chip address of a heap of `size` bytes in this region.
    ///
    /// Static data comes first in internal RAM, so the heap is the tail of the region; PSRAM is used from its start.
    ///
    /// ```
    /// use microusc_chips::Chip;
    /// let ram = Chip::Esp32C3.region("RAM").unwrap();
    /// assert_eq!(ram.heap_base(0x1_0000), ram.end() - 0x1_0000);
    /// ```
    #[must_use]
    pub const fn heap_base(&self, size: u32) -> u32 {
        match self.kind {
            Kind::Psram => self.base,
            _ => self.base + (self.capacity - self.cache).saturating_sub(size),
        }
    }

    /// First chip address after the region.
    ///
    /// ```
    /// let psram = microusc_chips::Chip::Esp32.region("PSRAM").unwrap();
    /// assert_eq!(psram.end(), 0x3FC0_0000);
    /// ```
    #[must_use]
    pub const fn end(&self) -> u32 {
        self.base + self.capacity
    }
}
