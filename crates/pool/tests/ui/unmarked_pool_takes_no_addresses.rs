//! Addresses come back only into a pool that can tell whether they are its own.
use microusc_pool::{Pool, PoolBox, SpinLock, LinksChecked};

static POOL: Pool<u32, 4, SpinLock, LinksChecked> = Pool::new();

fn main() {
    let address = PoolBox::into_raw(POOL.alloc(1).unwrap());
    let _ = unsafe { PoolBox::from_raw(&POOL, address) };
}
