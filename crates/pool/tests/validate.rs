//! `validate` walks the free list within bounds and compares it with the allocation map: every difference between the two is
//! damage. The parts of the pool lie open here, as they do for the C functions.
#![cfg(not(any(loom, shuttle)))]

use std::ptr::null_mut;

use microusc_pool::Error;
use microusc_pool::allocation_map::{FREE, LIVE, NEVER_ALLOCATED};
use microusc_testkit::BarePool;

const BLOCKS: usize = 6;
const WORD: usize = size_of::<usize>();

/// A pool of blocks of two words.
type TwoWordPool = BarePool<BLOCKS, 2>;

/// Blocks 0 to 3 were used. Block 0 still is live, and the free list leads from 3 to 2 to 1. Blocks 4 and 5 were never used.
fn pool_with_three_listed_blocks() -> TwoWordPool {
    let mut pool = TwoWordPool::new();
    let blocks: Vec<_> = (0..4).map(|_| pool.alloc()).collect();
    for block in &blocks[1..] {
        // SAFETY: allocated just now.
        unsafe { pool.free(*block) }.unwrap();
    }
    assert_eq!(pool.list().validate(), Ok(()));
    assert_eq!(pool.listed, 3);
    pool
}

#[track_caller]
fn is_damage(what: &str, damage: impl FnOnce(&mut TwoWordPool)) {
    let mut pool = pool_with_three_listed_blocks();
    damage(&mut pool);
    assert_eq!(pool.list().validate(), Err(Error::Corrupt), "{what}");
}

#[test]
fn validate_finds_a_block_that_is_neither_listed_nor_live() {
    is_damage("the list ends a block early", |pool| {
        pool.blocks[2][0] = 0;
        pool.listed = 2;
    });
    is_damage("the list was emptied", |pool| (pool.head, pool.listed) = (null_mut(), 0));
    is_damage("an owner is gone from the map", |pool| pool.marks[0] = FREE);
    is_damage("one that was not used since the last reset counts", |pool| pool.marks[0] = NEVER_ALLOCATED);
}

#[test]
fn validate_finds_a_list_of_another_length_than_its_count() {
    is_damage("one block more", |pool| pool.listed = 2);
    is_damage("one block less", |pool| pool.listed = 4);
    is_damage("more than were ever used", |pool| pool.listed = BLOCKS);
    is_damage("a number that was overwritten", |pool| pool.listed = usize::MAX);
    is_damage("it ends in nothing at once", |pool| pool.head = null_mut());
}

#[test]
fn validate_ends_on_a_cycle_and_reports_it() {
    is_damage("the last leads to the first", |pool| pool.lead(1, 3));
    is_damage("the first leads to itself", |pool| pool.lead(3, 3));
    is_damage("two that lead to each other", |pool| pool.lead(2, 3));
    is_damage("and a number that has no end either", |pool| {
        pool.lead(1, 3);
        pool.listed = usize::MAX;
    });
}

#[test]
fn validate_finds_a_link_that_leads_to_no_free_block() {
    is_damage("to a block in use", |pool| pool.lead(2, 0));
    is_damage("a block in use is the last", |pool| {
        pool.lead(1, 0);
        pool.listed = 4;
    });
    is_damage("to a block that was never used", |pool| pool.lead(2, 4));
    is_damage("into the middle of a block", |pool| pool.blocks[2][0] += 1);
    is_damage("before the first block", |pool| pool.blocks[2][0] = pool.blocks.as_ptr().addr() - 2 * WORD);
    is_damage("behind the last block", |pool| {
        pool.blocks[2][0] = pool.blocks.as_ptr().addr() + BLOCKS * 2 * WORD;
    });
    is_damage("the head itself", |pool| pool.head = pool.link(0));
    is_damage("a free block has an owner in the map", |pool| pool.marks[2] = LIVE);
}

/// Damage that the walk finds is also found by alloc, at the damaged block and not before.
#[test]
fn alloc_refuses_a_forged_link_when_it_reaches_it() {
    for to in [0, 4] {
        let mut pool = pool_with_three_listed_blocks();
        pool.lead(3, to);
        assert_eq!(pool.list().can_alloc(), Ok(()));
        assert!(pool.list().alloc().is_ok());
        assert_eq!(pool.list().can_alloc(), Err(Error::Corrupt));
        assert_eq!(pool.list().alloc(), Err(Error::Corrupt));
        assert_eq!(pool.list().alloc_from_isr(), Err(Error::Corrupt));
        assert_eq!((pool.counters.damaged, pool.counters.exhausted), (2, 0));
    }
}

/// The list is rebuilt from the map, whatever it was; live blocks stay live.
#[test]
fn repair_puts_every_free_block_on_the_list() {
    let mut pool = pool_with_three_listed_blocks();
    pool.lead(3, 0);
    (pool.listed, pool.blocks[2][0]) = (77, 1);
    assert_eq!(pool.list().repair(), 3);
    assert_eq!(pool.list().validate(), Ok(()));
    let mut allocated: Vec<_> = (0..5).map(|_| pool.list().alloc().unwrap().as_ptr().addr()).collect();
    assert_eq!(pool.list().alloc(), Err(Error::Exhausted));
    allocated.sort_unstable();
    let all: Vec<_> = (1..BLOCKS).map(|index| pool.link(index).addr()).collect();
    assert_eq!(allocated, all);
    assert_eq!(pool.list().used(), BLOCKS);
}

/// For an owner that must find every free block on the list.
#[test]
fn link_all_lists_unused_blocks_in_order_of_address() {
    let mut pool = pool_with_three_listed_blocks();
    pool.list().link_all();
    assert_eq!((pool.listed, pool.list().used()), (BLOCKS - 1, 1));
    assert_eq!(pool.list().validate(), Ok(()));
    let allocated = [(); BLOCKS - 1].map(|()| pool.list().alloc().unwrap().as_ptr());
    assert_eq!(allocated.map(|block| pool.list().index_of(block)), [4, 5, 3, 2, 1].map(Some));
    assert_eq!(pool.list().alloc(), Err(Error::Exhausted));
    assert_eq!(pool.list().validate(), Ok(()));
}

#[test]
fn count_damage_adds_to_the_damage_that_the_list_found() {
    let mut pool = pool_with_three_listed_blocks();
    pool.list().count_damage();
    pool.lead(3, 0);
    assert!(pool.list().alloc().is_ok());
    assert_eq!(pool.list().alloc(), Err(Error::Corrupt));
    assert_eq!(pool.list().stats().damaged, 2);
}

#[test]
fn for_each_live_visits_live_blocks_only() {
    let mut pool = pool_with_three_listed_blocks();
    let second = pool.list().alloc().unwrap().as_ptr();
    // SAFETY: ours to return.
    unsafe { pool.list().begin_free(second) }.unwrap();
    let mut live = Vec::new();
    pool.list().for_each_live(|block| live.push(block.as_ptr().addr()));
    assert_eq!(live, [pool.link(0).addr()], "what leaves has no owner any more");
    // SAFETY: begun with above.
    unsafe { pool.list().cancel_free(second) };
    let mut live = Vec::new();
    pool.list().for_each_live(|block| live.push(block.as_ptr().addr()));
    assert_eq!(live, [pool.link(0).addr(), second.addr()]);
}
