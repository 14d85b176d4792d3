//! A host with x86-64 processors, which count time and can prefetch a cache line.

use core::arch::x86_64::_rdtsc;

/// About a microsecond at two to four counts for each nanosecond. It is not a number of `spin_loop`s: one takes 22 counts on
/// one of the two processors it was measured on, and four times as many on the other. Half as long and twice as long are
/// slower on both, with one thread that allocates and one that frees.
const COUNTS: u64 = 3000;

/// Pauses so long that the other thread does many operations on cache lines that it has, rather than one operation on lines
/// that it must fetch each time.
pub(super) fn pause() {
    let start = count();
    while count().wrapping_sub(start) < COUNTS {
        core::hint::spin_loop();
    }
}

fn count() -> u64 {
    // SAFETY: every processor of this architecture has the counter, and no operating system in use keeps it from
    // programs.
    unsafe { _rdtsc() }
}

/// Remembers the blocks that were freed last, so that a block that is allocated a few allocs from now is fetched now.
///
/// A free block holds the link to the next. If another core freed them, each is on a cache line of that core, and the
/// address of the second line is known only when the first has arrived: walking the list costs one transfer for each block.
/// Here the addresses are remembered.
///
/// ```text
///   list    head -> E -> D -> C -> B -> A         recent  .. A B C D E
///   alloc:  E, and A is fetched                                       ^ top
/// ```
///
/// Nothing but a fetch is done with a remembered address, and a fetch is no access. So an entry may be lost, be mixed up
/// between two pools, or be out of date.
pub(crate) mod prefetch {
    use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
    use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// A power of two: about as many as are exchanged during one pause of a thread that waits for the lock.
    const RECENT: usize = 128;
    /// How many allocs ahead a block is fetched: as many lines travel at once.
    const AHEAD: usize = 4;
    /// A power of two. Pools share a history if their addresses have the same hash.
    const HISTORIES: usize = 64;

    /// Outside the pools, whose size C programs know. Each on cache lines of its own.
    #[repr(align(128))]
    struct History {
        /// Frees less allocs, of which the last bits are used.
        top: AtomicUsize,
        recent: [AtomicUsize; RECENT],
    }

    static ALL: [History; HISTORIES] =
        [const { History { top: AtomicUsize::new(0), recent: [const { AtomicUsize::new(0) }; RECENT] } };
            HISTORIES];

    /// The first block of the pool at `pool` was allocated, with its lock held: fetches one that comes later.
    #[inline(always)]
    pub(crate) fn after_alloc(pool: usize) {
        // SAFETY: a prefetch has no effect on the program, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(core::ptr::without_provenance(later(pool))) }
    }

    /// Notes that the first block was allocated; returns the one to be allocated [`AHEAD`] allocs from now, or any address.
    #[inline(always)]
    fn later(pool: usize) -> usize {
        let history = history(pool);
        let top = history.top.load(Relaxed).wrapping_sub(1);
        history.top.store(top, Relaxed);
        history.recent[top.wrapping_sub(AHEAD) % RECENT].load(Relaxed)
    }

    /// The block at `address` is the first of the pool at `pool` now, with its lock held.
    #[inline(always)]
    pub(crate) fn remember_freed(pool: usize, address: usize) {
        let history = history(pool);
        let top = history.top.load(Relaxed);
        history.recent[top % RECENT].store(address, Relaxed);
        history.top.store(top.wrapping_add(1), Relaxed);
    }

    /// Found by the address of the blocks; a multiple of the golden ratio spreads the addresses.
    #[inline(always)]
    fn history(pool: usize) -> &'static History {
        &ALL[((pool as u32).wrapping_mul(0x9E37_79B9) >> (u32::BITS - HISTORIES.ilog2())) as usize
            % HISTORIES]
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_block_that_is_allocated_a_few_allocs_from_now_is_known() {
            const POOL: usize = 0x4000;
            (1..=3 * RECENT).for_each(|address| remember_freed(POOL, address));
            // The list is now 384, 383, 382 and so on.
            let fetched: [usize; 3] = core::array::from_fn(|_| later(POOL));
            assert_eq!(fetched, [3 * RECENT - AHEAD, 3 * RECENT - AHEAD - 1, 3 * RECENT - AHEAD - 2]);
            remember_freed(POOL, 7);
            assert_eq!(later(POOL), fetched[2], "a block that was freed and allocated again changes nothing");
        }

        #[test]
        fn more_allocs_than_frees_do_no_harm() {
            const POOL: usize = 0x8000;
            (0..2 * RECENT).for_each(|_| after_alloc(POOL));
            remember_freed(POOL, 1);
            after_alloc(POOL);
        }
    }
}
