//! Owners of values in blocks, whatever pool a block is from.

#[cfg(atomic_words)]
mod arc;
mod boxed;
mod string;
mod vec;

#[cfg(atomic_words)]
pub use arc::{PoolArc, Shared};
pub use boxed::{Boxed, Owns, PoolBox, Reclaim, TypedPool};
pub use string::PoolString;
pub use vec::{Bytes, PoolVec};
