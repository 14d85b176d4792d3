//! The interrupt: a signal, what its handler does, and how it is masked.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::time::Duration;

use microusc_pool::Mask;
use nix::libc::c_int;
use nix::sys::signal::{
    SaFlags, SigAction, SigEvent, SigHandler, SigSet, SigevNotify, SigmaskHow, Signal, pthread_sigmask,
    sigaction,
};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use nix::unistd::gettid;

use crate::owner::{self, Count, fault};
use crate::subjects::{Block, Subject};

/// The interrupt of this program.
const INTERRUPT: Signal = Signal::SIGUSR1;
/// From one interrupt of a thread to its next.
const PERIOD: Duration = Duration::from_micros(50);

/// Owners of the handler begin here; threads number theirs from below.
const FIRST_OWNER: u64 = 1 << 48;

/// Blocks the signal in the calling thread, as a core masks its interrupts.
#[derive(Debug)]
pub(crate) struct Signals;

// SAFETY: a blocked signal is not delivered to the thread, and a system call is a barrier to the compiler.
unsafe impl Mask for Signals {
    type Saved = SigSet;

    fn mask() -> SigSet {
        let mut before = SigSet::empty();
        let interrupt = SigSet::from(INTERRUPT);
        if pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&interrupt), Some(&mut before)).is_err() {
            fault("the signal cannot be blocked");
        }
        before
    }

    unsafe fn restore(before: SigSet) {
        if pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None).is_err() {
            fault("the signal mask cannot be restored");
        }
    }
}

static OWNER: AtomicU64 = AtomicU64::new(FIRST_OWNER);
static TAKEN: AtomicU64 = AtomicU64::new(0);
static RETURNED: AtomicU64 = AtomicU64::new(0);
static EXHAUSTED: AtomicU64 = AtomicU64::new(0);
static INTERRUPTS: AtomicU64 = AtomicU64::new(0);
/// A block that one interrupt took and a later one returns, whichever thread it interrupts.
static KEPT: AtomicPtr<Block> = AtomicPtr::new(null_mut());

/// The signal is handled with blocks of `S` from now on.
pub(crate) fn install<S: Subject>() {
    let handler = SigHandler::Handler(on_signal::<S>);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler uses atomics and the pool under test, which is the test.
    unsafe { sigaction(INTERRUPT, &action) }.expect("a handler can be installed");
}

/// Interrupts the calling thread again and again, while the result lives.
pub(crate) fn interrupts_begin() -> Timer {
    let thread_id = gettid().as_raw();
    let event = SigEvent::new(SigevNotify::SigevThreadId { signal: INTERRUPT, thread_id, si_value: 0 });
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, event).expect("there are timers");
    let period = Expiration::Interval(PERIOD.into());
    timer.set(period, TimerSetTimeFlags::empty()).expect("the period is allowed");
    timer
}

extern "C" fn on_signal<S: Subject>(_: c_int) {
    let mut count = Count::default();
    let next = || OWNER.fetch_add(1, Ordering::Relaxed);
    let (first, second) = (owner::take::<S>(next(), &mut count), owner::take::<S>(next(), &mut count));
    if let Some(block) = first {
        owner::put::<S>(block, &mut count);
    }
    let kept = KEPT.swap(second.map_or(null_mut(), NonNull::as_ptr), Ordering::AcqRel);
    if let Some(block) = NonNull::new(kept) {
        owner::put::<S>(block, &mut count);
    }
    add(count);
    INTERRUPTS.fetch_add(1, Ordering::Relaxed);
}

fn add(count: Count) {
    TAKEN.fetch_add(count.taken, Ordering::Relaxed);
    RETURNED.fetch_add(count.returned, Ordering::Relaxed);
    EXHAUSTED.fetch_add(count.exhausted, Ordering::Relaxed);
}

/// What the handler did since this was last asked, and how often it ran. No thread is interrupted any more.
pub(crate) fn finish<S: Subject>() -> (Count, u64) {
    let mut count = Count::default();
    if let Some(block) = NonNull::new(KEPT.swap(null_mut(), Ordering::AcqRel)) {
        owner::put::<S>(block, &mut count);
    }
    add(count);
    let taken = |number: &AtomicU64| number.swap(0, Ordering::Relaxed);
    let count = Count { taken: taken(&TAKEN), returned: taken(&RETURNED), exhausted: taken(&EXHAUSTED) };
    (count, taken(&INTERRUPTS))
}
