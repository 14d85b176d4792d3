//! The lock of a pool on a host. The tests of the pools run this file over the atomics of a model checker.

use microusc_pool::RawLock;

use super::atomic::{AtomicBool, Ordering};
use super::{pause, record};

/// Test and set, then yield: threads of a host may be more than its cores.
///
/// Context: threads. A signal handler that interrupted the holder would wait for ever.
#[derive(Debug)]
pub struct PortLock(AtomicBool);

// SAFETY: only the thread whose swap found `false` goes on, and the flag is `true` until it releases.
unsafe impl RawLock for PortLock {
    const INIT: Self = Self(AtomicBool::new(false));

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {
        record::acquiring(self);
        if self.0.swap(true, Ordering::Acquire) {
            self.wait();
        }
        record::acquired(self);
    }

    #[inline(always)]
    unsafe fn release(&self, (): ()) {
        record::releasing(self);
        self.0.store(false, Ordering::Release);
        record::released();
    }

    #[inline(always)]
    fn assert_held(&self) {
        record::assert_held(self);
    }
}

impl PortLock {
    #[cold]
    #[inline(never)]
    fn wait(&self) {
        for looks in 1.. {
            pause::before_look(looks);
            // Relaxed: the swap that follows orders.
            if !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::Acquire) {
                return;
            }
        }
    }
}
