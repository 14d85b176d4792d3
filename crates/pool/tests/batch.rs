//! Several blocks at once: all of them or none, whatever is wrong, and the pool as it was.
#![cfg(not(any(loom, shuttle)))]

use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};

use microusc_pool::{DynPool, Error, NoLock};

const BLOCKS: usize = 4;
const SIZE: usize = 16;

#[repr(align(16))]
struct Memory([MaybeUninit<u8>; BLOCKS * (SIZE + 1)]);

fn memory() -> Memory {
    Memory([MaybeUninit::uninit(); BLOCKS * (SIZE + 1)])
}

fn pool(memory: &mut Memory) -> DynPool<'_, NoLock> {
    let pool = DynPool::new(&mut memory.0, SIZE, SIZE).unwrap();
    assert_eq!(pool.geometry().capacity(), BLOCKS);
    pool
}

fn take<const K: usize>(pool: &DynPool<'_, NoLock>) -> Result<[*mut u8; K], Error> {
    let mut blocks = [MaybeUninit::<NonNull<u8>>::uninit(); K];
    pool.alloc_batch_raw(&mut blocks)?;
    // SAFETY: written by the batch.
    Ok(blocks.map(|block| unsafe { block.assume_init() }.as_ptr()))
}

fn put(pool: &DynPool<'_, NoLock>, blocks: &[*mut u8]) -> Result<(), (usize, Error)> {
    // SAFETY: what is no block in use is the misuse under test.
    unsafe { pool.free_batch_raw(blocks) }
}

#[test]
fn batch_alloc_that_meets_damage_allocates_nothing() {
    let mut memory = memory();
    let pool = pool(&mut memory);
    let all = take::<BLOCKS>(&pool).unwrap();
    put(&pool, &all).unwrap();
    // The list leads from the last returned to the first; the link of the second leads nowhere.
    // SAFETY: a write after free, inside the memory of the pool.
    unsafe { all[2].cast::<usize>().write(4) };
    assert_eq!(take::<3>(&pool), Err(Error::Corrupt));
    assert_eq!((pool.stats().free, pool.stats().damaged, pool.stats().exhausted), (4, 1, 0));
    assert_eq!(take::<2>(&pool).unwrap(), [all[3], all[2]], "in the order of the list, as it was");
}

#[test]
fn batch_free_with_a_wrong_address_frees_nothing() {
    for wrong_at in 0..BLOCKS {
        let mut memory = memory();
        let pool = pool(&mut memory);
        let all = take::<BLOCKS>(&pool).unwrap();
        // SAFETY: in use.
        unsafe { pool.free_raw(all[wrong_at]) }.unwrap();
        assert_eq!(put(&pool, &all), Err((wrong_at, Error::DoubleFree)));
        let mut foreign = all;
        foreign[wrong_at] = null_mut();
        assert_eq!(put(&pool, &foreign), Err((wrong_at, Error::NotABlock)));
        assert_eq!((pool.stats().free, pool.stats().refused, pool.validate()), (1, 2, Ok(())));
        for (at, block) in all.into_iter().enumerate().filter(|(at, _)| *at != wrong_at) {
            // SAFETY: in use.
            assert_eq!(unsafe { pool.free_raw(block) }, Ok(()), "block {at} is its owner's still");
        }
    }
}

#[test]
fn block_twice_in_a_batch_is_a_double_free() {
    let mut memory = memory();
    let pool = pool(&mut memory);
    let [one, two] = take::<2>(&pool).unwrap();
    assert_eq!(put(&pool, &[one, two, one]), Err((2, Error::DoubleFree)));
    assert_eq!((pool.stats().used(), pool.validate()), (2, Ok(())));
    put(&pool, &[two, one]).unwrap();
    assert_eq!((pool.stats().used(), pool.validate()), (0, Ok(())));
}

#[test]
fn batch_larger_than_the_pool_is_refused() {
    let mut memory = memory();
    let pool = pool(&mut memory);
    assert_eq!(take::<5>(&pool), Err(Error::BatchTooLarge));
    assert_eq!(put(&pool, &[null_mut(); 5]), Err((0, Error::BatchTooLarge)));
    assert_eq!(pool.stats().exhausted, 0, "that it never fits is no lack of blocks");
    assert_eq!(pool.stats().refused, 0);
    let all = take::<BLOCKS>(&pool).unwrap();
    assert_eq!(take::<1>(&pool), Err(Error::Exhausted));
    assert_eq!(pool.stats().exhausted, 1);
    put(&pool, &all).unwrap();
    assert_eq!(take::<0>(&pool), Ok([]));
    assert_eq!(put(&pool, &[]), Ok(()));
}

#[test]
fn batch_alloc_leaves_the_reserve() {
    let mut memory = memory();
    let pool = pool(&mut memory);
    pool.set_isr_reserve(2).unwrap();
    assert_eq!(take::<3>(&pool), Err(Error::Exhausted));
    let two = take::<2>(&pool).unwrap();
    assert_eq!(pool.stats().free, 2);
    put(&pool, &two).unwrap();
    assert_eq!((pool.stats().free, pool.validate()), (4, Ok(())));
}
