//! Waiting on Embassy's executor: its tasks, its wakers, frees from another thread as from an interrupt.
#![cfg(not(any(loom, shuttle)))]

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use embassy_executor::{Executor, Spawner};
use microusc_pool::{Pool, PoolBox, SpinLock, UninitBlock, WaitOrder, WaitPool};

type Inner = Pool<u32, 2, SpinLock>;

static POOL: WaitPool<Inner> = WaitPool::new(Pool::new(), WaitOrder::Priority);

const TURNS: u32 = 500;

/// Takes, fills, sends away: the block comes back from another thread.
#[embassy_executor::task(pool_size = 3)]
async fn producer(number: u32, away: Sender<PoolBox<'static, u32, WaitPool<Inner>>>) {
    for turn in 0..TURNS {
        let block: UninitBlock<Inner> = POOL.wait(number as u8).await.unwrap();
        away.send(PoolBox::write(block, number * TURNS + turn)).unwrap();
    }
}

/// Begins to wait again and again, and cancels each wait.
#[embassy_executor::task]
async fn fickle() {
    for _ in 0..TURNS {
        let mut wait = Box::pin(POOL.wait(9));
        let first_look =
            std::future::poll_fn(|context| std::task::Poll::Ready(wait.as_mut().poll(context).is_ready()));
        let _served = first_look.await;
        drop(wait);
        yield_now().await;
    }
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

fn start(spawner: Spawner, away: &Sender<PoolBox<'static, u32, WaitPool<Inner>>>) {
    for number in 0..3 {
        spawner.spawn(producer(number, away.clone()).unwrap());
    }
    spawner.spawn(fickle().unwrap());
}

#[test]
fn embassy_tasks_get_the_blocks_that_another_thread_frees() {
    let (away, back): (_, Receiver<PoolBox<'static, u32, _>>) = channel();
    std::thread::spawn(move || {
        let executor: &'static mut Executor = Box::leak(Box::new(Executor::new()));
        executor.run(|spawner| start(spawner, &away));
    });
    let mut seen = vec![0; 3 * TURNS as usize];
    for _ in 0..3 * TURNS {
        let block = back.recv_timeout(Duration::from_secs(60)).expect("every task is served in the end");
        seen[*block as usize] += 1;
    }
    assert!(seen.iter().all(|&times| times == 1));
    let stats = POOL.stats();
    assert_eq!((stats.damaged, stats.refused), (0, 0));
    assert_eq!(POOL.validate(), Ok(()));
}
