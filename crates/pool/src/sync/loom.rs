//! What the model checker watches. Its types cannot be made in constants, so each is made when first used.

use core::cell::UnsafeCell;
use std::sync::OnceLock;

use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[path = "ahead/none.rs"]
pub(crate) mod ahead;
#[path = "hint/shared.rs"]
mod hint;

pub(crate) use hint::Hint;

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

/// How the words below are broken on purpose, to see that this is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Not at all.
    None,
    /// Nothing is ordered.
    Relaxed,
    /// A word is changed in two steps.
    TwoSteps,
}

std::thread_local! {
    /// The flaw of the model that runs on this thread; loom runs all threads of a model on one.
    pub static FLAW: core::cell::Cell<Flaw> = const { core::cell::Cell::new(Flaw::None) };
}

fn ordering(right: Ordering) -> Ordering {
    if FLAW.get() == Flaw::Relaxed { Ordering::Relaxed } else { right }
}

/// Bits, set and cleared one at a time.
#[derive(Debug)]
pub(crate) struct Word(OnceLock<AtomicU32>);

impl Word {
    pub(crate) const BITS: usize = 32;

    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn watched(&self) -> &AtomicU32 {
        self.0.get_or_init(|| AtomicU32::new(0))
    }

    pub(crate) fn get(&self) -> u32 {
        self.watched().load(Ordering::Relaxed)
    }

    pub(crate) fn take(&self, bit: u32) -> bool {
        self.change(|old| old | bit, ordering(Ordering::Acquire)) & bit == 0
    }

    pub(crate) fn put(&self, bit: u32) -> bool {
        self.change(|old| old & !bit, ordering(Ordering::Release)) & bit != 0
    }

    /// Clears every bit; while nobody uses them.
    pub(crate) fn clear(&self) {
        self.put(u32::MAX);
    }

    fn change(&self, to: impl Fn(u32) -> u32, order: Ordering) -> u32 {
        let word = self.watched();
        if FLAW.get() == Flaw::TwoSteps {
            let old = word.load(Ordering::Acquire);
            word.store(to(old), Ordering::Release);
            return old;
        }
        let changed = word.fetch_update(order, Ordering::Relaxed, |old| Some(to(old)));
        changed.unwrap_or_else(|old| old)
    }
}

/// A number that orders nothing.
#[derive(Debug)]
pub(crate) struct Number(OnceLock<AtomicU32>);

impl Number {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn watched(&self) -> &AtomicU32 {
        self.0.get_or_init(|| AtomicU32::new(0))
    }

    pub(crate) fn get(&self) -> u32 {
        self.watched().load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, value: u32) {
        self.watched().store(value, Ordering::Relaxed);
    }

    pub(crate) fn bump(&self) {
        self.watched().fetch_add(1, Ordering::Relaxed);
    }
}

/// A number of owners.
#[derive(Debug)]
pub(crate) struct Count(OnceLock<AtomicU32>);

impl Count {
    pub(crate) const fn one() -> Self {
        Self(OnceLock::new())
    }

    fn watched(&self) -> &AtomicU32 {
        self.0.get_or_init(|| AtomicU32::new(1))
    }

    pub(crate) fn add(&self) {
        self.watched().fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self) -> bool {
        self.watched().fetch_sub(1, ordering(Ordering::AcqRel)) == 1
    }

    pub(crate) fn is_one(&self) -> bool {
        self.watched().load(Ordering::Acquire) == 1
    }
}
