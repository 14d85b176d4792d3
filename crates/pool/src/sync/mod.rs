//! Words, counters, flags and guarded cells: what pools are made of where several contexts meet.
//!
//! ```text
//!   BitWord  RelaxedCounter  OwnerCount  Flag        written once: atomic.rs, flag.rs    (masked.rs where there are no atomics)
//!   ------------------------------
//!   AtomicU32  AtomicBool  Guarded   a world: the language's, loom's or shuttle's
//!   pause_until  SearchHint  ahead
//! ```
//!
//! What is shipped and what the model checkers run differ in the world alone: an ordering that is weakened in a word, a
//! counter or a flag is weakened in the model as well. This is the one place that knows the worlds.

#[cfg(not(any(loom, shuttle)))]
#[path = "native.rs"]
mod world;
#[cfg(loom)]
#[path = "loom.rs"]
mod world;
#[cfg(shuttle)]
#[path = "shuttle.rs"]
mod world;

#[cfg(target_has_atomic = "32")]
mod flag;
#[cfg(all(test, not(any(loom, shuttle)), target_has_atomic = "32"))]
mod masked_tests;
#[cfg(any(target_has_atomic = "32", feature = "critical-section", feature = "unsafe-assume-single-core"))]
#[cfg_attr(target_has_atomic = "32", path = "atomic.rs")]
#[cfg_attr(not(target_has_atomic = "32"), path = "masked.rs")]
mod words;
#[cfg(all(
    not(target_has_atomic = "32"),
    any(feature = "critical-section", feature = "unsafe-assume-single-core")
))]
use crate::lock::WordLock;

#[cfg(target_has_atomic = "32")]
pub(crate) use flag::Flag;
#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub(crate) use words::{BitWord, OwnerCount, RelaxedCounter};
#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub(crate) use world::SearchHint;
pub(crate) use world::{AtomicBool, Guarded, Ordering, ahead};
#[cfg(any(loom, shuttle))]
pub use world::{FLAW, Flaw};
