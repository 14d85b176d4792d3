//! Tasks that sleep until a block is free: hand-over, time-outs, refusals.
#![cfg(not(any(loom, shuttle)))]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use microusc_pool::{DynPool, Error, Pool, PoolBox, Signal, SpinLock, WaitOrder, WaitPool};

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

    fn init(self: Pin<&Self>) {}

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

type PoolWithWaiters = WaitPool<Pool<usize, 2, SpinLock>>;

fn new(order: WaitOrder) -> &'static PoolWithWaiters {
    Box::leak(Box::new(WaitPool::new(Pool::new(), order)))
}

#[test]
fn sleeping_task_gets_the_block_that_is_freed() {
    let pool = new(WaitOrder::Fifo);
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
fn wait_times_out_after_the_whole_time_and_counts_one_refusal() {
    let pool = new(WaitOrder::Priority);
    let held = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    let before = Instant::now();
    assert_eq!(pool.wait_blocking::<Semaphore>(3, Some(30)).unwrap_err(), Error::TimedOut);
    assert!(before.elapsed() >= Duration::from_millis(30));
    assert_eq!(pool.stats().exhausted, 1);
    // No task is in the queue any more: any caller may allocate a block that is freed now.
    drop(held);
    assert_eq!(pool.stats().free, 2);
    drop(pool.try_alloc().unwrap());
}

#[test]
fn wait_in_an_interrupt_is_refused_and_changes_nothing() {
    let pool = new(WaitOrder::Fifo);
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

    fn init(self: Pin<&Self>) {}

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

type Held = PoolBox<'static, MaybeUninit<usize>, PoolWithWaiters>;

thread_local! {
    static HELD: Cell<Option<Held>> = const { Cell::new(None) };
}

#[test]
fn block_granted_at_the_timeout_is_returned() {
    let pool = new(WaitOrder::Fifo);
    let other = pool.try_alloc().unwrap();
    HELD.set(Some(pool.try_alloc().unwrap()));
    let block = pool.wait_blocking::<JustTooLate>(0, Some(0)).unwrap();
    assert_eq!((pool.stats().free, pool.stats().exhausted), (0, 0));
    drop((block, other));
    assert_eq!((pool.stats().free, pool.validate()), (2, Ok(())));
}

#[test]
fn waiter_gets_no_block_of_the_reserve_until_it_is_reduced() {
    let pool = new(WaitOrder::Fifo);
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
fn sleeping_tasks_on_borrowed_memory_lose_no_block() {
    let memory: &'static mut [MaybeUninit<u8>] = Box::leak(vec![MaybeUninit::uninit(); 120].into());
    let pool: DynPool<'static, SpinLock> = DynPool::new(memory, 24, 8).unwrap();
    let blocks = pool.stats().capacity;
    assert!(blocks < 6, "fewer than threads, so that they wait");
    let pool: &'static WaitPool<DynPool<'static, SpinLock>> =
        Box::leak(Box::new(WaitPool::new(pool, WaitOrder::Priority)));
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

/// A signal that returns `true` a few times although it was not given, and then sleeps without a reason: it returns as
/// `ANSWERS` says until that is empty.
struct Restless(Semaphore);

thread_local! {
    static ANSWERS: RefCell<VecDeque<Answer>> = const { RefCell::new(VecDeque::new()) };
}

enum Answer {
    /// Woken for no reason.
    True,
    /// Time is up, whether or not it is.
    False,
    /// Woken for no reason, after another context freed this block.
    Freed(Held),
    Panic,
    /// After another context freed this block.
    FreedPanic(Held),
}

fn answer_with(answers: impl IntoIterator<Item = Answer>) {
    ANSWERS.with(|all| *all.borrow_mut() = answers.into_iter().collect());
}

// SAFETY: what it answers against the contract is what is tested: the pool must decide by what it knows itself. `give` and
// a `wait` without answers are those of its part.
unsafe impl Signal for Restless {
    fn may_wait() -> bool {
        true
    }

    fn new() -> Self {
        Self(Semaphore::new())
    }

    fn init(self: Pin<&Self>) {}

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        let next = ANSWERS.with(|all| all.borrow_mut().pop_front());
        match next {
            Some(Answer::True) => true,
            Some(Answer::False) => false,
            Some(Answer::Freed(block)) => {
                drop(block);
                true
            }
            Some(Answer::Panic) => panic!("the signal is broken"),
            Some(Answer::FreedPanic(block)) => {
                drop(block);
                panic!("the signal is broken")
            }
            // SAFETY: a pinned part.
            None => unsafe { self.map_unchecked(|signal| &signal.0) }.wait(milliseconds),
        }
    }

    fn give(self: Pin<&Self>) {
        // SAFETY: a pinned part.
        unsafe { self.map_unchecked(|signal| &signal.0) }.give();
    }
}

/// Writes over the stack frames that calls before this one had.
#[inline(never)]
fn overwrite_the_stack() -> u64 {
    std::hint::black_box([0x4242_4242_4242_4242u64; 512])[17]
}

/// Nothing waits and nothing is lost: both blocks can be allocated again.
fn is_whole(pool: &'static PoolWithWaiters) {
    overwrite_the_stack();
    let both = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    drop(both);
    assert_eq!((pool.stats().free, pool.stats().damaged, pool.validate()), (2, 0, Ok(())));
}

#[test]
fn spurious_wake_waits_on_and_leaves_no_waiter_behind() {
    let pool = new(WaitOrder::Fifo);
    let held = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    answer_with([Answer::True, Answer::True, Answer::False]);
    assert_eq!(pool.wait_blocking::<Restless>(0, Some(1000)).unwrap_err(), Error::TimedOut);
    // Without a time, "time is up" is no reason to end either; one that was freed meanwhile is granted.
    let [first, second] = held;
    answer_with([Answer::True, Answer::False, Answer::True, Answer::Freed(first)]);
    let granted = pool.wait_blocking::<Restless>(0, None).unwrap();
    assert_eq!((pool.stats().free, pool.stats().exhausted), (0, 1));
    drop((granted, second));
    is_whole(pool);
}

#[test]
fn block_granted_during_the_timeout_is_returned_whatever_the_signal_answers() {
    let pool = new(WaitOrder::Fifo);
    let (first, second) = (pool.try_alloc().unwrap(), pool.try_alloc().unwrap());
    HELD.set(Some(first));
    // `JustTooLate` frees it and reports a timeout; a `wait` without a timeout does not end before the signal was given.
    let granted = pool.wait_blocking::<JustTooLate>(0, Some(0)).unwrap();
    answer_with([Answer::Freed(granted)]);
    let granted = pool.wait_blocking::<Restless>(0, Some(0)).unwrap();
    drop((granted, second));
    is_whole(pool);
}

#[test]
fn signal_that_panics_leaves_the_queue() {
    let pool = new(WaitOrder::Fifo);
    let held = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    let wait = || catch_unwind(AssertUnwindSafe(|| pool.wait_blocking::<Restless>(0, None)));
    answer_with([Answer::Panic]);
    assert!(wait().is_err());
    overwrite_the_stack();
    // Granted first, and then it panics: the block returns, to whatever waits next.
    let [first, second] = held;
    answer_with([Answer::True, Answer::FreedPanic(first)]);
    assert!(wait().is_err());
    assert_eq!(pool.stats().free, 1, "granted to a node that is gone");
    drop(second);
    is_whole(pool);
}
