//! Atomics and cells: those of the language, loom's or shuttle's. The one place that knows those two.

#[cfg(not(any(loom, shuttle)))]
#[path = "sync/native.rs"]
mod imp;
#[cfg(loom)]
#[path = "sync/loom.rs"]
mod imp;
#[cfg(shuttle)]
#[path = "sync/shuttle.rs"]
mod imp;

pub(crate) use imp::*;
#[cfg(any(loom, shuttle))]
pub use imp::{FLAW, Flaw};
