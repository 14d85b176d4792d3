//! What a pool tells about itself.

use core::fmt;

/// A snapshot of a pool. Plain numbers: blocks unless the name says bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes from one block to the next: what each block may use.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Blocks that can be taken now.
    pub free: usize,
    /// The fewest blocks that could be taken at any time since the start, or since the last reset.
    /// Exact while the free list is whole; after damage it may be too low, never too high, until it is reset.
    pub lowest_free: usize,
    /// Allocations refused because every block was in use. Stays at its maximum.
    pub exhausted: u32,
    /// Frees refused: double, or not a block of the pool. Stays at its maximum.
    pub refused: u32,
    /// Times that damage was met in the free list. Stays at its maximum, 65535.
    pub damaged: u32,
}

impl Stats {
    /// Blocks in use.
    pub const fn used(&self) -> usize {
        self.capacity.saturating_sub(self.free)
    }
}

/// A snapshot in the making.
///
/// The counters of a pool are consistent with each other: they are read in one critical section. The lowest number of
/// free blocks is counted behind it, some blocks in each critical section, so that none is long; it is never above `free`.
#[derive(Clone, Copy, Debug)]
pub struct StatsBuilder {
    stats: Option<Stats>,
    next: usize,
    end: usize,
}

impl StatsBuilder {
    /// Blocks looked at in one step.
    const STEP: usize = 64;

    /// Makes a snapshot by calling `step`, which calls [`FreeList::survey`](crate::FreeList::survey) in a critical section,
    /// until it is complete. O(capacity).
    pub fn make(mut step: impl FnMut(&mut Self) -> bool) -> Stats {
        let mut survey = Self { stats: None, next: 0, end: 0 };
        loop {
            let complete = step(&mut survey);
            if let (true, Some(stats)) = (complete, survey.stats) {
                return stats;
            }
        }
    }

    pub(crate) fn begins(&self) -> bool {
        self.stats.is_none()
    }

    pub(crate) fn begin(&mut self, stats: Stats, end: usize) {
        (self.stats, self.end) = (Some(stats), end);
    }

    /// Looks at the next blocks, all of them below `limit`; `true` if they were the last.
    pub(crate) fn look(&mut self, limit: usize, is_never_allocated: impl Fn(usize) -> bool) -> bool {
        let end = self.end.min(limit);
        let until = end.min(self.next.saturating_add(Self::STEP));
        let seen = (self.next..until).filter(|&index| is_never_allocated(index)).count();
        self.next = until;
        if let Some(stats) = &mut self.stats {
            // Started anew in the meantime, the marks may say more than there was at the beginning.
            stats.lowest_free = stats.free.min(stats.lowest_free + seen);
        }
        self.next >= end
    }
}

/// `[######......] 6 of 12 blocks of 32 B used, lowest free 4, exhausted 0, refused 0, damaged 0`
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDTH: usize = 12;
        f.write_str("[")?;
        for cell in 0..WIDTH {
            // capacity * cell / WIDTH, without overflow, and without a division by the capacity: the fields are public, so
            // any numbers may be shown.
            let below = self.capacity / WIDTH * cell + self.capacity % WIDTH * cell / WIDTH;
            f.write_str(if self.used() > below { "#" } else { "." })?;
        }
        write!(
            f,
            "] {} of {} blocks of {} B used, lowest free {}, exhausted {}, refused {}, damaged {}",
            self.used(),
            self.capacity,
            self.stride_bytes,
            self.lowest_free,
            self.exhausted,
            self.refused,
            self.damaged
        )
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::allocation_map::NEVER_ALLOCATED;
    use crate::{ByteMap, Counters, FreeList, Geometry};

    /// A pool of so many blocks that were on the list once, over marks that end with those.
    fn with_pool<R>(marks: &mut [u8], work: impl FnOnce(&FreeList<'_, ByteMap>) -> R) -> R {
        let geometry = Geometry::new(8, 8, marks.len()).unwrap();
        let mut blocks = std::vec![0u64; marks.len()];
        let (mut head, mut free_list_len) = (core::ptr::null_mut(), 0);
        let mut counters = Counters { first_unused: marks.len(), ..Counters::NEW };
        // SAFETY: memory for so many blocks and marks, used by nothing else meanwhile.
        let raw = unsafe {
            let marks = ByteMap::new(marks.as_mut_ptr());
            FreeList::new(
                (&mut head, &mut free_list_len),
                &mut counters,
                blocks.as_mut_ptr().cast(),
                &geometry,
                marks,
            )
        };
        work(&raw)
    }

    #[test]
    fn a_survey_that_another_pool_began_reads_no_mark_beyond_this_ones() {
        let mut large = [NEVER_ALLOCATED; 200];
        let mut small = [NEVER_ALLOCATED; 10];
        let mut steps = 0;
        let stats = StatsBuilder::make(|survey| {
            steps += 1;
            assert!(steps < 10, "it never ends");
            if steps == 1 {
                with_pool(&mut large, |raw| raw.collect_stats(survey))
            } else {
                with_pool(&mut small, |raw| raw.collect_stats(survey))
            }
        });
        assert_eq!((steps, stats.capacity), (2, 200));
        // From the start: of the end that the larger pool set, only what this pool has is read.
        let mut survey = StatsBuilder { stats: Some(stats), next: 0, end: 200 };
        assert!(with_pool(&mut small, |raw| raw.collect_stats(&mut survey)));
        assert_eq!(survey.next, 10);
    }
}
