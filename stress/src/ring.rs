//! A ring through which one thread passes addresses to another.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

const PLACES: usize = 16;

/// Places, each null or with an address on its way. Each thread keeps its own position.
pub(crate) struct Ring([AtomicPtr<u8>; PLACES]);

impl Ring {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicPtr::new(null_mut()) }; PLACES])
    }

    /// Passes on a block as number `at`; `false` if its place is not empty yet.
    pub(crate) fn push(&self, at: u64, block: NonNull<u8>) -> bool {
        let place = &self.0[at as usize % PLACES];
        place.compare_exchange(null_mut(), block.as_ptr(), Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Receives number `at`, if it is there.
    pub(crate) fn pop(&self, at: u64) -> Option<NonNull<u8>> {
        NonNull::new(self.0[at as usize % PLACES].swap(null_mut(), Ordering::Acquire))
    }
}
