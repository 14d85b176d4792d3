//! A handle that became an address is gone: it cannot return the block a second time.
use microusc_pool::{Pool, PoolBox, SpinLock};

static POOL: Pool<u32, 4, SpinLock> = Pool::new();

fn main() {
    let handle = POOL.alloc(1).unwrap();
    let _address = PoolBox::into_raw(handle);
    drop(handle);
}
