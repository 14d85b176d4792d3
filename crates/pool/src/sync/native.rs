//! What the program is built with.

use core::cell::UnsafeCell;

#[cfg(target_has_atomic = "32")]
pub(crate) use core::sync::atomic::AtomicU32;
pub(crate) use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub(crate) use machine::SearchHint;
pub(crate) use machine::ahead;

#[cfg_attr(any(target_os = "none", target_os = "espidf"), path = "machine/chip.rs")]
#[cfg_attr(
    not(any(target_os = "none", target_os = "espidf")),
    cfg_attr(all(target_arch = "x86_64", not(miri)), path = "machine/host_x86_64.rs"),
    cfg_attr(not(all(target_arch = "x86_64", not(miri))), path = "machine/host.rs")
)]
mod machine;

/// Pauses, at least once, until `is_over` says so.
#[cfg(target_has_atomic = "32")]
#[inline(always)]
pub(crate) fn pause_until(is_over: impl Fn() -> bool) {
    loop {
        machine::pause::pause();
        if is_over() {
            return;
        }
    }
}

/// Something that a lock guards.
pub(crate) struct Guarded<T>(UnsafeCell<T>);

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Its address, for as long as `work` runs, which has it to itself.
    #[inline(always)]
    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        work(self.0.get())
    }

    /// Its address, for as long as `work` runs, which others may share.
    #[inline(always)]
    pub(crate) fn with<R>(&self, work: impl FnOnce(*const T) -> R) -> R {
        work(self.0.get())
    }
}
