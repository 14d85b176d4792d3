//! `forget` drops wakers with the lock held, so it is there only for those that have no code to run.
use std::task::Waker;

use microusc_pool::{ByteMap, WaitQueue, FreeList};

unsafe fn forget(raw: &mut FreeList<'_, ByteMap>, queue: &mut WaitQueue<Waker>) -> usize {
    unsafe { queue.forget(raw, |_| true) }
}

fn main() {
    let _ = forget;
}
