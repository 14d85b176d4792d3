//! What every context does with a pool: allocs and frees by way of the owner table, which are counted.

use std::ptr::NonNull;

use microusc_testkit::OwnerTable;

use crate::fault::fault;
use crate::pools::{BLOCKS, StressedPool, WORDS};

static OWNERS: OwnerTable<BLOCKS, WORDS> = OwnerTable::new();

/// The operations of one context.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OperationCounts {
    pub(crate) allocated: u64,
    pub(crate) freed: u64,
    /// Allocs from an exhausted pool.
    pub(crate) exhausted: u64,
}

impl OperationCounts {
    pub(crate) fn total(self) -> u64 {
        self.allocated + self.freed + self.exhausted
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            allocated: self.allocated + other.allocated,
            freed: self.freed + other.freed,
            exhausted: self.exhausted + other.exhausted,
        }
    }
}

/// Learns where the blocks of the pool are.
pub(crate) fn learn<S: StressedPool>() {
    OWNERS.learn(S::pool()).unwrap_or_else(|rule| fault(rule));
}

/// Allocates a block for `owner`, which is not 0 and another number for every call.
pub(crate) fn alloc<S: StressedPool>(owner: u64, counts: &mut OperationCounts) -> Option<NonNull<u8>> {
    let block = OWNERS.alloc(S::pool(), owner as usize).unwrap_or_else(|rule| fault(rule));
    match block {
        Some(_) => counts.allocated += 1,
        None => counts.exhausted += 1,
    }
    block
}

/// Frees a block, after checking that it is as its owner filled it. It may come from another context.
pub(crate) fn free<S: StressedPool>(block: NonNull<u8>, counts: &mut OperationCounts) {
    // SAFETY: the block is from `alloc`, and every context frees or passes on each of its blocks once.
    unsafe { OWNERS.free(S::pool(), block, |_| true) }.unwrap_or_else(|rule| fault(rule));
    counts.freed += 1;
}
