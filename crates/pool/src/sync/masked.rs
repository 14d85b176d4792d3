//! Words of a processor that changes none atomically: a load and a store with a lock held. A load or a store alone is whole.
//!
//! The lock is the program's critical section, or the interrupt mask of a chip that is known to have one core. On a target
//! where neither is known there are no such words, and nothing that is made of them.

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::WordLock;
use crate::lock::RawLock;

/// Bits, set and cleared one at a time.
#[derive(Debug)]
pub(crate) struct BitWord(AtomicU32);

impl BitWord {
    pub(crate) const BITS: usize = 32;

    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Relaxed)
    }

    /// Sets `bit`; whether it was clear.
    #[inline(always)]
    pub(crate) fn take(&self, bit: u32) -> bool {
        self.change(|old| old | bit) & bit == 0
    }

    /// Clears `bit`; whether it was set.
    #[inline(always)]
    pub(crate) fn put(&self, bit: u32) -> bool {
        self.change(|old| old & !bit) & bit != 0
    }

    /// Clears every bit; while nothing else uses them.
    pub(crate) fn clear(&self) {
        self.put(u32::MAX);
    }

    /// The lock orders what came before one change before what comes after another.
    #[inline(always)]
    fn change(&self, to: impl FnOnce(u32) -> u32) -> u32 {
        WordLock::INIT.with(|| {
            let old = self.0.load(Relaxed);
            self.0.store(to(old), Relaxed);
            old
        })
    }
}

/// A number that orders nothing.
#[derive(Debug)]
pub(crate) struct RelaxedCounter(BitWord);

impl RelaxedCounter {
    pub(crate) const fn new() -> Self {
        Self(BitWord::new())
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.get()
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u32) {
        self.0.0.store(value, Relaxed);
    }

    pub(crate) fn bump(&self) {
        self.0.change(|old| old.wrapping_add(1));
    }
}

/// A number of owners.
#[derive(Debug)]
pub(crate) struct OwnerCount(BitWord);

/// From here on nothing is counted any more, and the last owner never goes: a block lost rather than one freed too early.
const SATURATED: u32 = u32::MAX / 2;

impl OwnerCount {
    pub(crate) const fn one() -> Self {
        Self(BitWord(AtomicU32::new(1)))
    }

    #[inline(always)]
    pub(crate) fn add(&self) {
        self.0.change(|owners| if owners >= SATURATED { owners } else { owners + 1 });
    }

    /// One less; whether none is left.
    #[inline(always)]
    pub(crate) fn remove(&self) -> bool {
        self.0.change(|owners| if owners >= SATURATED { owners } else { owners.wrapping_sub(1) }) == 1
    }

    /// With the lock held, which orders it after what the others did before they went.
    pub(crate) fn is_one(&self) -> bool {
        self.0.change(|owners| owners) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saturated_count_stays_so_and_the_last_owner_never_goes() {
        let owners = |count: &OwnerCount| count.0.get();
        let count = OwnerCount(BitWord(AtomicU32::new(SATURATED - 1)));
        count.add();
        count.add();
        assert_eq!(owners(&count), SATURATED, "it stops there");
        assert!(
            !count.remove() && owners(&count) == SATURATED,
            "what is not counted any more is not taken off"
        );
        let counted = OwnerCount(BitWord(AtomicU32::new(SATURATED - 1)));
        assert!(
            !counted.remove() && owners(&counted) == SATURATED - 2,
            "one below is counted like any other"
        );
    }
}
