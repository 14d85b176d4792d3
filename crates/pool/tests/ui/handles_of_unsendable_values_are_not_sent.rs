//! A lock makes the pool safe to share, not what is in its blocks: a shared value must be `Sync` besides.
use core::cell::Cell;
use core::mem::MaybeUninit;
use std::rc::Rc;

use microusc_pool::{DynPool, PoolArc, PoolVec, Shared, SpinLock};

/// What another thread asks, or a static that an interrupt handler empties.
fn send(_: impl Send) {}

fn main() {
    let mut memory = [MaybeUninit::uninit(); 1000];
    let pool: DynPool<SpinLock> = DynPool::new(&mut memory, 64, 8).unwrap();
    send(pool.alloc_value(Rc::new(1)).unwrap());
    send(PoolVec::<Rc<u32>, _>::in_bytes(pool.alloc().unwrap()).unwrap());
    send(PoolArc::new(pool.alloc_value(Shared::new(Cell::new(1))).unwrap()));
}
