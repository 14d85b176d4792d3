//! The lock-free pool over borrowed memory: what it refuses, and where its parts lie.

use std::cell::Cell;
use std::mem::MaybeUninit;

use microusc_pool::{AtomicDynPool, AtomicPool, AtomicWords, Error, Owns, words_for};

fn anywhere(_: *const u8, _: usize) -> bool {
    true
}

#[test]
fn words_in_memory_without_atomics_are_refused() {
    static WORDS: AtomicWords<1> = AtomicWords::new();
    let mut memory = [MaybeUninit::uninit(); 256];
    let asked = Cell::new((0, 0));
    let external = |first: *const u8, bytes: usize| {
        asked.set((first.addr(), bytes));
        false
    };
    assert_eq!(AtomicDynPool::new(&WORDS, external, &mut memory, 32, 8).unwrap_err(), Error::NoAtomics);
    assert_eq!(
        asked.get(),
        ((&raw const WORDS).addr(), size_of::<AtomicWords<1>>()),
        "asked about all of the words"
    );
    // Not claimed by the attempt.
    assert!(AtomicDynPool::new(&WORDS, anywhere, &mut memory, 32, 8).is_ok());
}

#[test]
fn words_serve_one_pool_at_a_time_and_start_again_for_the_next() {
    static WORDS: AtomicWords<1> = AtomicWords::new();
    let (mut one, mut two) = ([MaybeUninit::uninit(); 256], [MaybeUninit::uninit(); 256]);
    let pool = AtomicDynPool::new(&WORDS, anywhere, &mut one, 64, 8).unwrap();
    assert_eq!(AtomicDynPool::new(&WORDS, anywhere, &mut two, 32, 8).unwrap_err(), Error::Initialized);
    while pool.alloc_raw().is_ok() {} // never returned
    // SAFETY: refused.
    assert_eq!(unsafe { pool.free_raw(std::ptr::null_mut()) }, Err(Error::NotABlock));
    assert_eq!((pool.stats().free, pool.stats().exhausted, pool.stats().refused), (0, 1, 1));
    drop(pool);
    let pool = AtomicDynPool::new(&WORDS, anywhere, &mut two, 32, 8).unwrap();
    let stats = pool.stats();
    assert_eq!((stats.free, stats.exhausted, stats.refused), (stats.capacity, 0, 0));
}

#[test]
fn impossible_geometry_is_refused() {
    static WORDS: AtomicWords<1> = AtomicWords::new();
    static NO_WORDS: AtomicWords<0> = AtomicWords::new();
    let mut memory = [MaybeUninit::uninit(); 256];
    for (size, align, error) in [
        (1, 1, Error::BlockTooSmall),
        (16, 3, Error::BadAlignment),
        (usize::MAX, 8, Error::TooLarge),
        (300, 8, Error::UnsuitableMemory),
    ] {
        assert_eq!(AtomicDynPool::new(&WORDS, anywhere, &mut memory, size, align).unwrap_err(), error);
    }
    assert_eq!(
        AtomicDynPool::new(&NO_WORDS, anywhere, &mut memory, 16, 8).unwrap_err(),
        Error::UnsuitableMemory
    );
}

#[test]
fn capacity_ends_with_the_words_and_wrong_frees_are_refused() {
    static WORDS: AtomicWords<{ words_for(40) }> = AtomicWords::new();
    let mut memory = vec![MaybeUninit::uninit(); 16 * 100];
    let range = memory.as_ptr_range();
    let pool = AtomicDynPool::new(&WORDS, anywhere, &mut memory, 16, 8).unwrap();
    assert_eq!(pool.geometry().capacity(), 64);
    let blocks: Vec<_> = (0..64).map(|_| pool.alloc_raw().unwrap()).collect();
    assert!(blocks.iter().all(|block| range.contains(&block.as_ptr().cast_const().cast())));
    assert_eq!(pool.alloc_raw(), Err(Error::Exhausted));
    let (first, mut elsewhere) = (blocks[0].as_ptr(), 0u8);
    assert!(pool.owns(first));
    // SAFETY: each block is this test's; what is none is the misuse under test.
    unsafe {
        assert_eq!(pool.free_raw(first), Ok(()));
        assert_eq!(pool.free_raw(first), Err(Error::DoubleFree));
        assert_eq!(pool.free_raw(first.wrapping_add(1)), Err(Error::NotABlock));
        assert_eq!(pool.free_raw(first.wrapping_add(64 * 16)), Err(Error::NotABlock));
        assert_eq!(pool.free_raw(&raw mut elsewhere), Err(Error::NotABlock));
    }
    assert!(!pool.owns(first));
    assert_eq!((pool.stats().free, pool.stats().exhausted, pool.stats().refused), (1, 1, 4));
    #[repr(align(64))]
    struct Strict;
    assert_eq!(pool.alloc_value([0u8; 17]).unwrap_err().error, Error::UnsuitableMemory);
    assert!(matches!(pool.alloc_value(Strict), Err(rejected) if rejected.error == Error::UnsuitableMemory));
    assert_eq!(*pool.alloc_value(7u64).unwrap(), 7);
    assert_eq!(pool.stats().free, 1);
}

#[test]
fn owns_is_true_for_live_blocks_only() {
    static POOL: AtomicPool<u64, 2, 1> = AtomicPool::new();
    let first = POOL.alloc(1).unwrap();
    let address = (&raw const *first).cast::<u8>();
    assert!(POOL.owns(address) && !POOL.owns(address.wrapping_add(1)), "a block begins at its address only");
    assert!(!POOL.owns(address.wrapping_add(8)), "a free block has no owner");
    drop(first);
    assert!(!POOL.owns(address));
}

#[test]
fn last_free_block_is_found_at_every_index() {
    static WORDS: AtomicWords<40> = AtomicWords::new();
    let mut memory = vec![MaybeUninit::uninit(); 8 * 40 * 32 + 8];
    let pool = AtomicDynPool::new(&WORDS, anywhere, &mut memory, 8, 8).unwrap();
    let blocks: Vec<_> = std::iter::from_fn(|| pool.alloc_raw().ok()).collect();
    for block in blocks.iter().step_by(37).chain(blocks.iter().rev().step_by(41)) {
        // SAFETY: this test owns the block, and allocates it again in the next line.
        unsafe { pool.free_raw(block.as_ptr()) }.unwrap();
        assert_eq!(pool.alloc_raw(), Ok(*block));
    }
}
