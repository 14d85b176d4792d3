//! Counts the instructions that a piece of code runs: the processor stops after each of them.
//!
//! With the trap flag set, the processor raises an exception after every instruction; the kernel makes it a signal,
//! and the handler counts. The kernel clears the flag for the handler and restores it afterwards.

use std::arch::asm;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::libc::c_int;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static STEPS: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_step(_: c_int) {
    STEPS.fetch_add(1, Ordering::Relaxed);
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let action = SigAction::new(SigHandler::Handler(on_step), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler only counts, which every context allows.
        unsafe { sigaction(Signal::SIGTRAP, &action) }.expect("the signal can be handled");
    });
}

#[inline(always)]
fn begin() {
    // SAFETY: sets the trap flag and nothing else; the handler is installed.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
}

#[inline(always)]
fn end() {
    // SAFETY: clears the trap flag and nothing else.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -257", "popfq") };
}

/// The steps of `begin` and `end` alone.
#[inline(never)]
fn overhead() -> u64 {
    STEPS.store(0, Ordering::Relaxed);
    begin();
    end();
    STEPS.load(Ordering::Relaxed)
}

/// Runs `work`, and returns its result with the number of instructions it took.
#[inline(always)]
pub(crate) fn count<R>(work: impl FnOnce() -> R) -> (R, u64) {
    listen();
    let overhead = overhead();
    STEPS.store(0, Ordering::Relaxed);
    begin();
    let result = work();
    end();
    (result, STEPS.load(Ordering::Relaxed) - overhead)
}
