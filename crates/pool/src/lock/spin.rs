//! Locks with a flag, for cores and threads.

use super::{Mask, NonAllocatingLock, RawLock};
use crate::sync::{AtomicU32, Ordering, pause_until};

const CLEAR: u32 = 0;
const SET: u32 = 1;

/// A flag that one context at a time can set.
///
/// It is a whole word: where atomic instructions work on words only, a change of a byte takes three times as many
/// instructions.
#[derive(Debug)]
struct Flag(AtomicU32);

impl Flag {
    const fn new() -> Self {
        Self(AtomicU32::new(CLEAR))
    }

    /// Sets the flag; `false` if it was set already. Orders what follows after what came before the last `clear`.
    #[inline(always)]
    fn try_set(&self) -> bool {
        // Where there are atomic memory operations a swap is one instruction, and it leaves a flag that is set as it is.
        self.0.swap(SET, Ordering::Acquire) == CLEAR
    }

    /// Clears the flag, after everything that came before.
    #[inline(always)]
    fn clear(&self) {
        self.0.store(CLEAR, Ordering::Release);
    }

    /// Waits until `try_set` may succeed, without a write: so the cache line stays shared among the cores that wait.
    /// Relaxed, since the `try_set` that follows orders.
    #[inline]
    fn pause(&self) {
        pause_until(|| self.0.load(Ordering::Relaxed) == CLEAR);
    }
}

/// A test-and-set lock for threads of a host.
///
/// Context: threads. Not for interrupts or signal handlers, which would wait for ever for the code that they interrupted.
pub type SpinLock = MaskedSpinLock<NoMask>;

/// Masks nothing.
#[derive(Debug)]
pub struct NoMask;

// SAFETY: a lock with this mask promises nothing about interrupts.
unsafe impl Mask for NoMask {
    type Saved = ();

    #[inline(always)]
    fn mask() {}

    #[inline(always)]
    unsafe fn restore((): ()) {}
}

/// Masks interrupts, then sets a flag: for chips with two cores. Each pool has its own.
///
/// Context: tasks and interrupts on every core. It does not nest; a pool never needs that.
///
/// ```text
///  the order that works                          the order that does not
///  core 0: mask                                  core 0: take the flag
///  core 0: take the flag                                 interrupt on core 0: wants the flag,
///          interrupt on core 0 waits                     waits for the code it interrupted, for ever
///  core 1: waits for a dozen instructions
///  core 0: release the flag, unmask
/// ```
///
/// While a core waits, its interrupts stay masked: for at most one operation of each other core, since a core that holds
/// the flag cannot be interrupted either.
#[derive(Debug)]
pub struct MaskedSpinLock<M: Mask> {
    flag: Flag,
    mask: core::marker::PhantomData<fn() -> M>,
}

// SAFETY: on one core the mask excludes all other contexts, and among cores only the one that set the flag continues.
unsafe impl<M: Mask> RawLock for MaskedSpinLock<M> {
    const INIT: Self = Self { flag: Flag::new(), mask: core::marker::PhantomData };

    type Saved = M::Saved;

    const SPINS: bool = true;

    #[inline(always)]
    fn acquire(&self) -> M::Saved {
        let saved = M::mask();
        if !self.flag.try_set() {
            self.wait();
        }
        saved
    }

    #[inline(always)]
    unsafe fn release(&self, saved: M::Saved) {
        self.flag.clear();
        // SAFETY: `saved` came from the matching `acquire`.
        unsafe { M::restore(saved) }
    }
}

// SAFETY: it reads and writes a flag; a mask does not allocate.
unsafe impl<M: Mask> NonAllocatingLock for MaskedSpinLock<M> {}

impl<M: Mask> MaskedSpinLock<M> {
    /// On chips it is inlined: a call, even one that is never made, would cost ten saved registers. On hosts a wait is long.
    #[cfg_attr(chip, inline(always))]
    #[cfg_attr(not(chip), cold, inline(never))]
    fn wait(&self) {
        loop {
            self.flag.pause();
            if self.flag.try_set() {
                return;
            }
        }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;

    #[test]
    fn pause_ends_when_the_flag_is_clear_and_not_before() {
        let (flag, is_about_to_clear) = (Flag::new(), AtomicBool::new(false));
        flag.pause(); // clear already
        assert!(flag.try_set() && !flag.try_set());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                is_about_to_clear.store(true, Ordering::Relaxed);
                flag.clear();
            });
            flag.pause();
            assert!(is_about_to_clear.load(Ordering::Relaxed), "the flag is still set");
        });
        assert!(flag.try_set());
    }
}
