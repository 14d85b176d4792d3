//! What is pinned may be forgotten, and must then stay in place for ever: not in memory or a pool that comes to an end.
#![forbid(unsafe_code)]
use microusc_pool::{AllocSlice, AtomicDynPool, AtomicPool, AtomicWords, DynPool, NoLock, PoolBox, PoolSet, SizeClass};
use std::mem::MaybeUninit;

static WORDS: AtomicWords<1> = AtomicWords::new();

fn borrowed_memory(memory: &mut [MaybeUninit<u8>]) {
    let pool: DynPool<NoLock> = DynPool::new(memory, 64, 8).unwrap();
    let value = pool.alloc_value(1u64).unwrap();
    let _ = PoolBox::into_pin(value);
}

fn vector_in_borrowed_memory(memory: &mut [MaybeUninit<u8>]) {
    let pool: DynPool<NoLock> = DynPool::new(memory, 64, 8).unwrap();
    let values = (&pool).alloc_vec(4).unwrap();
    let _: std::pin::Pin<microusc_pool::PoolVec<u64, _>> = values.into_pin();
}

fn slice_of_a_set(memory: &mut [MaybeUninit<u8>]) {
    let set: PoolSet<1, NoLock> =
        PoolSet::new(memory, 8, &[SizeClass { block_size: 64, blocks: 1 }]).unwrap();
    let slice = set.alloc_slice_copy(&[1u64]).unwrap();
    let _ = PoolBox::into_pin(slice);
}

fn local_pool_over_static_memory(memory: &'static mut [MaybeUninit<u8>]) {
    let pool: DynPool<'static, NoLock> = DynPool::new(memory, 64, 8).unwrap();
    let value = pool.alloc_value(1u64).unwrap();
    let _ = PoolBox::into_pin(value);
}

fn local_lock_free_pool() {
    let pool: AtomicPool<u64, 4, 1> = AtomicPool::new();
    let value = pool.alloc(1).unwrap();
    let _ = PoolBox::into_pin(value);
}

fn lock_free_pool_over_borrowed_memory(memory: &mut [MaybeUninit<u8>]) {
    let pool = AtomicDynPool::new(&WORDS, |_, _| true, memory, 64, 8).unwrap();
    let value = pool.alloc_value(1u64).unwrap();
    let _ = PoolBox::into_pin(value);
}

fn main() {}
