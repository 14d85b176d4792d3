//! What the lock allows, compiles and works: every handle goes to another thread and is dropped there. What it does not
//! allow is in `ui/`.

use std::mem::MaybeUninit;
use std::thread;

use microusc_pool::{
    AllocSlice, AtomicPool, DynPool, Pool, PoolArc, PoolSet, PoolString, PoolVec, Shared, SizeClass, SpinLock,
};

#[test]
fn handles_of_static_pools_are_dropped_elsewhere() {
    static VALUES: Pool<u32, 4, SpinLock> = Pool::new();
    static SHARED: Pool<Shared<u32>, 4, SpinLock> = Pool::new();
    static ARRAYS: Pool<[u8; 8], 4, SpinLock> = Pool::new();
    static LOCK_FREE: AtomicPool<[u8; 8], 4, 1> = AtomicPool::new();
    let shared = PoolArc::new(SHARED.alloc(Shared::new(1)).unwrap());
    let handles = (
        VALUES.alloc(1).unwrap(),
        shared.clone(),
        ARRAYS.alloc_vec(8).unwrap(),
        PoolString::new(ARRAYS.alloc_vec(8).unwrap()),
        ARRAYS.alloc_slice_copy(b"abc").unwrap(),
        LOCK_FREE.alloc_vec(8).unwrap(),
    );
    thread::spawn(move || drop(handles)).join().unwrap();
    assert_eq!((VALUES.stats().used(), ARRAYS.stats().used(), LOCK_FREE.stats().free), (0, 0, 4));
    assert_eq!((*shared, SHARED.stats().used()), (1, 1));
    drop(shared);
    assert_eq!(SHARED.stats().used(), 0);
}

#[test]
fn handles_of_dynamic_pools_are_dropped_elsewhere() {
    let mut memory = [MaybeUninit::uninit(); 1000];
    let pool: DynPool<SpinLock> = DynPool::new(&mut memory, 64, 8).unwrap();
    let mut memory = [MaybeUninit::uninit(); 1000];
    let classes = [SizeClass { block_size: 64, blocks: 4 }];
    let set: PoolSet<1, SpinLock> = PoolSet::new(&mut memory, 8, &classes).unwrap();
    let handles = (
        pool.alloc_value(1u32).unwrap(),
        PoolArc::new(pool.alloc_value(Shared::new(1u32)).unwrap()),
        PoolVec::<u32, _>::in_bytes(pool.alloc().unwrap()).unwrap(),
        set.alloc_value(1u32).unwrap(),
        set.alloc_slice_copy(b"abc").unwrap(),
    );
    thread::scope(|scope| drop(scope.spawn(move || drop(handles))));
    assert_eq!((pool.stats().used(), set.stats().classes[0].pool.used()), (0, 0));
}
