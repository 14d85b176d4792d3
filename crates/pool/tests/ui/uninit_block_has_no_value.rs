//! A block that was not initialised has no value.
use microusc_pool::{Pool, SpinLock};

static POOL: Pool<u32, 4, SpinLock> = Pool::new();

fn main() {
    let block = POOL.alloc_uninit().unwrap();
    let _value: u32 = *block;
}
