//! Tasks that sleep until a block is free: hand-over, time-outs, refusals.
#![cfg(not(any(loom, shuttle)))]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use microusc_pool::{DynPool, Error, Order, Pool, PoolBox, Signal, SpinLock, WaitPool};

/// A binary semaphore of the host.
struct Semaphore(Mutex<bool>, Condvar);

thread_local! {
    static IN_INTERRUPT: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: the flag is set and taken under one mutex; the condition variable is not touched after that is released to
// a `wait` that may end; `wait_timeout_while` sleeps for all of the time.
unsafe impl Signal for Semaphore {
    fn may_wait() -> bool {
        !IN_INTERRUPT.get()
    }

    fn new() -> Self {
        Self(Mutex::new(false), Condvar::new())
    }

    fn open(self: Pin<&Self>) {}

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        let given = self.0.lock().unwrap();
        let longest = milliseconds.map_or(Duration::MAX, |time| Duration::from_millis(time.into()));
        let (mut given, _) = self.1.wait_timeout_while(given, longest, |given| !*given).unwrap();
        std::mem::replace(&mut *given, false)
    }

    fn give(self: Pin<&Self>) {
        let mut given = self.0.lock().unwrap();
        *given = true;
        self.1.notify_one();
    }
}

type Waited = WaitPool<Pool<usize, 2, SpinLock>>;

fn new(order: Order) -> &'static Waited {
    Box::leak(Box::new(WaitPool::new(Pool::new(), order)))
}

#[test]
fn a_sleeper_gets_the_block_that_is_freed() {
    let pool = new(Order::Fifo);
    let held = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    let address = PoolBox::as_ptr(&held[0]).addr();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| {
            let block = pool.wait_blocking::<Semaphore>(0, None).unwrap();
            PoolBox::as_ptr(&block).addr()
        });
        // Most likely it sleeps by then; if not, it finds the same block on the list.
        std::thread::sleep(Duration::from_millis(20));
        let [first, second] = held;
        drop(first);
        assert_eq!(sleeper.join().unwrap(), address);
        drop(second);
    });
    assert_eq!((pool.stats().free, pool.validate()), (2, Ok(())));
}

#[test]
fn time_is_up_after_all_of_it_and_the_refusal_is_counted_once() {
    let pool = new(Order::Priority);
    let held = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    let before = Instant::now();
    assert_eq!(pool.wait_blocking::<Semaphore>(3, Some(30)).unwrap_err(), Error::TimedOut);
    assert!(before.elapsed() >= Duration::from_millis(30));
    assert_eq!(pool.stats().exhausted, 1);
    // Nobody is in the queue any more: a block that comes back is anybody's.
    drop(held);
    assert_eq!(pool.stats().free, 2);
    drop(pool.try_alloc().unwrap());
}

#[test]
fn an_interrupt_is_refused_and_nothing_is_changed() {
    let pool = new(Order::Fifo);
    let before = pool.stats();
    IN_INTERRUPT.set(true);
    assert_eq!(pool.wait_blocking::<Semaphore>(0, None).unwrap_err(), Error::CannotWait);
    IN_INTERRUPT.set(false);
    assert_eq!(pool.stats(), before);
    drop(pool.wait_blocking::<Semaphore>(0, Some(0)).unwrap());
}

/// A signal whose time is up in the moment that its task is granted a block.
struct JustTooLate(Semaphore);

// SAFETY: as its parts; that the time is up it says only after the time that it was asked for, which is nothing here.
unsafe impl Signal for JustTooLate {
    fn may_wait() -> bool {
        true
    }

    fn new() -> Self {
        Self(Semaphore::new())
    }

    fn open(self: Pin<&Self>) {}

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        // SAFETY: a pinned part.
        let inner = unsafe { self.map_unchecked(|signal| &signal.0) };
        match milliseconds {
            Some(_) => {
                // The block is freed while this task is on its way out of its sleep.
                HELD.with(|held| drop(held.take()));
                false
            }
            None => inner.wait(None),
        }
    }

    fn give(self: Pin<&Self>) {
        // SAFETY: a pinned part.
        unsafe { self.map_unchecked(|signal| &signal.0) }.give();
    }
}

type Held = PoolBox<'static, MaybeUninit<usize>, Waited>;

thread_local! {
    static HELD: Cell<Option<Held>> = const { Cell::new(None) };
}

#[test]
fn what_is_granted_as_time_is_up_is_kept() {
    let pool = new(Order::Fifo);
    let other = pool.try_alloc().unwrap();
    HELD.set(Some(pool.try_alloc().unwrap()));
    let block = pool.wait_blocking::<JustTooLate>(0, Some(0)).unwrap();
    assert_eq!((pool.stats().free, pool.stats().exhausted), (0, 0));
    drop((block, other));
    assert_eq!((pool.stats().free, pool.validate()), (2, Ok(())));
}

#[test]
fn who_waits_does_not_touch_the_reserve_until_it_is_smaller() {
    let pool = new(Order::Fifo);
    pool.set_isr_reserve(2).unwrap();
    assert_eq!(pool.wait_blocking::<Semaphore>(0, Some(1)).unwrap_err(), Error::TimedOut);
    drop(pool.try_alloc_from_isr().unwrap());
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| pool.wait_blocking::<Semaphore>(0, None).unwrap());
        std::thread::sleep(Duration::from_millis(20));
        pool.set_isr_reserve(1).unwrap();
        drop(sleeper.join().unwrap());
    });
    assert_eq!(pool.stats().free, 2);
}

#[test]
fn sleepers_on_borrowed_memory_lose_nothing() {
    let memory: &'static mut [MaybeUninit<u8>] = Box::leak(vec![MaybeUninit::uninit(); 120].into());
    let pool: DynPool<'static, SpinLock> = DynPool::new(memory, 24, 8).unwrap();
    let blocks = pool.stats().capacity;
    assert!(blocks < 6, "fewer than threads, so that they wait");
    let pool: &'static WaitPool<DynPool<'static, SpinLock>> =
        Box::leak(Box::new(WaitPool::new(pool, Order::Priority)));
    std::thread::scope(|scope| {
        for thread in 0..6u8 {
            scope.spawn(move || {
                for turn in 0..2000u32 {
                    let longest = if turn % 3 == 0 { Some(0) } else { None };
                    match pool.wait_blocking::<Semaphore>(thread, longest) {
                        Ok(mut block) => {
                            block.fill(MaybeUninit::new(thread));
                            // SAFETY: filled.
                            assert!(block.iter().all(|byte| unsafe { byte.assume_init() } == thread));
                        }
                        Err(error) => assert_eq!((error, longest), (Error::TimedOut, Some(0))),
                    }
                }
            });
        }
    });
    let stats = pool.stats();
    assert_eq!((stats.free, stats.damaged, stats.refused), (blocks, 0, 0));
    assert_eq!(pool.validate(), Ok(()));
}
