//! A waker that gives the signal too early, or never, would end the wait of a task whose node is in the queue.
use std::pin::Pin;
use std::task::Waker;

use microusc_pool::{Order, Pool, Signal, WaitPool, take_blocking};

static POOL: WaitPool<Pool<u64, 2>> = WaitPool::new(Pool::new(), Order::Fifo);

fn wait<S: Signal>() {
    let _ = take_blocking::<S, _>(&POOL, 0, None, |signal: Pin<&S>| {
        signal.give();
        Waker::noop().clone()
    });
}

fn main() {}
