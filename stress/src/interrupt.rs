//! The interrupt: a signal, sent to a thread again and again, and how it is masked.

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

use crate::fault::fault;

/// The interrupt of this program.
const INTERRUPT: Signal = Signal::SIGUSR1;
/// From one interrupt of a thread to the next.
const PERIOD: Duration = Duration::from_micros(50);

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

/// Makes `handler` the handler of the interrupt.
///
/// # Safety
///
/// The handler does only what a signal handler may, except in the pool under test.
pub(crate) unsafe fn install(handler: extern "C" fn(c_int)) {
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: as the caller promises.
    unsafe { sigaction(INTERRUPT, &action) }.expect("a handler can be installed");
}

/// Interrupts the calling thread again and again until the result is dropped.
pub(crate) fn start() -> Timer {
    let thread_id = gettid().as_raw();
    let event = SigEvent::new(SigevNotify::SigevThreadId { signal: INTERRUPT, thread_id, si_value: 0 });
    let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, event).expect("there are timers");
    let period = Expiration::Interval(PERIOD.into());
    timer.set(period, TimerSetTimeFlags::empty()).expect("the period is allowed");
    timer
}
