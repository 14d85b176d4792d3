//! Blocks that are returned in two steps belong to nothing but the caller in between.
#![cfg(not(any(loom, shuttle)))]

use std::ptr::null_mut;

use microusc_pool::{ByteMap, Counters, Error, FreeList, Geometry, Link};

const BLOCKS: usize = 3;
const WORD: usize = size_of::<usize>();

struct Parts {
    head: *mut Link,
    listed: usize,
    counters: Counters,
    geometry: Geometry,
    /// One more than the pool has blocks, as if memory of another pool followed.
    marks: Box<[u8; BLOCKS + 1]>,
    blocks: Box<[usize; BLOCKS]>,
}

impl Parts {
    fn new() -> Self {
        Self {
            head: null_mut(),
            listed: 0,
            counters: Counters::NEW,
            geometry: Geometry::new(WORD, WORD, BLOCKS).unwrap(),
            marks: Box::new([0; BLOCKS + 1]),
            blocks: Box::new([0; BLOCKS]),
        }
    }

    fn pool(&mut self) -> FreeList<'_, ByteMap> {
        // SAFETY: the parts are made for one another.
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

    fn alloc(&mut self) -> *mut u8 {
        self.pool().alloc().unwrap().as_ptr()
    }

    fn begin(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: what is no block in use is the misuse under test, here and below.
        unsafe { self.pool().begin_free(block) }
    }

    fn begin_many(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        // SAFETY: as above.
        unsafe { self.pool().begin_free_batch(blocks) }
    }

    fn cancel(&mut self, block: *mut u8) {
        // SAFETY: as above.
        unsafe { self.pool().cancel_free(block) };
    }

    fn finish(&mut self, block: *mut u8) -> bool {
        // SAFETY: as above.
        unsafe { self.pool().finish_free(block) }
    }

    fn free(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: what is no block in use is the misuse under test.
        unsafe { self.pool().free(block) }
    }
}

#[test]
fn a_block_that_leaves_is_neither_freed_nor_given_out() {
    let mut parts = Parts::new();
    let blocks = [parts.alloc(), parts.alloc(), parts.alloc()];
    parts.begin(blocks[0]).unwrap();
    assert_eq!(parts.free(blocks[0]), Err(Error::DoubleFree));
    assert_eq!(parts.begin(blocks[0]), Err(Error::DoubleFree));
    assert_eq!(parts.begin_many(&blocks[..1]), Err((0, Error::DoubleFree)));
    assert_eq!(parts.pool().alloc(), Err(Error::Exhausted));
    assert_eq!((parts.pool().used(), parts.counters.refused), (3, 3));
    assert!(parts.finish(blocks[0]));
    assert_eq!((parts.pool().used(), parts.pool().validate()), (2, Ok(())));
    assert_eq!(parts.alloc(), blocks[0]);
}

#[test]
fn what_begins_and_is_cancelled_is_its_owners() {
    let mut parts = Parts::new();
    let block = parts.alloc();
    parts.begin(block).unwrap();
    parts.cancel(block);
    assert_eq!((parts.pool().used(), parts.free(block)), (1, Ok(())));
}

#[test]
fn only_what_leaves_is_cancelled_or_finished() {
    let mut parts = Parts::new();
    let (used, free) = (parts.alloc(), parts.alloc());
    parts.free(free).unwrap();
    for address in [used, free, null_mut(), used.wrapping_add(1)] {
        assert!(!parts.finish(address));
        parts.cancel(address);
    }
    assert_eq!((parts.pool().used(), parts.listed, parts.pool().validate()), (1, 1, Ok(())));
    assert!(!parts.pool().is_live(free), "what was free has no owner since");
}

#[test]
fn a_batch_leaves_whole_or_not_at_all() {
    let mut parts = Parts::new();
    let blocks = [parts.alloc(), parts.alloc(), parts.alloc()];
    parts.free(blocks[2]).unwrap();
    assert_eq!(parts.begin_many(&blocks), Err((2, Error::DoubleFree)));
    assert_eq!(parts.begin_many(&[blocks[0]; 2]), Err((1, Error::DoubleFree)));
    assert_eq!(parts.begin_many(&[blocks[0]; 4]), Err((0, Error::BatchTooLarge)));
    // Both are their owner's still.
    parts.begin_many(&blocks[..2]).unwrap();
    assert!(blocks[..2].iter().all(|block| parts.finish(*block)));
    assert_eq!((parts.pool().used(), parts.pool().validate()), (0, Ok(())));
}

#[test]
fn the_fast_path_is_closed_while_operations_are_watched() {
    let mut parts = Parts::new();
    let block = parts.alloc();
    parts.pool().set_diagnostics(true);
    assert_eq!(parts.pool().alloc_fast(), None);
    // SAFETY: ours to return.
    assert_eq!(unsafe { parts.pool().free_fast(block) }, None);
    assert_eq!(parts.free(block), Ok(()), "the slow path works as before");
    assert_eq!(parts.alloc(), block);
    parts.pool().set_diagnostics(false);
    // SAFETY: ours to return.
    assert_eq!(unsafe { parts.pool().free_fast(block) }, Some(()));
    assert_eq!(parts.pool().alloc_fast().map(|taken| taken.as_ptr()), Some(block));
}

#[test]
fn only_a_free_block_is_shown_as_free() {
    let mut parts = Parts::new();
    let block = parts.alloc();
    assert_eq!(parts.pool().free_block_at(0), None, "in use");
    parts.begin(block).unwrap();
    assert_eq!(parts.pool().free_block_at(0), None, "leaving");
    parts.finish(block);
    assert_eq!(parts.pool().free_block_at(0).map(|free| free.as_ptr()), Some(block));
    let last = block.wrapping_add((BLOCKS - 1) * WORD);
    assert_eq!(parts.pool().free_block_at(BLOCKS - 1).map(|free| free.as_ptr()), Some(last), "never used");
    assert_eq!(parts.pool().free_block_at(BLOCKS), None, "none of the pool's");
}
