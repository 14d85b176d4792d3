//! The kinds of words.

use super::{AtomicU32, Ordering};

/// Bits that are set and cleared one at a time.
#[derive(Debug)]
pub(crate) struct BitWord(AtomicU32);

impl BitWord {
    pub(crate) const BITS: usize = 32;

    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets `bit`; returns whether it was clear. The context that sets it sees everything that was done before it was
    /// cleared.
    #[inline(always)]
    pub(crate) fn try_set(&self, bit: u32) -> bool {
        self.0.fetch_or(bit, Ordering::Acquire) & bit == 0
    }

    /// Clears `bit`, after everything that was done before; returns whether it was set.
    #[inline(always)]
    pub(crate) fn try_clear(&self, bit: u32) -> bool {
        self.0.fetch_and(!bit, Ordering::Release) & bit != 0
    }

    /// Clears every bit, while nothing else uses them.
    pub(crate) fn clear_all(&self) {
        self.try_clear(u32::MAX);
    }
}

/// A number that orders no other memory access.
#[derive(Debug)]
pub(crate) struct RelaxedCounter(AtomicU32);

impl RelaxedCounter {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u32) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Adds one.
    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A number of owners.
#[derive(Debug)]
pub(crate) struct OwnerCount(AtomicU32);

/// From here on owners are not counted any more, and none is ever the last: a block is lost rather than freed too early.
const SATURATED: u32 = u32::MAX / 2;

impl OwnerCount {
    pub(crate) const fn one() -> Self {
        Self(AtomicU32::new(1))
    }

    #[inline(always)]
    pub(crate) fn add(&self) {
        if self.0.fetch_add(1, Ordering::Relaxed) >= SATURATED {
            self.0.store(SATURATED, Ordering::Relaxed);
        }
    }

    /// Removes an owner; returns whether it was the last. The last one sees what all others did.
    #[inline(always)]
    pub(crate) fn remove(&self) -> bool {
        let owners = self.0.fetch_sub(1, Ordering::AcqRel);
        if owners >= SATURATED {
            self.0.store(SATURATED, Ordering::Relaxed);
        }
        owners == 1
    }

    pub(crate) fn is_one(&self) -> bool {
        self.0.load(Ordering::Acquire) == 1
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn owners(count: &OwnerCount) -> u32 {
        count.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_saturated_count_stays_saturated_and_no_owner_is_the_last() {
        let count = OwnerCount(AtomicU32::new(SATURATED - 1));
        count.add();
        assert_eq!(owners(&count), SATURATED);
        // Contexts that add at the same time may each find it saturated, far below where it would wrap.
        count.add();
        assert_eq!(owners(&count), SATURATED, "it stops there");
        assert!(
            !count.remove() && owners(&count) == SATURATED,
            "an owner that was not counted is not removed"
        );
        let counted = OwnerCount(AtomicU32::new(SATURATED - 1));
        assert!(
            !counted.remove() && owners(&counted) == SATURATED - 2,
            "one below the limit is counted like any other"
        );
    }

    #[test]
    fn owners_are_counted() {
        let count = OwnerCount::one();
        assert!(count.is_one());
        count.add();
        assert!(!count.is_one());
        assert!(!count.remove() && count.is_one());
        assert!(count.remove());
    }
}
