//! The flag of a spin lock.

use super::world::{AtomicU32, Ordering, pause_until};

const CLEAR: u32 = 0;
const SET: u32 = 1;

/// A flag that one context at a time can set.
///
/// A whole word: where atomic instructions know words only, changing a byte takes three times as many.
#[derive(Debug)]
pub(crate) struct Flag(AtomicU32);

impl Flag {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(CLEAR))
    }

    /// Sets it; `false` if it was set. Orders what follows after what came before the last `clear`.
    #[inline(always)]
    pub(crate) fn try_set(&self) -> bool {
        // A swap is one instruction where there are atomic memory operations, and the flag stays as it was when it was set.
        self.0.swap(SET, Ordering::Acquire) == CLEAR
    }

    /// Clears it, after all that came before.
    #[inline(always)]
    pub(crate) fn clear(&self) {
        self.0.store(CLEAR, Ordering::Release);
    }

    /// Waits until a try may succeed, without writing: the line stays shared among the cores that wait. Relaxed, since
    /// the try that follows orders.
    #[inline]
    pub(crate) fn pause(&self) {
        pause_until(|| self.0.load(Ordering::Relaxed) == CLEAR);
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_pause_ends_when_the_flag_is_clear_and_not_before() {
        let (flag, about_to_clear) = (Flag::new(), AtomicBool::new(false));
        flag.pause(); // clear already
        assert!(flag.try_set() && !flag.try_set());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_millis(20));
                about_to_clear.store(true, Ordering::Relaxed);
                flag.clear();
            });
            flag.pause();
            assert!(about_to_clear.load(Ordering::Relaxed), "still set");
        });
        assert!(flag.try_set());
    }
}
