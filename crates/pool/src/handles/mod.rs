//! Owners of values in blocks, whatever pool a block is from.

#[cfg(any(target_has_atomic = "32", feature = "critical-section", feature = "unsafe-assume-single-core"))]
mod arc;
mod boxed;
mod slice;
mod string;
mod vec;

#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub use arc::{PoolArc, Shared};
pub use boxed::{Owns, PoolBox, Reclaim};
pub use slice::AllocSlice;
pub use string::PoolString;
pub use vec::{Bytes, PoolVec};
