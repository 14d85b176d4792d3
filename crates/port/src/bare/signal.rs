//! Waiting without tasks: the main loop polls until an interrupt or another core frees a block.

use core::pin::Pin;
use core::sync::atomic::{AtomicBool, Ordering};

use super::controls::{HOOKS, now_us};

/// A flag. Loads and stores only: one context waits, one gives.
///
/// Released by the store and acquired by the load that finds it: the context that gives has done all it does with the waiter's
/// stack when the wait returns. (The block itself is handed over with the pool's lock held. The model of a sleeper in the tests
/// of the pools has the same two orderings, and is found out without them.)
#[derive(Debug)]
pub struct Signal(AtomicBool);

// SAFETY: `give` is one store, which releases what came before it to the load that finds it; it touches nothing after
// that. The time is what the program's clock says.
unsafe impl microusc_pool::Signal for Signal {
    fn may_wait() -> bool {
        // SAFETY: the program promised that its function can be called from any context.
        HOOKS.clock().is_some() && HOOKS.may_wait().is_some_and(|may_wait| unsafe { may_wait() })
    }

    fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    fn init(self: Pin<&Self>) {}

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        let start = now_us();
        let longest = milliseconds.map_or(u64::MAX, |time| u64::from(time) * 1000);
        while !self.0.load(Ordering::Acquire) {
            // A clock that steps back, as one that is read in two halves may, has not run out.
            if now_us().saturating_sub(start) >= longest {
                return false;
            }
            if let Some(idle) = HOOKS.idle() {
                // SAFETY: the program promised that its function can be called where it may wait.
                unsafe { idle() };
            }
        }
        self.0.store(false, Ordering::Relaxed);
        true
    }

    fn give(self: Pin<&Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// There are no tasks, hence no priorities.
pub fn task_priority() -> u8 {
    0
}
