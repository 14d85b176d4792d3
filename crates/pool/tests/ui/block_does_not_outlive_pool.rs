//! A block of a dynamic pool borrows the pool.
use core::mem::MaybeUninit;

use microusc_pool::{DynPool, SpinLock};

fn main() {
    let mut memory = [MaybeUninit::uninit(); 256];
    let block = {
        let pool: DynPool<'_, SpinLock> = DynPool::new(&mut memory, 32, 4).unwrap();
        pool.alloc().unwrap()
    };
    drop(block);
}
