//! `forget` drops wakers with the lock held, so it is there only for those that have no code to run.
use std::task::Waker;

use microusc_pool::{ByteMarks, Queue, RawPool};

unsafe fn forget(raw: &mut RawPool<'_, ByteMarks>, queue: &mut Queue<Waker>) -> usize {
    unsafe { queue.forget(raw, |_| true) }
}

fn main() {
    let _ = forget;
}
