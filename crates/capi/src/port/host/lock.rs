//! The lock of a pool on a host.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use microusc_pool::RawLock;

use super::record;

/// Before each look: the holder does many operations on cache lines that it has.
const PAUSE: Duration = Duration::from_micros(1);

/// Test and set, then yield: threads of a host may be more than its cores.
///
/// Context: threads. A signal handler that interrupted the holder would wait for ever.
#[derive(Debug)]
pub(crate) struct PortLock(AtomicBool);

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
        let mut looks = 0;
        loop {
            let start = Instant::now();
            while start.elapsed() < PAUSE {
                std::hint::spin_loop();
            }
            if !self.0.load(Ordering::Relaxed) && !self.0.swap(true, Ordering::Acquire) {
                return;
            }
            looks += 1;
            if looks % 64 == 0 {
                std::thread::yield_now();
            }
        }
    }
}
