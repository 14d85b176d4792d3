//! What the random scheduler runs: every access is a place where it may go on with another thread.

use core::cell::{Cell, UnsafeCell};

use shuttle::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[path = "ahead/none.rs"]
pub(crate) mod ahead;
#[path = "hint/shared.rs"]
mod hint;

pub(crate) use hint::Hint;

/// A flag that one context at a time can set.
#[derive(Debug)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub(crate) fn try_set(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Release);
    }

    pub(crate) fn pause(&self) {
        while self.0.load(Ordering::Relaxed) {
            shuttle::thread::yield_now();
        }
    }
}

/// Something that a lock guards: a second user at the same time is reported.
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
}

/// How the words below are broken on purpose, to see that this is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not at all.
    None,
    /// A word is changed in two steps.
    TwoSteps,
}

std::thread_local! {
    /// The flaw of the schedule that runs on this thread; shuttle runs all threads of a schedule on one.
    pub static FLAW: Cell<Flaw> = const { Cell::new(Flaw::None) };
}

/// Bits, set and cleared one at a time.
#[derive(Debug)]
pub(crate) struct Word(AtomicU32);

impl Word {
    pub(crate) const BITS: usize = 32;

    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self, bit: u32) -> bool {
        self.change(|old| old | bit, || self.0.fetch_or(bit, Ordering::Acquire)) & bit == 0
    }

    pub(crate) fn put(&self, bit: u32) -> bool {
        self.change(|old| old & !bit, || self.0.fetch_and(!bit, Ordering::Release)) & bit != 0
    }

    fn change(&self, to: impl Fn(u32) -> u32, at_once: impl Fn() -> u32) -> u32 {
        if FLAW.get() == Flaw::None {
            return at_once();
        }
        let old = self.0.load(Ordering::Acquire);
        self.0.store(to(old), Ordering::Release);
        old
    }

    /// Clears every bit; while nobody uses them.
    pub(crate) fn clear(&self) {
        self.put(u32::MAX);
    }
}

/// A number that orders nothing.
#[derive(Debug)]
pub(crate) struct Number(AtomicU32);

impl Number {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn bump(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A number of owners.
#[derive(Debug)]
pub(crate) struct Count(AtomicU32);

impl Count {
    pub(crate) const fn one() -> Self {
        Self(AtomicU32::new(1))
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn remove(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 1
    }

    pub(crate) fn is_one(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 1
    }
}
