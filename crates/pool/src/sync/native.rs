//! The world of a program that is shipped.

use core::cell::UnsafeCell;

#[cfg(target_has_atomic = "32")]
pub(crate) use core::sync::atomic::AtomicU32;
pub(crate) use core::sync::atomic::{AtomicBool, Ordering};

/// Pauses, at least once, until `is_over` returns true.
#[cfg(target_has_atomic = "32")]
#[inline(always)]
pub(crate) fn pause_until(is_over: impl Fn() -> bool) {
    loop {
        super::machine::pause();
        if is_over() {
            return;
        }
    }
}

/// A value that a lock guards.
pub(crate) struct Guarded<T>(UnsafeCell<T>);

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Calls `work` with the address of the value, which nothing else uses meanwhile.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        work(self.0.get())
    }

    /// Calls `work` with the address of the value, which nothing changes meanwhile.
    #[inline(always)]
    pub(crate) fn with<R>(&self, work: impl FnOnce(*const T) -> R) -> R {
        work(self.0.get())
    }
}
