//! A dynamic pool borrows its memory exclusively.
use core::mem::MaybeUninit;

use microusc_pool::{DynPool, SpinLock};

fn main() {
    let mut memory = [MaybeUninit::uninit(); 256];
    let pool: DynPool<'_, SpinLock> = DynPool::new(&mut memory, 32, 4).unwrap();
    memory[0] = MaybeUninit::new(1u8);
    pool.alloc().unwrap();
}
