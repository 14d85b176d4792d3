//! Words that several contexts change without a lock of their own: bits, counters, numbers of owners.
//!
//! They are written once, in `kinds.rs`, over an `AtomicU32`: that of the processor, or where it has no atomic instructions a
//! load and a store under a lock, in `under_lock.rs`.

mod kinds;
#[cfg(not(target_has_atomic = "32"))]
mod under_lock;
#[cfg(all(test, not(any(loom, shuttle)), target_has_atomic = "32"))]
mod under_lock_tests;

pub(crate) use kinds::{BitWord, OwnerCount, RelaxedCounter};

#[cfg(target_has_atomic = "32")]
use crate::sync::{AtomicU32, Ordering};
#[cfg(not(target_has_atomic = "32"))]
use under_lock::{AtomicU32, Ordering};

/// The lock under which words are changed: right on every chip that the target may be, or on the chip that was promised.
#[cfg(all(not(target_has_atomic = "32"), feature = "critical-section"))]
use crate::lock::CriticalSection as WordLock;
#[cfg(all(not(target_has_atomic = "32"), not(feature = "critical-section")))]
use crate::lock::InterruptLock as WordLock;
