//! Blocks that are returned in two steps belong to nothing but the caller in between.
#![cfg(not(any(loom, shuttle)))]

use std::ptr::null_mut;

use microusc_pool::{ByteMarks, Error, Geometry, Ledger, Link, RawPool};

const BLOCKS: usize = 3;
const WORD: usize = size_of::<usize>();

struct Parts {
    head: *mut Link,
    listed: usize,
    ledger: Ledger,
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
            ledger: Ledger::NEW,
            geometry: Geometry::new(WORD, WORD, BLOCKS).unwrap(),
            marks: Box::new([0; BLOCKS + 1]),
            blocks: Box::new([0; BLOCKS]),
        }
    }

    fn pool(&mut self) -> RawPool<'_, ByteMarks> {
        // SAFETY: the parts are made for one another.
        unsafe {
            RawPool::new(
                (&mut self.head, &mut self.listed),
                &mut self.ledger,
                self.blocks.as_mut_ptr().cast(),
                &self.geometry,
                ByteMarks::new(self.marks.as_mut_ptr()),
            )
        }
    }

    fn take(&mut self) -> *mut u8 {
        self.pool().take().unwrap().as_ptr()
    }

    fn begin(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: what is no block in use is the misuse under test, here and below.
        unsafe { self.pool().begin_put(block) }
    }

    fn begin_many(&mut self, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
        // SAFETY: as above.
        unsafe { self.pool().begin_put_many(blocks) }
    }

    fn cancel(&mut self, block: *mut u8) {
        // SAFETY: as above.
        unsafe { self.pool().cancel_put(block) };
    }

    fn finish(&mut self, block: *mut u8) -> bool {
        // SAFETY: as above.
        unsafe { self.pool().finish_put(block) }
    }

    fn put(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: what is no block in use is the misuse under test.
        unsafe { self.pool().put(block) }
    }
}

#[test]
fn a_block_that_leaves_is_neither_freed_nor_given_out() {
    let mut parts = Parts::new();
    let blocks = [parts.take(), parts.take(), parts.take()];
    parts.begin(blocks[0]).unwrap();
    assert_eq!(parts.put(blocks[0]), Err(Error::DoubleFree));
    assert_eq!(parts.begin(blocks[0]), Err(Error::DoubleFree));
    assert_eq!(parts.begin_many(&blocks[..1]), Err((0, Error::DoubleFree)));
    assert_eq!(parts.pool().take(), Err(Error::Exhausted));
    assert_eq!((parts.pool().used(), parts.ledger.refused), (3, 3));
    assert!(parts.finish(blocks[0]));
    assert_eq!((parts.pool().used(), parts.pool().validate()), (2, Ok(())));
    assert_eq!(parts.take(), blocks[0]);
}

#[test]
fn what_begins_and_is_cancelled_is_its_owners() {
    let mut parts = Parts::new();
    let block = parts.take();
    parts.begin(block).unwrap();
    parts.cancel(block);
    assert_eq!((parts.pool().used(), parts.put(block)), (1, Ok(())));
}

#[test]
fn only_what_leaves_is_cancelled_or_finished() {
    let mut parts = Parts::new();
    let (used, free) = (parts.take(), parts.take());
    parts.put(free).unwrap();
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
    let blocks = [parts.take(), parts.take(), parts.take()];
    parts.put(blocks[2]).unwrap();
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
    let block = parts.take();
    parts.pool().set_watched(true);
    assert_eq!(parts.pool().try_take(), None);
    // SAFETY: ours to return.
    assert_eq!(unsafe { parts.pool().try_put(block) }, None);
    assert_eq!(parts.put(block), Ok(()), "the slow path works as before");
    assert_eq!(parts.take(), block);
    parts.pool().set_watched(false);
    // SAFETY: ours to return.
    assert_eq!(unsafe { parts.pool().try_put(block) }, Some(()));
    assert_eq!(parts.pool().try_take().map(|taken| taken.as_ptr()), Some(block));
}

#[test]
fn only_a_free_block_is_shown_as_free() {
    let mut parts = Parts::new();
    let block = parts.take();
    assert_eq!(parts.pool().free_block(0), None, "in use");
    parts.begin(block).unwrap();
    assert_eq!(parts.pool().free_block(0), None, "leaving");
    parts.finish(block);
    assert_eq!(parts.pool().free_block(0).map(|free| free.as_ptr()), Some(block));
    let last = block.wrapping_add((BLOCKS - 1) * WORD);
    assert_eq!(parts.pool().free_block(BLOCKS - 1).map(|free| free.as_ptr()), Some(last), "never used");
    assert_eq!(parts.pool().free_block(BLOCKS), None, "none of the pool's");
}
