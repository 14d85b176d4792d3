//! A typed pool is used in place, for ever: its blocks know their addresses.
use microusc_pool::{Pool, SpinLock};

fn main() {
    let pool: Pool<u32, 4, SpinLock> = Pool::new();
    pool.alloc(1).unwrap();
}
