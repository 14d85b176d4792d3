//! Whatever returns a block without a lock stays where it is: shared values, vectors, strings and slices as well.
use microusc_pool::{AllocSlice, NoLock, Pool, PoolArc, PoolString, Shared};

/// What another thread asks, or a static that an interrupt handler empties.
fn send(_: impl Send) {}

fn main() {
    let shared: &'static Pool<Shared<u32>, 4, NoLock> = Box::leak(Box::new(Pool::new()));
    let arrays: &'static Pool<[u8; 8], 4, NoLock> = Box::leak(Box::new(Pool::new()));
    send(PoolArc::new(shared.alloc(Shared::new(1)).unwrap()));
    send(arrays.alloc_vec(3).unwrap());
    send(PoolString::new(arrays.alloc_vec(3).unwrap()));
    send(arrays.alloc_slice_copy(b"abc").unwrap());
}
