//! A ring of addresses from one thread to another.

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::subjects::Block;

const SLOTS: usize = 16;

/// Slots, each null or on its way. Each end keeps its own position.
pub(crate) struct Ring([AtomicPtr<Block>; SLOTS]);

impl Ring {
    pub(crate) const fn new() -> Self {
        Self([const { AtomicPtr::new(null_mut()) }; SLOTS])
    }

    /// Hands a block over as number `at`; `false` while there is no room.
    pub(crate) fn push(&self, at: u64, block: NonNull<Block>) -> bool {
        let slot = &self.0[at as usize % SLOTS];
        slot.compare_exchange(null_mut(), block.as_ptr(), Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Receives number `at`, once it is there.
    pub(crate) fn pop(&self, at: u64) -> Option<NonNull<Block>> {
        NonNull::new(self.0[at as usize % SLOTS].swap(null_mut(), Ordering::Acquire))
    }
}
