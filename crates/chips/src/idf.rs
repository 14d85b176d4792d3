//! The versions of ESP-IDF whose heaps differ.

use std::fmt;
use std::str::FromStr;

/// The version of ESP-IDF whose heap is laid out. [`Builder::idf`](crate::Builder::idf) chooses it.
///
/// The block arithmetic of both is the same. What differs is in which order regions are searched (5.4: in the order
/// of the memory map; from 5.5 on: the smallest first), where the RAM of ESP32-C5 and ESP32-C61 is divided, and what
/// plain `malloc` may use of the memory that is reserved for DMA.
///
/// ```
/// use microusc_chips::{Caps, Chip, ChipHeap, Idf};
/// let first_region = |idf| {
///     let mut heap = ChipHeap::builder(Chip::Esp32C6).idf(idf).build()?;
///     let block = heap.malloc(100, Caps::INTERNAL | Caps::B8).unwrap();
///     Ok::<_, microusc_chips::BuildError>(heap.region_of(block).unwrap().name)
/// };
/// assert_eq!((first_region(Idf::V5_4)?, first_region(Idf::V5_5)?), ("RAM0", "RAM1"));
/// assert_eq!("v5.4".parse(), Ok(Idf::V5_4));
/// # Ok::<(), microusc_chips::BuildError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Idf {
    /// The releases 5.4 to 5.4.4.
    V5_4,
    /// The releases from 5.5 on. The heap of 6.0 is the same.
    #[default]
    V5_5,
}

impl Idf {
    /// Every version, the oldest first.
    pub const ALL: [Idf; 2] = [Idf::V5_4, Idf::V5_5];

    /// The number as `FromStr` reads it: `5.4`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Idf::V5_4 => "5.4",
            Idf::V5_5 => "5.5",
        }
    }
}

impl fmt::Display for Idf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is no known version of ESP-IDF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a known ESP-IDF version: use {list} (the heap of 6.0 is that of 5.5)", list = Idf::ALL.map(Idf::name).join(" or "))]
pub struct UnknownIdf(pub String);

impl FromStr for Idf {
    type Err = UnknownIdf;

    /// Reads `5.4`, `v5.4`, or a release of it such as `v5.4.4`.
    fn from_str(text: &str) -> Result<Self, UnknownIdf> {
        let number = text.strip_prefix('v').unwrap_or(text);
        let matches = |idf: &Idf| {
            let rest = number.strip_prefix(idf.name());
            rest.is_some_and(|rest| rest.is_empty() || is_patch_level(rest))
        };
        Idf::ALL.into_iter().find(matches).ok_or_else(|| UnknownIdf(text.to_owned()))
    }
}

fn is_patch_level(text: &str) -> bool {
    let digits = text.strip_prefix('.').unwrap_or("");
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
