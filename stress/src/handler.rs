//! What the signal handler does with the pool.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use nix::libc::c_int;

use crate::interrupt;
use crate::pools::StressedPool;
use crate::traffic::{self, OperationCounts};

/// Owners of the handler begin here; those of threads are smaller.
const FIRST_OWNER: u64 = 1 << 48;

static OWNER: AtomicU64 = AtomicU64::new(FIRST_OWNER);
static ALLOCATED: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);
static EXHAUSTED: AtomicU64 = AtomicU64::new(0);
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);
/// A block that one interrupt allocated and a later one frees, whichever thread it interrupts.
static KEPT: AtomicPtr<u8> = AtomicPtr::new(null_mut());

/// From now on the signal is handled with blocks of `S`.
pub(crate) fn install<S: StressedPool>() {
    // SAFETY: the handler uses atomics, and the pool under test.
    unsafe { interrupt::install(on_signal::<S>) };
}

extern "C" fn on_signal<S: StressedPool>(_: c_int) {
    let mut counts = OperationCounts::default();
    let next = || OWNER.fetch_add(1, Ordering::Relaxed);
    let first = traffic::alloc::<S>(next(), &mut counts);
    let second = traffic::alloc::<S>(next(), &mut counts);
    if let Some(block) = first {
        traffic::free::<S>(block, &mut counts);
    }
    let kept = KEPT.swap(second.map_or(null_mut(), NonNull::as_ptr), Ordering::AcqRel);
    if let Some(block) = NonNull::new(kept) {
        traffic::free::<S>(block, &mut counts);
    }
    add(counts);
    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
}

fn add(counts: OperationCounts) {
    ALLOCATED.fetch_add(counts.allocated, Ordering::Relaxed);
    FREED.fetch_add(counts.freed, Ordering::Relaxed);
    EXHAUSTED.fetch_add(counts.exhausted, Ordering::Relaxed);
}

/// The operations of the handler since the last call, and how often it ran. No thread is interrupted any more.
pub(crate) fn finish<S: StressedPool>() -> (OperationCounts, u64) {
    let mut counts = OperationCounts::default();
    if let Some(block) = NonNull::new(KEPT.swap(null_mut(), Ordering::AcqRel)) {
        traffic::free::<S>(block, &mut counts);
    }
    add(counts);
    let drain = |number: &AtomicU64| number.swap(0, Ordering::Relaxed);
    let counts =
        OperationCounts { allocated: drain(&ALLOCATED), freed: drain(&FREED), exhausted: drain(&EXHAUSTED) };
    (counts, drain(&INTERRUPTS))
}
