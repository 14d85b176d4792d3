//! A waker is the executor's code, which may use the very pool that is waited on. It is cloned, woken and dropped with the
//! pool's lock released, wherever a pool has to do with one.
#![cfg(not(any(loom, shuttle)))]

use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, RawWaker, RawWakerVTable, Waker};

use microusc_pool::{
    Error, GlobalSet, NoFallback, NonAllocatingLock, Pool, RawLock, Wait, WaitOrder, WaitPool,
};

thread_local! {
    static HELD: Cell<u32> = const { Cell::new(0) };
    /// Times that a lock was acquired by the thread that held one.
    static REENTERED: Cell<u32> = const { Cell::new(0) };
    /// Calls into the executor's code.
    static CALLS: Cell<u32> = const { Cell::new(0) };
    static POOL: Cell<Option<&'static PoolWithWaiters>> = const { Cell::new(None) };
    static WAKE_PANICS: Cell<bool> = const { Cell::new(false) };
}

/// For one thread, and sees when that acquires it twice. Its drop is code of others as well.
struct Watchful(PhantomData<*mut ()>);

// SAFETY: not `Sync`, so a single context reaches it. That it is not acquired twice is what is tested.
unsafe impl RawLock for Watchful {
    const INIT: Self = Self(PhantomData);
    type Saved = ();

    fn acquire(&self) {
        HELD.set(HELD.get() + 1);
        REENTERED.set(REENTERED.get() + u32::from(HELD.get() > 1));
    }

    unsafe fn release(&self, (): ()) {
        HELD.set(HELD.get() - 1);
    }
}

// SAFETY: two thread-local numbers that need no destructor.
unsafe impl NonAllocatingLock for Watchful {}

impl Drop for Watchful {
    fn drop(&mut self) {
        CALLS.set(CALLS.get() + 1);
        REENTERED.set(REENTERED.get() + u32::from(HELD.get() > 0));
    }
}

type PoolWithWaiters = WaitPool<Pool<u64, 2, Watchful>>;

/// What an executor may do whenever it is called.
fn use_the_pool() {
    CALLS.set(CALLS.get() + 1);
    if let Some(pool) = POOL.get() {
        drop(pool.try_alloc());
    }
}

const TABLE: RawWakerVTable = RawWakerVTable::new(
    |_| {
        use_the_pool();
        RawWaker::new(std::ptr::null(), &TABLE)
    },
    |_| {
        use_the_pool();
        assert!(!WAKE_PANICS.take(), "woken");
    },
    |_| use_the_pool(),
    |_| use_the_pool(),
);

fn waker() -> Waker {
    // SAFETY: the functions use no data.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &TABLE)) }
}

fn new() -> &'static PoolWithWaiters {
    let pool: &'static PoolWithWaiters = Box::leak(Box::new(WaitPool::new(Pool::new(), WaitOrder::Fifo)));
    POOL.set(Some(pool));
    pool
}

fn is_ready(wait: Pin<&mut Wait<Pool<u64, 2, Watchful>>>) -> bool {
    wait.poll(&mut Context::from_waker(&waker())).is_ready()
}

/// The executor was called, never with the lock held, and both blocks are back.
fn was_never_entered_twice(pool: &'static PoolWithWaiters) {
    assert!(CALLS.get() > 0);
    assert_eq!((REENTERED.get(), HELD.get()), (0, 0));
    assert_eq!((pool.stats().free, pool.stats().refused, pool.validate()), (2, 0, Ok(())));
}

#[test]
fn wait_that_is_ready_at_once_drops_its_waker_with_the_lock_released() {
    let pool = new();
    assert!(is_ready(pin!(pool.wait(0))));
    was_never_entered_twice(pool);
}

#[test]
fn waker_is_replaced_woken_and_dropped_with_the_lock_released() {
    let pool = new();
    let [first, second] = [pool.try_alloc().unwrap(), pool.try_alloc().unwrap()];
    {
        let (mut granted, mut left) = (pin!(pool.wait(0)), pin!(pool.wait(0)));
        for _ in 0..3 {
            assert!(!is_ready(granted.as_mut()) && !is_ready(left.as_mut()));
        }
        left.set(pool.wait(0)); // what was there leaves the queue
        drop(first);
        assert!(is_ready(granted.as_mut()));
    }
    {
        let third = pool.try_alloc().unwrap();
        let mut never_polled_again = pin!(pool.wait(0));
        assert!(!is_ready(never_polled_again.as_mut()));
        drop(third);
        // Granted, and dropped.
    }
    drop(second);
    was_never_entered_twice(pool);
}

#[test]
fn waiters_served_by_a_smaller_reserve_are_woken_with_the_lock_released() {
    let pool = new();
    pool.set_isr_reserve(2).unwrap();
    let mut waits = [Box::pin(pool.wait(0)), Box::pin(pool.wait(0))];
    assert!(waits.iter_mut().all(|wait| !is_ready(wait.as_mut())));
    POOL.set(None); // a block that the first waker holds for a moment would be missing for the second waiter
    pool.set_isr_reserve(0).unwrap();
    assert!(waits.iter_mut().all(|wait| is_ready(wait.as_mut())));
    pool.repair();
    was_never_entered_twice(pool);
}

#[test]
fn task_that_is_woken_first_gets_no_block_of_other_waiters() {
    thread_local! {
        static TAKEN: Cell<u32> = const { Cell::new(0) };
    }
    const GREEDY: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(std::ptr::null(), &GREEDY),
        |_| {
            let pool = POOL.get().unwrap();
            if let Ok(block) = pool.try_alloc() {
                std::mem::forget(block);
                TAKEN.set(TAKEN.get() + 1);
            }
        },
        |_| {},
        |_| {},
    );
    let pool = new();
    pool.set_isr_reserve(2).unwrap();
    let mut waits = [Box::pin(pool.wait(0)), Box::pin(pool.wait(0))];
    // SAFETY: the functions use no data.
    let greedy = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &GREEDY)) };
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&greedy)).is_pending());
    }
    // The first is woken before the second is served, and asks for a block at once.
    pool.set_isr_reserve(0).unwrap();
    assert_eq!(TAKEN.get(), 0, "it overtook a waiter");
    assert!(waits.iter_mut().all(|wait| is_ready(wait.as_mut())));
    was_never_entered_twice(pool);
    // With nothing waiting a block is anything's again.
    assert!(pool.try_alloc().is_ok());
}

#[test]
fn waker_that_panics_loses_no_block_and_no_other_waiter() {
    let pool = new();
    pool.set_isr_reserve(2).unwrap();
    let mut waits = [Box::pin(pool.wait(0)), Box::pin(pool.wait(0))];
    assert!(waits.iter_mut().all(|wait| !is_ready(wait.as_mut())));
    POOL.set(None);
    // Only the first panics. The second is woken while that goes on.
    WAKE_PANICS.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| pool.set_isr_reserve(0))).is_err());
    assert_eq!(pool.stats().free, 0, "both were granted");
    assert!(waits.iter_mut().all(|wait| is_ready(wait.as_mut())));
    was_never_entered_twice(pool);
}

#[test]
fn second_global_set_is_dropped_with_the_lock_released() {
    use std::mem::MaybeUninit;

    use microusc_pool::{PoolSet, SizeClass};

    type Set = PoolSet<'static, 1, Watchful>;
    let heap: &'static GlobalSet<1, NoFallback, Watchful> = Box::leak(Box::new(GlobalSet::new(NoFallback)));
    let set = || -> Set {
        let memory: &'static mut [MaybeUninit<u8>] = Box::leak(vec![MaybeUninit::uninit(); 200].into());
        PoolSet::new(memory, 8, &[SizeClass { block_size: 32, blocks: 2 }]).unwrap()
    };
    heap.init(set()).unwrap();
    let before = CALLS.get();
    assert_eq!(heap.init(set()).err(), Some(Error::Initialized));
    assert!(CALLS.get() > before, "it was dropped");
    assert_eq!(REENTERED.get(), 0);
}
