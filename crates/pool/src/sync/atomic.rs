//! Words that the processor changes atomically.

use super::world::{AtomicU32, Ordering};

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
        self.0.load(Ordering::Relaxed)
    }

    /// Sets `bit`; whether it was clear. Whoever sets it sees what was done before it was cleared.
    #[inline(always)]
    pub(crate) fn take(&self, bit: u32) -> bool {
        self.0.fetch_or(bit, Ordering::Acquire) & bit == 0
    }

    /// Clears `bit`, after all that was done before; whether it was set.
    #[inline(always)]
    pub(crate) fn put(&self, bit: u32) -> bool {
        self.0.fetch_and(!bit, Ordering::Release) & bit != 0
    }

    /// Clears every bit; while nobody uses them.
    pub(crate) fn clear(&self) {
        self.put(u32::MAX);
    }
}

/// A number that orders nothing.
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

    pub(crate) fn bump(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A number of owners.
#[derive(Debug)]
pub(crate) struct OwnerCount(AtomicU32);

/// From here on nobody counts any more, and the last owner never goes: a block lost rather than one freed too early.
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

    /// One less; whether none is left. The last sees what all others did.
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
    fn a_saturated_count_stays_so_and_the_last_owner_never_goes() {
        let count = OwnerCount(AtomicU32::new(SATURATED - 1));
        count.add();
        assert_eq!(owners(&count), SATURATED);
        // Contexts that add at the same time may each find it saturated, far below where it would wrap.
        count.add();
        assert_eq!(owners(&count), SATURATED, "it goes no further");
        assert!(
            !count.remove() && owners(&count) == SATURATED,
            "what is not counted any more is not taken off"
        );
        let counted = OwnerCount(AtomicU32::new(SATURATED - 1));
        assert!(
            !counted.remove() && owners(&counted) == SATURATED - 2,
            "one below is counted like any other"
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
