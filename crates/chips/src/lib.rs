//! Memory maps of the ESP32 family with a TLSF heap per region, for running firmware allocation on a host

mod arena;
mod builder;
mod caps;
mod chip;
mod error;
mod heap;
mod info;
mod map;
mod region;
mod request;
mod tlsf;

pub use builder::Builder;
pub use caps::{Caps, UnknownCaps};
pub use chip::{Chip, Facts, Psram, UnknownChip};
pub use error::{BuildError, FailReason, FreeError, IntegrityError, Refusal};
pub use heap::ChipHeap;
pub use info::{HeapInfo, RegionInfo};
pub use region::{Access, Kind, RegionSpec};
