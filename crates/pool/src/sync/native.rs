//! What the program is built with.

use core::cell::UnsafeCell;

#[cfg(target_has_atomic = "32")]
pub(crate) use flag::Flag;
#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub(crate) use machine::Hint;
pub(crate) use machine::ahead;
#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub(crate) use word::{Count, Number, Word};

#[cfg(any(target_has_atomic = "32", feature = "critical-section", feature = "unsafe-assume-single-core"))]
#[cfg_attr(target_has_atomic = "32", path = "word/atomic.rs")]
#[cfg_attr(not(target_has_atomic = "32"), path = "word/masked.rs")]
mod word;

#[cfg_attr(any(target_os = "none", target_os = "espidf"), path = "machine/chip.rs")]
#[cfg_attr(
    not(any(target_os = "none", target_os = "espidf")),
    cfg_attr(all(target_arch = "x86_64", not(miri)), path = "machine/host_x86_64.rs"),
    cfg_attr(not(all(target_arch = "x86_64", not(miri))), path = "machine/host.rs")
)]
mod machine;

/// A flag that one context at a time can set.
#[cfg(target_has_atomic = "32")]
mod flag {
    use core::sync::atomic::{AtomicU32, Ordering};

    const CLEAR: u32 = 0;
    const SET: u32 = 1;

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
            // A swap is one instruction where there are atomic memory operations, and the flag stays as it was when
            // it was set.
            self.0.swap(SET, Ordering::Acquire) == CLEAR
        }

        /// Clears it, after all that came before.
        #[inline(always)]
        pub(crate) fn clear(&self) {
            self.0.store(CLEAR, Ordering::Release);
        }

        /// Waits until a try may succeed, without writing: the line stays shared among the cores that wait.
        #[inline]
        pub(crate) fn pause(&self) {
            loop {
                super::machine::pause::pause();
                if self.0.load(Ordering::Relaxed) == CLEAR {
                    return;
                }
            }
        }
    }
}

/// Something that a lock guards.
pub(crate) struct Guarded<T>(UnsafeCell<T>);

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Its address, for as long as `work` runs.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        work(self.0.get())
    }
}
