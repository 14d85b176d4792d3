//! An `AtomicU32` for processors without atomic instructions: a load and a store with a lock held. A load or a store alone is
//! one instruction.
//!
//! The lock is the program's critical section, or the interrupt mask of a chip that is known to have one core. A target
//! where neither is known has no such words, and nothing that is made of them.

use core::sync::atomic::AtomicU32 as Plain;
pub(super) use core::sync::atomic::Ordering;

use super::WordLock;
use crate::lock::RawLock;

/// The atomic of the language of this name, as far as pools use it. The lock orders every change as strongly as `AcqRel`.
#[derive(Debug)]
pub(super) struct AtomicU32(Plain);

impl AtomicU32 {
    pub(super) const fn new(value: u32) -> Self {
        Self(Plain::new(value))
    }

    /// Relaxed: as it is. Otherwise under the lock, which orders it after the changes before.
    #[inline(always)]
    pub(super) fn load(&self, order: Ordering) -> u32 {
        match order {
            Ordering::Relaxed => self.0.load(Ordering::Relaxed),
            _ => self.change(|old| old),
        }
    }

    /// Always relaxed: no word needs more.
    #[inline(always)]
    pub(super) fn store(&self, value: u32, _: Ordering) {
        self.0.store(value, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn fetch_or(&self, bits: u32, _: Ordering) -> u32 {
        self.change(|old| old | bits)
    }

    #[inline(always)]
    pub(super) fn fetch_and(&self, bits: u32, _: Ordering) -> u32 {
        self.change(|old| old & bits)
    }

    #[inline(always)]
    pub(super) fn fetch_add(&self, number: u32, _: Ordering) -> u32 {
        self.change(|old| old.wrapping_add(number))
    }

    #[inline(always)]
    pub(super) fn fetch_sub(&self, number: u32, _: Ordering) -> u32 {
        self.change(|old| old.wrapping_sub(number))
    }

    #[inline(always)]
    fn change(&self, to: impl FnOnce(u32) -> u32) -> u32 {
        WordLock::INIT.with(|| {
            let old = self.0.load(Ordering::Relaxed);
            self.0.store(to(old), Ordering::Relaxed);
            old
        })
    }
}
