//! The free list and the queue of a pool are not for safe code: with them a block could have two owners.
#![forbid(unsafe_code)]
use microusc_pool::{WaitOrder, Pool, PoolBox, WaitPool, QueuedPool};

static POOL: WaitPool<Pool<u64, 2>> = WaitPool::new(Pool::new(), WaitOrder::Fifo);

fn main() {
    let owned = PoolBox::write(POOL.try_alloc().unwrap(), 1);
    let address = PoolBox::as_ptr(&owned).cast().as_ptr();
    POOL.with_queue(|raw, _| {
        let _ = raw.begin_free(address);
        raw.finish_free(address);
    });
}
