//! A handle of a lock-free pool borrows the pool.
use microusc_pool::AtomicPool;

fn main() {
    let handle = {
        let pool: AtomicPool<u32, 4, 1> = AtomicPool::new();
        pool.alloc(1).unwrap()
    };
    drop(handle);
}
