//! A handle returns its block wherever it is dropped; without a lock that must be the thread it came from.
use microusc_pool::{NoLock, Pool};

fn main() {
    let pool: &'static Pool<u32, 4, NoLock> = Box::leak(Box::new(Pool::new()));
    let handle = pool.alloc(1).unwrap();
    std::thread::spawn(move || drop(handle));
}
