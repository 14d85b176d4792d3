//! Vectors and slices borrow the pool they return to, as all handles do.
use core::mem::MaybeUninit;

use microusc_pool::{AllocSlice, AtomicPool, DynPool, PoolArc, PoolVec, Shared, SpinLock};

fn main() {
    let mut memory = [MaybeUninit::uninit(); 1000];
    let vec: PoolVec<u32, _> = {
        let pool: DynPool<'_, SpinLock> = DynPool::new(&mut memory, 64, 8).unwrap();
        PoolVec::in_bytes(pool.alloc().unwrap()).unwrap()
    };
    let slice = {
        let pool: AtomicPool<[u8; 8], 4, 1> = AtomicPool::new();
        pool.alloc_slice_copy(b"abc").unwrap()
    };
    let shared = {
        let pool: AtomicPool<Shared<u8>, 4, 1> = AtomicPool::new();
        PoolArc::new(pool.alloc(Shared::new(1)).unwrap())
    };
    drop((vec, slice, shared));
}
