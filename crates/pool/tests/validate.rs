//! `validate` walks the list within bounds, and compares it with the map of who owns what: each way in which the two can
//! differ is damage. The parts of the pool lie open here, as they do for the C ABI.
#![cfg(not(any(loom, shuttle)))]

use std::ptr::null_mut;

use microusc_pool::allocation_map::{FREE, LIVE, NEVER_ALLOCATED};
use microusc_pool::{ByteMap, Counters, Error, FreeList, Geometry, Link};

const BLOCKS: usize = 6;
const WORD: usize = size_of::<usize>();

/// The parts of a pool: blocks of two words.
struct Parts {
    head: *mut Link,
    listed: usize,
    counters: Counters,
    geometry: Geometry,
    marks: Box<[u8; BLOCKS]>,
    blocks: Box<[[usize; 2]; BLOCKS]>,
}

impl Parts {
    /// Blocks 0 to 3 were in use; 0 still is, and the list leads from 3 to 2 to 1. Blocks 4 and 5 were never used.
    fn new() -> Self {
        let mut parts = Self {
            head: null_mut(),
            listed: 0,
            counters: Counters::NEW,
            geometry: Geometry::new(2 * WORD, WORD, BLOCKS).unwrap(),
            marks: Box::new([FREE; BLOCKS]),
            blocks: Box::new([[0; 2]; BLOCKS]),
        };
        let taken: Vec<_> = (0..4).map(|_| parts.pool().alloc().unwrap()).collect();
        for block in &taken[1..] {
            // SAFETY: just taken.
            unsafe { parts.pool().free(block.as_ptr()) }.unwrap();
        }
        assert_eq!(parts.pool().validate(), Ok(()));
        assert_eq!(parts.listed, 3);
        parts
    }

    fn pool(&mut self) -> FreeList<'_, ByteMap> {
        // SAFETY: the parts are made for one another. What a test wrote to them is what is to be found.
        unsafe {
            FreeList::new(
                (&mut self.head, &mut self.listed),
                &mut self.counters,
                self.blocks.as_mut_ptr().cast(),
                &self.geometry,
                ByteMap::new(self.marks.as_mut_ptr()),
            )
        }
    }

    /// The address of a block, as a link has it.
    fn link(&mut self, index: usize) -> *mut Link {
        self.blocks[index].as_mut_ptr().cast()
    }

    /// Makes the block at `from` lead to that at `to`.
    fn lead(&mut self, from: usize, to: usize) {
        self.blocks[from][0] = self.link(to).expose_provenance();
    }
}

#[track_caller]
fn is_damage(what: &str, damage: impl FnOnce(&mut Parts)) {
    let mut parts = Parts::new();
    damage(&mut parts);
    assert_eq!(parts.pool().validate(), Err(Error::Corrupt), "{what}");
}

#[test]
fn a_block_that_neither_the_list_nor_an_owner_has_is_lost() {
    is_damage("the list ends a block early", |parts| {
        parts.blocks[2][0] = 0;
        parts.listed = 2;
    });
    is_damage("the list was emptied", |parts| (parts.head, parts.listed) = (null_mut(), 0));
    is_damage("an owner is gone from the map", |parts| parts.marks[0] = FREE);
    is_damage("one that was not used since the last reset counts", |parts| parts.marks[0] = NEVER_ALLOCATED);
}

#[test]
fn a_list_that_is_longer_or_shorter_than_its_count_is_damage() {
    is_damage("one block more", |parts| parts.listed = 2);
    is_damage("one block less", |parts| parts.listed = 4);
    is_damage("more than were ever used", |parts| parts.listed = BLOCKS);
    is_damage("a number that was overwritten", |parts| parts.listed = usize::MAX);
    is_damage("it ends in nothing at once", |parts| parts.head = null_mut());
}

#[test]
fn a_list_without_an_end_is_damage_and_the_walk_ends() {
    is_damage("the last leads to the first", |parts| parts.lead(1, 3));
    is_damage("the first leads to itself", |parts| parts.lead(3, 3));
    is_damage("two that lead to each other", |parts| parts.lead(2, 3));
    is_damage("and a number that has no end either", |parts| {
        parts.lead(1, 3);
        parts.listed = usize::MAX;
    });
}

#[test]
fn a_link_that_leads_to_no_free_block_is_damage() {
    is_damage("to a block in use", |parts| parts.lead(2, 0));
    is_damage("a block in use is the last", |parts| {
        parts.lead(1, 0);
        parts.listed = 4;
    });
    is_damage("to a block that was never used", |parts| parts.lead(2, 4));
    is_damage("into the middle of a block", |parts| parts.blocks[2][0] += 1);
    is_damage("before the first block", |parts| parts.blocks[2][0] = parts.blocks.as_ptr().addr() - 2 * WORD);
    is_damage("behind the last block", |parts| {
        parts.blocks[2][0] = parts.blocks.as_ptr().addr() + BLOCKS * 2 * WORD;
    });
    is_damage("the head itself", |parts| parts.head = parts.link(0));
    is_damage("a free block has an owner in the map", |parts| parts.marks[2] = LIVE);
}

/// What is damage to the walk is damage to who allocates as well, at the block in question and not before.
#[test]
fn each_forged_link_is_refused_when_it_is_reached() {
    for to in [0, 4] {
        let mut parts = Parts::new();
        parts.lead(3, to);
        assert_eq!(parts.pool().can_alloc(), Ok(()));
        assert!(parts.pool().alloc().is_ok());
        assert_eq!(parts.pool().can_alloc(), Err(Error::Corrupt));
        assert_eq!(parts.pool().alloc(), Err(Error::Corrupt));
        assert_eq!(parts.pool().alloc_from_isr(), Err(Error::Corrupt));
        assert_eq!((parts.counters.damaged, parts.counters.exhausted), (2, 0));
    }
}

/// The list is made anew from the map, whatever it was; blocks in use stay where they are.
#[test]
fn repair_finds_every_free_block() {
    let mut parts = Parts::new();
    parts.lead(3, 0);
    (parts.listed, parts.blocks[2][0]) = (77, 1);
    assert_eq!(parts.pool().repair(), 3);
    assert_eq!(parts.pool().validate(), Ok(()));
    let mut taken: Vec<_> = (0..5).map(|_| parts.pool().alloc().unwrap().as_ptr().addr()).collect();
    assert_eq!(parts.pool().alloc(), Err(Error::Exhausted));
    taken.sort_unstable();
    let all: Vec<_> = (1..BLOCKS).map(|index| parts.link(index).addr()).collect();
    assert_eq!(taken, all);
    assert_eq!(parts.pool().used(), BLOCKS);
}

/// For an owner that must find every free block on the list.
#[test]
fn blocks_that_were_never_used_are_put_on_the_list_lowest_address_first() {
    let mut parts = Parts::new();
    parts.pool().link_all();
    assert_eq!((parts.listed, parts.pool().used()), (BLOCKS - 1, 1));
    assert_eq!(parts.pool().validate(), Ok(()));
    let taken = [(); BLOCKS - 1].map(|()| parts.pool().alloc().unwrap().as_ptr());
    assert_eq!(taken.map(|block| parts.pool().index_of(block)), [4, 5, 3, 2, 1].map(Some));
    assert_eq!(parts.pool().alloc(), Err(Error::Exhausted));
    assert_eq!(parts.pool().validate(), Ok(()));
}

#[test]
fn damage_found_outside_of_the_pool_is_counted_with_its_own() {
    let mut parts = Parts::new();
    parts.pool().count_damage();
    parts.lead(3, 0);
    assert!(parts.pool().alloc().is_ok());
    assert_eq!(parts.pool().alloc(), Err(Error::Corrupt));
    assert_eq!(parts.pool().stats().damaged, 2);
}

#[test]
fn each_block_in_use_is_named_and_no_other() {
    let mut parts = Parts::new();
    let second = parts.pool().alloc().unwrap().as_ptr();
    // SAFETY: ours to return.
    unsafe { parts.pool().begin_free(second) }.unwrap();
    let mut live = Vec::new();
    parts.pool().for_each_live(|block| live.push(block.as_ptr().addr()));
    assert_eq!(live, [parts.link(0).addr()], "what leaves has no owner any more");
    // SAFETY: begun with above.
    unsafe { parts.pool().cancel_free(second) };
    let mut live = Vec::new();
    parts.pool().for_each_live(|block| live.push(block.as_ptr().addr()));
    assert_eq!(live, [parts.link(0).addr(), second.addr()]);
}
