//! Waiting for a block: order, hand-over, cancellation.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use microusc_pool::{Owns, Pool, PoolBox, SpinLock, UninitBlock, Wait, WaitOrder, WaitPool};

type Inner = Pool<usize, 2, SpinLock>;
type PoolWithWaiters = WaitPool<Inner>;

fn new(order: WaitOrder) -> &'static PoolWithWaiters {
    Box::leak(Box::new(WaitPool::new(Pool::new(), order)))
}

fn take(pool: &'static PoolWithWaiters) -> UninitBlock<Inner> {
    pool.try_alloc().unwrap()
}

fn poll(wait: Pin<&mut Wait<Inner>>) -> Option<UninitBlock<Inner>> {
    match wait.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(taken) => Some(taken.unwrap()),
        Poll::Pending => None,
    }
}

fn free(pool: &'static PoolWithWaiters) -> usize {
    pool.stats().free
}

#[test]
fn waiter_that_came_first_is_served_first() {
    let pool = new(WaitOrder::Fifo);
    let held = [take(pool), take(pool)];
    let (mut first, mut second) = (pin!(pool.wait(0)), pin!(pool.wait(9)));
    assert!(poll(first.as_mut()).is_none() && poll(second.as_mut()).is_none());
    let [one, two] = held;
    drop(one);
    assert!(poll(second.as_mut()).is_none(), "the priority does not count");
    let got = poll(first.as_mut()).unwrap();
    drop(two);
    let other = poll(second.as_mut()).unwrap();
    drop((got, other));
    assert_eq!(free(pool), 2);
}

#[test]
fn waiter_of_the_highest_priority_is_served_first() {
    let pool = new(WaitOrder::Priority);
    let held = [take(pool), take(pool)];
    let (mut low, mut high, mut alike) = (pin!(pool.wait(1)), pin!(pool.wait(5)), pin!(pool.wait(5)));
    assert!(poll(low.as_mut()).is_none() && poll(high.as_mut()).is_none() && poll(alike.as_mut()).is_none());
    let [one, two] = held;
    drop(one);
    assert!(poll(low.as_mut()).is_none() && poll(alike.as_mut()).is_none());
    let first = poll(high.as_mut()).unwrap();
    drop(two);
    assert!(poll(low.as_mut()).is_none());
    let second = poll(alike.as_mut()).unwrap();
    drop(first);
    let third = poll(low.as_mut()).unwrap();
    drop((second, third));
    assert_eq!(free(pool), 2);
}

#[test]
fn freed_block_goes_to_the_waiter_not_to_a_later_alloc() {
    let pool = new(WaitOrder::Fifo);
    let held = [take(pool), take(pool)];
    let mut waiting = pin!(pool.wait(0));
    assert!(poll(waiting.as_mut()).is_none());
    drop(held);
    // Two blocks were freed: one is kept for the waiter, any caller may allocate the other.
    let unreserved = take(pool);
    assert!(pool.try_alloc().is_err());
    let granted = poll(waiting.as_mut()).unwrap();
    drop((unreserved, granted));
    assert_eq!(free(pool), 2);
}

#[test]
fn cancelled_waits_lose_no_block() {
    let pool = new(WaitOrder::Fifo);
    let held = [take(pool), take(pool)];
    let mut last = pin!(pool.wait(0));
    {
        let (mut queued, mut granted) = (pin!(pool.wait(0)), pin!(pool.wait(0)));
        assert!(poll(granted.as_mut()).is_none() && poll(queued.as_mut()).is_none());
        assert!(poll(last.as_mut()).is_none());
        let [one, two] = held;
        drop(one);
        std::mem::forget(two); // keep the other in use
        // Both are dropped here: `queued` leaves, and what `granted` was promised goes to `last`.
    }
    let got = poll(last.as_mut()).unwrap();
    assert_eq!(free(pool), 0);
    drop(got);
    assert_eq!(free(pool), 1);
    assert_eq!(pool.validate(), Ok(()));
}

#[test]
fn last_waker_of_a_wait_is_woken() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let pool = new(WaitOrder::Fifo);
    let held = [take(pool), take(pool)];
    let counts: [Arc<Count>; 2] = std::array::from_fn(|_| Arc::new(Count(AtomicUsize::new(0))));
    let mut waiting = pin!(pool.wait(0));
    for count in &counts {
        let waker = Waker::from(count.clone());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    drop(held);
    assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [0, 1]);
    drop(poll(waiting.as_mut()).unwrap());
    assert_eq!(free(pool), 2);
}

#[test]
fn waits_of_many_threads_are_served_and_cancelled_without_loss() {
    let pool = new(WaitOrder::Fifo);
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            scope.spawn(move || {
                for turn in 0..3000 {
                    if turn % 7 == thread {
                        // Poll once, then give up.
                        let mut wait = pin!(pool.wait(0));
                        drop(poll(wait.as_mut()));
                        continue;
                    }
                    let mut block =
                        PoolBox::write(pollster::block_on(pool.wait(thread as u8)).unwrap(), thread);
                    *block += turn;
                    assert_eq!(*block, thread + turn);
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!((stats.free, stats.damaged, stats.refused), (2, 0, 0));
}

#[test]
fn wait_pool_knows_its_live_blocks() {
    let pool = new(WaitOrder::Fifo);
    let block = take(pool);
    let address: *const u8 = PoolBox::as_ptr(&block).as_ptr().cast();
    assert!(pool.owns(address) && !pool.owns(address.wrapping_add(1)) && !pool.owns(std::ptr::null()));
    drop(block);
    assert!(!pool.owns(address));
}
