//! What a piece of memory can do, with the bits ESP-IDF gives to `MALLOC_CAP_*`.

use std::fmt;
use std::str::FromStr;

bitflags::bitflags! {
    /// A set of memory capabilities, bit for bit the `MALLOC_CAP_*` of ESP-IDF.
    ///
    /// A request names the capabilities that the memory must have, a region the ones it offers.
    /// Unknown bits are kept: no region offers them, so a request with one of them fails.
    ///
    /// ```
    /// use microusc_chips::Caps;
    /// let dma = Caps::DMA | Caps::INTERNAL | Caps::B8;
    /// assert!(dma.contains(Caps::DMA));
    /// assert_eq!(dma.bits(), 0x80c);
    /// assert_eq!(dma.to_string(), "8BIT|DMA|INTERNAL");
    /// assert_eq!("8BIT|DMA|INTERNAL".parse(), Ok(dma));
    /// ```
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Caps: u32 {
        /// Can hold code that is executed.
        const EXEC = 1 << 0;
        /// Can be read and written by aligned 32-bit words.
        const B32 = 1 << 1;
        /// Can be read and written by bytes and half-words too.
        const B8 = 1 << 2;
        /// Peripherals can reach it by DMA.
        const DMA = 1 << 3;
        /// External RAM behind the cache (PSRAM).
        const SPIRAM = 1 << 10;
        /// On the chip; stays reachable while the flash cache is off.
        const INTERNAL = 1 << 11;
        /// What plain `malloc` may return.
        const DEFAULT = 1 << 12;
        /// Instruction RAM whose byte accesses are emulated.
        const IRAM_8BIT = 1 << 13;
        /// Reachable by the retention DMA of light sleep.
        const RETENTION = 1 << 14;
        /// RTC (low-power) RAM.
        const RTCRAM = 1 << 15;
        /// Tightly coupled (scratchpad) memory.
        const TCM = 1 << 16;
        /// Can hold descriptors of the AHB DMA.
        const DMA_DESC_AHB = 1 << 17;
        /// Can hold descriptors of the AXI DMA.
        const DMA_DESC_AXI = 1 << 18;
        /// Base and size are to be multiples of the cache line.
        const CACHE_ALIGNED = 1 << 19;
        /// Suited to vector instructions: 16-byte base where the chip has them.
        const SIMD = 1 << 20;

        const _ = !0;
    }
}

/// Flag names in C start with a digit, which Rust identifiers cannot.
const RENAMED: [(&str, &str); 2] = [("B8", "8BIT"), ("B32", "32BIT")];

impl fmt::Display for Caps {
    /// The names of ESP-IDF without `MALLOC_CAP_`, joined by `|`; unknown bits in hexadecimal; `0` for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("0");
        }
        let mut names = self.iter_names();
        let mut separator = "";
        for (name, _) in names.by_ref() {
            let shown = RENAMED.iter().find(|(rust, _)| *rust == name).map_or(name, |(_, c)| c);
            write!(f, "{separator}{shown}")?;
            separator = "|";
        }
        match names.remaining().bits() {
            0 => Ok(()),
            unknown => write!(f, "{separator}{unknown:#x}"),
        }
    }
}

impl fmt::Debug for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caps({self})")
    }
}

/// A word that names no capability. The message shows how capabilities are written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a capability: use names such as 8BIT, 32BIT, DMA, INTERNAL, SPIRAM, DEFAULT, joined by `|`"
)]
pub struct UnknownCaps(pub String);

impl FromStr for Caps {
    type Err = UnknownCaps;

    /// Reads what `Display` writes; `MALLOC_CAP_` in front of a name and a hexadecimal mask are accepted.
    fn from_str(text: &str) -> Result<Self, UnknownCaps> {
        text.split('|').map(str::trim).try_fold(Caps::empty(), |caps, word| {
            let name = word.strip_prefix("MALLOC_CAP_").unwrap_or(word);
            let rust = RENAMED.iter().find(|(_, c)| *c == name).map_or(name, |(rust, _)| rust);
            let mask = || match name.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => name.parse().ok(),
            };
            let flag = Caps::from_name(rust).or_else(|| mask().map(Caps::from_bits_retain));
            flag.map(|flag| caps | flag).ok_or_else(|| UnknownCaps(word.to_owned()))
        })
    }
}
