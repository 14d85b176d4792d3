//! Atomics and cells: those of the language, or loom's. The one place that knows loom.

#[cfg(not(loom))]
#[path = "sync/native.rs"]
mod imp;
#[cfg(loom)]
#[path = "sync/loom.rs"]
mod imp;

pub(crate) use imp::*;
#[cfg(loom)]
pub use imp::{FLAW, Flaw};
