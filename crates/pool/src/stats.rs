//! Snapshots of a pool.

use core::fmt;

/// A snapshot of a pool. Plain numbers: blocks unless the name says bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Bytes from one block to the next: the bytes of each block that its owner may use.
    pub stride_bytes: usize,
    /// All blocks.
    pub capacity: usize,
    /// Free blocks.
    pub free: usize,
    /// The smallest number of free blocks since the pool was made, or since the last reset.
    /// Exact while the free list is whole; after damage it may be too low, never too high, until it is reset.
    pub lowest_free: usize,
    /// Allocations refused because no block was free for the caller: all in use, or the free ones kept as the reserve or for
    /// waiting tasks. Stays at its maximum.
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

/// Collects a snapshot over several short critical sections.
///
/// The counters of a pool are consistent with each other: they are read in the first critical section. The lowest number of
/// free blocks is counted in the following ones, some blocks in each, so that none is long. It is never above `free`.
#[derive(Clone, Copy, Debug)]
pub struct StatsBuilder {
    stats: Option<Stats>,
    next: usize,
    end: usize,
}

impl StatsBuilder {
    /// Blocks that one step looks at.
    const STEP: usize = 64;

    /// Builds a snapshot by calling `step`, which calls [`FreeList::collect_stats`](crate::FreeList::collect_stats) in a
    /// critical section, until it is complete. O(capacity).
    pub fn build(mut step: impl FnMut(&mut Self) -> bool) -> Stats {
        let mut builder = Self { stats: None, next: 0, end: 0 };
        loop {
            let complete = step(&mut builder);
            if let (true, Some(stats)) = (complete, builder.stats) {
                return stats;
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.stats.is_none()
    }

    pub(crate) fn begin(&mut self, stats: Stats, end: usize) {
        (self.stats, self.end) = (Some(stats), end);
    }

    /// Looks at the next blocks, all of them below `limit`; `true` if they were the last.
    pub(crate) fn count_never_allocated(
        &mut self,
        limit: usize,
        is_never_allocated: impl Fn(usize) -> bool,
    ) -> bool {
        let end = self.end.min(limit);
        let until = end.min(self.next.saturating_add(Self::STEP));
        let counted = (self.next..until).filter(|&index| is_never_allocated(index)).count();
        self.next = until;
        if let Some(stats) = &mut self.stats {
            // If it was reset meanwhile, the map may show more blocks than were free at the beginning.
            stats.lowest_free = stats.free.min(stats.lowest_free + counted);
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

    /// Calls `work` with a pool of as many blocks as `map` has states, all of which were on the list at some time.
    fn with_pool<R>(map: &mut [u8], work: impl FnOnce(&FreeList<'_, ByteMap>) -> R) -> R {
        let geometry = Geometry::new(8, 8, map.len()).unwrap();
        let mut blocks = std::vec![0u64; map.len()];
        let (mut head, mut len) = (core::ptr::null_mut(), 0);
        let mut counters = Counters { first_unused: map.len(), ..Counters::NEW };
        // SAFETY: memory for so many blocks and states, used by nothing else meanwhile.
        let list = unsafe {
            let map = ByteMap::new(map.as_mut_ptr());
            FreeList::new((&mut head, &mut len), &mut counters, blocks.as_mut_ptr().cast(), &geometry, map)
        };
        work(&list)
    }

    #[test]
    fn a_builder_begun_on_another_pool_reads_no_state_beyond_the_end_of_this_one() {
        let mut large = [NEVER_ALLOCATED; 200];
        let mut small = [NEVER_ALLOCATED; 10];
        let mut steps = 0;
        let stats = StatsBuilder::build(|builder| {
            steps += 1;
            assert!(steps < 10, "it never ends");
            if steps == 1 {
                with_pool(&mut large, |list| list.collect_stats(builder))
            } else {
                with_pool(&mut small, |list| list.collect_stats(builder))
            }
        });
        assert_eq!((steps, stats.capacity), (2, 200));
        // From the start: up to the end that the larger pool set, only what the smaller pool has is read.
        let mut builder = StatsBuilder { stats: Some(stats), next: 0, end: 200 };
        assert!(with_pool(&mut small, |list| list.collect_stats(&mut builder)));
        assert_eq!(builder.next, 10);
    }
}
