//! On hosts: the blocks that were returned last, so that the one to be taken a few times from now is fetched now.
//!
//! A free block holds the link to the next. Where another core returned them, each is on a cache line of that core, and
//! where the second line is, is known only when the first has come: a list is walked at one line's travel a block. This
//! remembers the way.
//!
//! ```text
//!   list    head -> E -> D -> C -> B -> A         recent  .. A B C D E
//!   taken:  E, and A is fetched                                       ^ top
//! ```
//!
//! A memory of what was, and never believed: nothing is done with it but a fetch, which is no access. So it may be
//! lost, torn between two pools, or out of date.

use core::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A power of two: about as many as go to and fro in one pause of a thread that waits for the lock.
const RECENT: usize = 128;
/// How many takes ahead: as many lines travel at once.
const AHEAD: usize = 4;
/// A power of two. Pools share a way if their addresses have the same number.
const WAYS: usize = 64;

/// Outside the pools, whose size C programs know. Each on cache lines of its own.
#[repr(align(128))]
struct Way {
    /// Returned less taken, of which the last bits count.
    top: AtomicUsize,
    recent: [AtomicUsize; RECENT],
}

static ALL: [Way; WAYS] =
    [const { Way { top: AtomicUsize::new(0), recent: [const { AtomicUsize::new(0) }; RECENT] } }; WAYS];

/// The first block of the pool at `pool` was taken. With its lock closed.
#[inline(always)]
pub(crate) fn taken(pool: usize) {
    // SAFETY: a fetch does nothing to the program, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_ET0>(core::ptr::without_provenance(later(pool))) }
}

/// Notes that the first block was taken; which is to be taken [`AHEAD`] times from now, or any address.
#[inline(always)]
fn later(pool: usize) -> usize {
    let way = way(pool);
    let top = way.top.load(Relaxed).wrapping_sub(1);
    way.top.store(top, Relaxed);
    way.recent[top.wrapping_sub(AHEAD) % RECENT].load(Relaxed)
}

/// The block at `address` is the first of the pool at `pool` now. With its lock closed.
#[inline(always)]
pub(crate) fn returned(pool: usize, address: usize) {
    let way = way(pool);
    let top = way.top.load(Relaxed);
    way.recent[top % RECENT].store(address, Relaxed);
    way.top.store(top.wrapping_add(1), Relaxed);
}

/// Known by where the blocks are; a multiple of the golden ratio spreads them.
#[inline(always)]
fn way(pool: usize) -> &'static Way {
    &ALL[((pool as u32).wrapping_mul(0x9E37_79B9) >> (u32::BITS - WAYS.ilog2())) as usize % WAYS]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_that_is_taken_a_few_times_from_now_is_known() {
        const POOL: usize = 0x4000;
        (1..=3 * RECENT).for_each(|address| returned(POOL, address));
        // The list is now 384, 383, 382 and so on.
        let said: [usize; 3] = core::array::from_fn(|_| later(POOL));
        assert_eq!(said, [3 * RECENT - AHEAD, 3 * RECENT - AHEAD - 1, 3 * RECENT - AHEAD - 2]);
        returned(POOL, 7);
        assert_eq!(later(POOL), said[2], "what was returned and taken again changes nothing");
    }

    #[test]
    fn more_taken_than_returned_is_no_harm() {
        const POOL: usize = 0x8000;
        (0..2 * RECENT).for_each(|_| taken(POOL));
        returned(POOL, 1);
        taken(POOL);
    }
}
