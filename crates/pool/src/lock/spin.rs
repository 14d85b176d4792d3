use core::hint::spin_loop;
use core::sync::atomic::{AtomicBool, Ordering};

use super::RawLock;

/// A test-and-set lock for threads of a host.
///
/// Context: threads. Not for interrupts or signal handlers, which would wait for ever for the code they interrupted.
#[derive(Debug)]
pub struct SpinLock(AtomicBool);

// SAFETY: only the context whose swap found `false` goes on, and the flag is `true` until it releases.
unsafe impl RawLock for SpinLock {
    const INIT: Self = Self(AtomicBool::new(false));

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {
        if self.0.swap(true, Ordering::Acquire) {
            self.wait();
        }
    }

    #[inline(always)]
    unsafe fn release(&self, (): ()) {
        self.0.store(false, Ordering::Release);
    }
}

impl SpinLock {
    #[cold]
    fn wait(&self) {
        while self.0.swap(true, Ordering::Acquire) {
            while self.0.load(Ordering::Relaxed) {
                spin_loop();
            }
        }
    }
}
