//! What differs where pools are shared, depending on where the program runs. Each world is one file.
//!
//! ```text
//!   world     native.rs | loom.rs | shuttle.rs            atomics, cells and pauses, or those of a model checker
//!   machine   chip.rs | host.rs | host_x86_64.rs          how long to pause; prefetching
//! ```
//!
//! Locks ([`lock`](crate::lock)) and words ([`words`](crate::words)) are written once, over these. So an ordering that is
//! weakened there is weakened in the models as well.

#[cfg(loom)]
mod loom;
#[cfg(not(any(loom, shuttle)))]
mod native;
#[cfg(shuttle)]
mod shuttle;

#[cfg(loom)]
use self::loom as world;
#[cfg(not(any(loom, shuttle)))]
use self::native as world;
#[cfg(shuttle)]
use self::shuttle as world;

#[cfg(any(chip, loom, shuttle))]
mod chip;
#[cfg(not(any(chip, loom, shuttle, all(target_arch = "x86_64", not(miri)))))]
mod host;
#[cfg(all(target_arch = "x86_64", not(any(chip, loom, shuttle, miri))))]
mod host_x86_64;

#[cfg(any(chip, loom, shuttle))]
use self::chip as machine;
#[cfg(not(any(chip, loom, shuttle, all(target_arch = "x86_64", not(miri)))))]
use self::host as machine;
#[cfg(all(target_arch = "x86_64", not(any(chip, loom, shuttle, miri))))]
use self::host_x86_64 as machine;

pub(crate) use machine::prefetch;
pub(crate) use world::{AtomicBool, Guarded, Ordering};
#[cfg(target_has_atomic = "32")]
pub(crate) use world::{AtomicU32, pause_until};
#[cfg(any(loom, shuttle))]
pub use world::{FLAW, Flaw};
