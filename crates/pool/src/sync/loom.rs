//! What the model checker watches. Its types cannot be made in constants, so each is made when first used.

use core::cell::UnsafeCell;
use std::sync::OnceLock;

use loom::sync::atomic::{AtomicBool, Ordering};

/// A flag that one context at a time can set.
#[derive(Debug)]
pub(crate) struct Flag(OnceLock<AtomicBool>);

impl Flag {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn watched(&self) -> &AtomicBool {
        self.0.get_or_init(|| AtomicBool::new(false))
    }

    /// Compares before it writes: loom holds it possible that a swap which changes nothing comes after, and so
    /// undoes, a `clear` that it did not see.
    pub(crate) fn try_set(&self) -> bool {
        self.watched().compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn clear(&self) {
        self.watched().store(false, Ordering::Release);
    }

    /// Lets the others run. (A relaxed load may see the past for ever here.)
    pub(crate) fn pause(&self) {
        loom::thread::yield_now();
    }
}

/// Something that a lock guards: two accesses that no lock orders are reported.
pub(crate) struct Guarded<T> {
    value: UnsafeCell<T>,
    watched: OnceLock<loom::cell::UnsafeCell<()>>,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), watched: OnceLock::new() }
    }

    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        let watched = self.watched.get_or_init(|| loom::cell::UnsafeCell::new(()));
        watched.with_mut(|_| work(self.value.get()))
    }
}
