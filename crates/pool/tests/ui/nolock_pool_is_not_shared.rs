//! A pool without a lock cannot be a static: two threads would reach it.
use microusc_pool::{NoLock, Pool};

static POOL: Pool<u32, 4, NoLock> = Pool::new();

fn main() {
    let _ = &POOL;
}
