//! Words of a core that changes none atomically: interrupts are masked for a load and a store.

use core::cell::UnsafeCell;

use super::Interrupts;
use crate::lock::Mask;

/// Bits, set and cleared one at a time.
#[derive(Debug)]
pub(crate) struct Word(UnsafeCell<u32>);

impl Word {
    pub(crate) const BITS: usize = 32;

    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        // SAFETY: a word is read at once; such a core has no other beside it.
        unsafe { self.0.get().read_volatile() }
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

    /// Clears every bit; while nobody uses them.
    pub(crate) fn clear(&self) {
        self.put(u32::MAX);
    }

    #[inline(always)]
    fn change(&self, to: impl FnOnce(u32) -> u32) -> u32 {
        let saved = Interrupts::mask();
        // SAFETY: with interrupts masked nothing else runs on the core, and there is no other.
        let old = unsafe {
            let old = self.0.get().read();
            self.0.get().write(to(old));
            old
        };
        // SAFETY: masked above.
        unsafe { Interrupts::restore(saved) };
        old
    }
}

/// A number that orders nothing.
#[derive(Debug)]
pub(crate) struct Number(Word);

impl Number {
    pub(crate) const fn new() -> Self {
        Self(Word::new())
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u32 {
        self.0.get()
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u32) {
        // SAFETY: a word is written at once; such a core has no other beside it.
        unsafe { self.0.0.get().write_volatile(value) };
    }

    pub(crate) fn bump(&self) {
        self.0.change(|old| old.wrapping_add(1));
    }
}

/// A number of owners.
#[derive(Debug)]
pub(crate) struct Count(Word);

// SAFETY: changed with interrupts masked only, on a core that has no other beside it.
unsafe impl Sync for Word {}

/// From here on nobody counts any more, and the last owner never goes: a block lost rather than one freed too early.
const SATURATED: u32 = u32::MAX / 2;

impl Count {
    pub(crate) const fn one() -> Self {
        Self(Word(UnsafeCell::new(1)))
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

    pub(crate) fn is_one(&self) -> bool {
        self.0.get() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saturated_count_stays_so_and_the_last_owner_never_goes() {
        let owners = |count: &Count| count.0.get();
        let count = Count(Word(UnsafeCell::new(SATURATED - 1)));
        count.add();
        count.add();
        assert_eq!(owners(&count), SATURATED, "it stops there");
        assert!(
            !count.remove() && owners(&count) == SATURATED,
            "what is not counted any more is not taken off"
        );
        let counted = Count(Word(UnsafeCell::new(SATURATED - 1)));
        assert!(
            !counted.remove() && owners(&counted) == SATURATED - 2,
            "one below is counted like any other"
        );
    }
}
