//! A waiter of one pool in the queue of another would be granted a block of the wrong pool, and one that is no longer there
//! would be written to.
use microusc_pool::{ByteMap, WaitOrder, WaitQueue, FreeList, Waiter};

fn wait(raw: &mut FreeList<'_, ByteMap>) {
    let mut queue = WaitQueue::new(WaitOrder::Fifo);
    let mut waiter = Waiter::new(0);
    queue.enqueue(raw, &mut waiter, 7);
    let _ = queue.serve(raw);
    let _ = queue.remove(raw, &mut waiter);
    let _ = queue.forget(raw, |_| true);
}

fn main() {
    let _ = wait;
}
