//! The numbers that a pool keeps besides its free list.

/// What a pool counts, and the limits that follow from it. All zero at first.
///
/// None of it lies in a block, so no write that goes astray in a block changes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Counters {
    /// The fast path serves blocks below this index: `first_unused`, or 0 while there is a slow path reason.
    pub fast_path_limit: usize,
    /// The index from which on blocks have never been on the free list.
    pub first_unused: usize,
    /// Allocations refused because no block was free for the caller: all in use, or the free ones kept as the reserve or for
    /// waiting tasks. Stays at its maximum.
    pub exhausted: u32,
    /// Frees refused: double, or not a block. Stays at its maximum.
    pub refused: u32,
    /// Free blocks that are kept for interrupts.
    pub reserve: u32,
    /// Times that damage was met in the free list. Stays at its maximum.
    pub damaged: u16,
    /// Why operations take the slow path: one bit for each reason, 0 for none.
    pub slow_path_reasons: u8,
    /// Tasks that wait for a block; as many free blocks are kept for them. [`u8::MAX`] stands for that number and all above.
    pub waiting: u8,
}

impl Counters {
    /// All counters zero.
    pub const NEW: Self = Self {
        fast_path_limit: 0,
        first_unused: 0,
        exhausted: 0,
        refused: 0,
        reserve: 0,
        damaged: 0,
        slow_path_reasons: 0,
        waiting: 0,
    };

    #[inline(always)]
    pub(crate) fn count_exhausted(&mut self) {
        self.exhausted = self.exhausted.saturating_add(1);
    }

    #[inline(always)]
    pub(crate) fn count_refused(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    #[inline(always)]
    pub(crate) fn count_damaged(&mut self) {
        self.damaged = self.damaged.saturating_add(1);
    }

    /// Adds or removes a reason to take the slow path.
    #[inline(always)]
    pub(crate) fn set_slow_path_reason(&mut self, reason: u8, holds: bool) {
        self.slow_path_reasons =
            if holds { self.slow_path_reasons | reason } else { self.slow_path_reasons & !reason };
        self.set_first_unused(self.first_unused);
    }

    /// Blocks below `index` have been on the free list.
    #[inline(always)]
    pub(crate) fn set_first_unused(&mut self, index: usize) {
        self.first_unused = index;
        self.fast_path_limit = if self.slow_path_reasons == 0 { index } else { 0 };
    }
}
