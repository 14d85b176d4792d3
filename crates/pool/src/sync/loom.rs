//! The world of the model checker loom. Its types cannot be made in constants, so each is made at its first use.

use core::cell::UnsafeCell;
use std::sync::OnceLock;

pub(crate) use loom::sync::atomic::Ordering;

/// A planted fault in the atomic words, which a test must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// No fault.
    None,
    /// Every ordering is relaxed.
    Relaxed,
    /// A word is changed in two steps.
    TwoSteps,
}

std::thread_local! {
    /// The flaw of the model that runs on this thread; loom runs all threads of a model on one.
    pub static FLAW: core::cell::Cell<Flaw> = const { core::cell::Cell::new(Flaw::None) };
}

/// The atomic of the language of this name, as far as pools use it.
#[derive(Debug)]
pub(crate) struct AtomicU32 {
    start: u32,
    watched: OnceLock<loom::sync::atomic::AtomicU32>,
}

impl AtomicU32 {
    pub(crate) const fn new(start: u32) -> Self {
        Self { start, watched: OnceLock::new() }
    }

    fn watched(&self) -> &loom::sync::atomic::AtomicU32 {
        self.watched.get_or_init(|| loom::sync::atomic::AtomicU32::new(self.start))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.watched().load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.watched().store(value, order);
    }

    /// Compares before it writes: in the model of loom, a swap that changes nothing may be ordered after a store that it did
    /// not see, and so undo it.
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        let mut expected = !value;
        loop {
            match self.watched().compare_exchange(expected, value, order, Ordering::Relaxed) {
                Ok(old) => return old,
                Err(old) if old == value => return old,
                Err(other) => expected = other,
            }
        }
    }

    pub(crate) fn fetch_or(&self, bits: u32, order: Ordering) -> u32 {
        self.change(|old| old | bits, |word, order| word.fetch_or(bits, order), order)
    }

    pub(crate) fn fetch_and(&self, bits: u32, order: Ordering) -> u32 {
        self.change(|old| old & bits, |word, order| word.fetch_and(bits, order), order)
    }

    pub(crate) fn fetch_add(&self, number: u32, order: Ordering) -> u32 {
        self.change(|old| old.wrapping_add(number), |word, order| word.fetch_add(number, order), order)
    }

    pub(crate) fn fetch_sub(&self, number: u32, order: Ordering) -> u32 {
        self.change(|old| old.wrapping_sub(number), |word, order| word.fetch_sub(number, order), order)
    }

    /// In one step and with the given ordering, unless a fault is planted there. It is one access, without a read before it:
    /// loom remembers only the last access to a word, and would leave out interleavings with an earlier read.
    fn change(
        &self,
        to: impl Fn(u32) -> u32,
        at_once: impl Fn(&loom::sync::atomic::AtomicU32, Ordering) -> u32,
        order: Ordering,
    ) -> u32 {
        let word = self.watched();
        match FLAW.get() {
            Flaw::None => at_once(word, order),
            Flaw::Relaxed => at_once(word, Ordering::Relaxed),
            Flaw::TwoSteps => {
                let old = word.load(Ordering::Acquire);
                word.store(to(old), Ordering::Release);
                old
            }
        }
    }
}

/// The atomic of the language of this name, as far as pools use it.
#[derive(Debug)]
pub(crate) struct AtomicBool {
    start: bool,
    watched: OnceLock<loom::sync::atomic::AtomicBool>,
}

impl AtomicBool {
    pub(crate) const fn new(start: bool) -> Self {
        Self { start, watched: OnceLock::new() }
    }

    fn watched(&self) -> &loom::sync::atomic::AtomicBool {
        self.watched.get_or_init(|| loom::sync::atomic::AtomicBool::new(self.start))
    }

    pub(crate) fn load(&self, order: Ordering) -> bool {
        self.watched().load(order)
    }

    pub(crate) fn store(&self, value: bool, order: Ordering) {
        self.watched().store(value, order);
    }
}

/// Lets other threads run. (`is_over` is not called: in the model a relaxed load may return an old value for ever.)
pub(crate) fn pause_until(_: impl Fn() -> bool) {
    loom::thread::yield_now();
}

/// A value that a lock guards: two accesses that no lock orders are reported.
pub(crate) struct Guarded<T> {
    value: UnsafeCell<T>,
    watched: OnceLock<loom::cell::UnsafeCell<()>>,
}

impl<T> Guarded<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value: UnsafeCell::new(value), watched: OnceLock::new() }
    }

    fn watched(&self) -> &loom::cell::UnsafeCell<()> {
        self.watched.get_or_init(|| loom::cell::UnsafeCell::new(()))
    }

    pub(crate) fn with_mut<R>(&self, work: impl FnOnce(*mut T) -> R) -> R {
        self.watched().with_mut(|_| work(self.value.get()))
    }

    pub(crate) fn with<R>(&self, work: impl FnOnce(*const T) -> R) -> R {
        self.watched().with(|_| work(self.value.get()))
    }
}
