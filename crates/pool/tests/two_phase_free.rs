//! A block that is freed in two steps belongs to the caller alone in between.
#![cfg(not(any(loom, shuttle)))]

use std::ptr::null_mut;

use microusc_pool::Error;
use microusc_testkit::BarePool;

const BLOCKS: usize = 3;
const WORD: usize = size_of::<usize>();

/// The two steps of a free.
trait TwoPhaseFree {
    fn begin(&mut self, block: *mut u8) -> Result<(), Error>;
    fn begin_many(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)>;
    fn cancel(&mut self, block: *mut u8);
    fn finish(&mut self, block: *mut u8) -> bool;
    fn put(&mut self, block: *mut u8) -> Result<(), Error>;
}

impl TwoPhaseFree for BarePool<BLOCKS, 1> {
    fn begin(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: an address that is not a live block is the misuse under test, here and below.
        unsafe { self.list().begin_free(block) }
    }

    fn begin_many(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        // SAFETY: as above.
        unsafe { self.list().begin_free_batch(blocks) }
    }

    fn cancel(&mut self, block: *mut u8) {
        // SAFETY: as above.
        unsafe { self.list().cancel_free(block) };
    }

    fn finish(&mut self, block: *mut u8) -> bool {
        // SAFETY: as above.
        unsafe { self.list().finish_free(block) }
    }

    fn put(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: what is no block in use is the misuse under test.
        unsafe { self.free(block) }
    }
}

#[test]
fn retiring_block_is_neither_freed_again_nor_allocated() {
    let mut pool = BarePool::<BLOCKS, 1>::new();
    let blocks = [pool.alloc(), pool.alloc(), pool.alloc()];
    pool.begin(blocks[0]).unwrap();
    assert_eq!(pool.put(blocks[0]), Err(Error::DoubleFree));
    assert_eq!(pool.begin(blocks[0]), Err(Error::DoubleFree));
    assert_eq!(pool.begin_many(&blocks[..1]), Err((0, Error::DoubleFree)));
    assert_eq!(pool.list().alloc(), Err(Error::Exhausted));
    assert_eq!((pool.list().used(), pool.counters.refused), (3, 3));
    assert!(pool.finish(blocks[0]));
    assert_eq!((pool.list().used(), pool.list().validate()), (2, Ok(())));
    assert_eq!(pool.alloc(), blocks[0]);
}

#[test]
fn cancelled_free_leaves_the_block_with_its_owner() {
    let mut pool = BarePool::<BLOCKS, 1>::new();
    let block = pool.alloc();
    pool.begin(block).unwrap();
    pool.cancel(block);
    assert_eq!((pool.list().used(), pool.put(block)), (1, Ok(())));
}

#[test]
fn cancel_and_finish_ignore_blocks_that_are_not_retiring() {
    let mut pool = BarePool::<BLOCKS, 1>::new();
    let (used, free) = (pool.alloc(), pool.alloc());
    pool.put(free).unwrap();
    for address in [used, free, null_mut(), used.wrapping_add(1)] {
        assert!(!pool.finish(address));
        pool.cancel(address);
    }
    assert_eq!((pool.list().used(), pool.listed, pool.list().validate()), (1, 1, Ok(())));
    assert!(!pool.list().is_live(free), "what was free has no owner since");
}

#[test]
fn batch_begins_to_be_freed_completely_or_not_at_all() {
    let mut pool = BarePool::<BLOCKS, 1>::new();
    let blocks = [pool.alloc(), pool.alloc(), pool.alloc()];
    pool.put(blocks[2]).unwrap();
    assert_eq!(pool.begin_many(&blocks), Err((2, Error::DoubleFree)));
    assert_eq!(pool.begin_many(&[blocks[0]; 2]), Err((1, Error::DoubleFree)));
    assert_eq!(pool.begin_many(&[blocks[0]; 4]), Err((0, Error::BatchTooLarge)));
    // Both still belong to their owner.
    pool.begin_many(&blocks[..2]).unwrap();
    assert!(blocks[..2].iter().all(|block| pool.finish(*block)));
    assert_eq!((pool.list().used(), pool.list().validate()), (0, Ok(())));
}

#[test]
fn fast_path_is_off_while_diagnostics_are_on() {
    let mut pool = BarePool::<BLOCKS, 1>::new();
    let block = pool.alloc();
    pool.list().set_diagnostics(true);
    assert_eq!(pool.list().alloc_fast(), None);
    // SAFETY: ours to return.
    assert_eq!(unsafe { pool.list().free_fast(block) }, None);
    assert_eq!(pool.put(block), Ok(()), "the slow path works as before");
    assert_eq!(pool.alloc(), block);
    pool.list().set_diagnostics(false);
    // SAFETY: ours to return.
    assert_eq!(unsafe { pool.list().free_fast(block) }, Some(()));
    assert_eq!(pool.list().alloc_fast().map(|allocated| allocated.as_ptr()), Some(block));
}

#[test]
fn free_block_at_returns_free_blocks_only() {
    let mut pool = BarePool::<BLOCKS, 1>::new();
    let block = pool.alloc();
    assert_eq!(pool.list().free_block_at(0), None, "in use");
    pool.begin(block).unwrap();
    assert_eq!(pool.list().free_block_at(0), None, "leaving");
    pool.finish(block);
    assert_eq!(pool.list().free_block_at(0).map(|free| free.as_ptr()), Some(block));
    let last = block.wrapping_add((BLOCKS - 1) * WORD);
    assert_eq!(pool.list().free_block_at(BLOCKS - 1).map(|free| free.as_ptr()), Some(last), "never used");
    assert_eq!(pool.list().free_block_at(BLOCKS), None, "none of the pool's");
}
