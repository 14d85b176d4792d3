//! A waker that gives the signal too early, or never, would end the wait of a task whose node is in the queue.
use std::pin::Pin;
use std::task::Waker;

use microusc_pool::{WaitOrder, Pool, Signal, WaitPool, alloc_blocking};

static POOL: WaitPool<Pool<u64, 2>> = WaitPool::new(Pool::new(), WaitOrder::Fifo);

fn wait<S: Signal>() {
    let _ = alloc_blocking::<S, _>(&POOL, 0, None, |signal: Pin<&S>| {
        signal.give();
        Waker::noop().clone()
    });
}

fn main() {}
