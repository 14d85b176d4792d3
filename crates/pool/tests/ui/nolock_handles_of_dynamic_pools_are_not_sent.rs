//! The same for pools over borrowed memory, and for sets of them.
use core::mem::MaybeUninit;

use microusc_pool::{AllocSlice, DynPool, NoLock, PoolArc, PoolSet, PoolVec, Shared, SizeClass};

/// What another thread asks, or a static that an interrupt handler empties.
fn send(_: impl Send) {}

fn main() {
    let mut memory = [MaybeUninit::uninit(); 1000];
    let pool: DynPool<NoLock> = DynPool::new(&mut memory, 64, 8).unwrap();
    send(pool.alloc_value(1u32).unwrap());
    send(PoolArc::new(pool.alloc_value(Shared::new(1u32)).unwrap()));
    send(PoolVec::<u32, _>::in_bytes(pool.alloc().unwrap()).unwrap());

    let mut memory = [MaybeUninit::uninit(); 1000];
    let classes = [SizeClass { block_size: 64, blocks: 4 }];
    let set: PoolSet<1, NoLock> = PoolSet::new(&mut memory, 8, &classes).unwrap();
    send(set.alloc_slice_copy(b"abc").unwrap());
}
