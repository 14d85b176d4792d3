//! The world of the random scheduler shuttle: at every access it may continue with another thread.

use core::cell::{Cell, UnsafeCell};

pub(crate) use shuttle::sync::atomic::{AtomicBool, Ordering};

/// A planted fault in the atomic words, which a test must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// No fault.
    None,
    /// A word is changed in two steps.
    TwoSteps,
}

std::thread_local! {
    /// The flaw of the schedule that runs on this thread; shuttle runs all threads of a schedule on one.
    pub static FLAW: Cell<Flaw> = const { Cell::new(Flaw::None) };
}

/// The atomic of the language of this name, as far as pools use it. Every ordering counts as the strongest one here.
#[derive(Debug)]
pub(crate) struct AtomicU32(shuttle::sync::atomic::AtomicU32);

impl AtomicU32 {
    pub(crate) const fn new(start: u32) -> Self {
        Self(shuttle::sync::atomic::AtomicU32::new(start))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }

    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        self.change(|_| value, || self.0.swap(value, order))
    }

    pub(crate) fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
        self.change(|old| old | bits, || self.0.fetch_or(bits, order))
    }

    pub(crate) fn fetch_and(&self, bits: u32, order: Ordering) -> u32 {
        self.change(|old| old & bits, || self.0.fetch_and(bits, order))
    }

    pub(crate) fn fetch_add(&self, number: u32, order: Ordering) -> u32 {
        self.change(|old| old.wrapping_add(number), || self.0.fetch_add(number, order))
    }

    pub(crate) fn fetch_sub(&self, number: u32, order: Ordering) -> u32 {
        self.change(|old| old.wrapping_sub(number), || self.0.fetch_sub(number, order))
    }

    fn change(&self, to: impl Fn(u32) -> u32, at_once: impl Fn() -> u32) -> u32 {
        if FLAW.get() == Flaw::None {
            return at_once();
        }
        let old = self.0.load(Ordering::Acquire);
        self.0.store(to(old), Ordering::Release);
        old
    }
}

pub(crate) fn pause_until(is_over: impl Fn() -> bool) {
    while !is_over() {
        shuttle::thread::yield_now();
    }
}

/// A value that a lock guards: a second use at the same time is a panic, unless both only read.
pub(crate) struct Guarded<T> {
    value: UnsafeCell<T>,
    in_use: Cell<bool>,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), in_use: Cell::new(false) }
    }

    /// The threads of a schedule run on one thread of the machine, so that a cell is enough to see two at once.
    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        assert!(!self.in_use.replace(true), "two at once use what a lock guards");
        shuttle::thread::yield_now();
        let result = work(self.value.get());
        shuttle::thread::yield_now();
        self.in_use.set(false);
        result
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(*const T) -> R) -> R {
        assert!(!self.in_use.get(), "one looks at what another changes");
        work(self.value.get())
    }
}
