//! A task that sleeps until a block is free.

use std::pin::Pin;

use loom::sync::atomic::{AtomicBool, Ordering};
use microusc_pool::{Pool, Signal, WaitOrder, WaitPool};

use super::*;

/// A semaphore; time is up at once. Broken on purpose, it orders nothing. It lies on the stack of the task that sleeps, so
/// loom checks that the signal is not given after it was dropped.
struct Semaphore<const BROKEN: bool>(AtomicBool, UnsafeCell<()>);

impl<const BROKEN: bool> Drop for Semaphore<BROKEN> {
    fn drop(&mut self) {
        self.1.with_mut(|_| ());
    }
}

// SAFETY: loom runs it in every order.
unsafe impl<const BROKEN: bool> Signal for Semaphore<BROKEN> {
    fn may_wait() -> bool {
        true
    }

    fn new() -> Self {
        Self(AtomicBool::new(false), UnsafeCell::new(()))
    }

    fn init(self: Pin<&Self>) {}

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        let ordering = if BROKEN { Ordering::Relaxed } else { Ordering::Acquire };
        loop {
            let given = self.0.load(ordering);
            if given || milliseconds.is_some() {
                return given;
            }
            thread::yield_now();
        }
    }

    fn give(self: Pin<&Self>) {
        self.1.with(|_| ());
        self.0.store(true, if BROKEN { Ordering::Relaxed } else { Ordering::Release });
    }
}

/// One sleeps for a block that another frees; what is in it is watched.
fn check<const BROKEN: bool>(milliseconds: Option<u32>) {
    loom::model(move || {
        let pool: &'static WaitPool<Pool<usize, 1, SpinLock>> =
            Box::leak(Box::new(WaitPool::new(Pool::new(), WaitOrder::Fifo)));
        let content: &'static UnsafeCell<u32> = Box::leak(Box::new(UnsafeCell::new(0)));
        let content = Shared(content);
        let held = pool.try_alloc().unwrap();
        let thread = thread::spawn(move || {
            let content = content;
            // SAFETY: loom reports a second owner.
            content.0.with_mut(|word| unsafe { *word += 1 });
            drop(held);
        });
        match pool.wait_blocking::<Semaphore<BROKEN>>(0, milliseconds) {
            Ok(block) => {
                // SAFETY: as above.
                content.0.with_mut(|word| unsafe { *word += 1 });
                drop(block);
            }
            Err(error) => assert_eq!((error, milliseconds), (Error::TimedOut, Some(0))),
        }
        thread.join().unwrap();
        assert_eq!((pool.stats().free, pool.validate()), (1, Ok(())));
    });
}

#[derive(Clone, Copy)]
struct Shared(&'static UnsafeCell<u32>);
// SAFETY: loom watches it.
unsafe impl Send for Shared {}

#[test]
fn sleeping_task_owns_the_block_that_it_is_granted() {
    check::<false>(None);
}

/// The context that frees gives the signal, perhaps only after the timeout.
#[test]
fn block_granted_during_a_timeout_is_not_lost() {
    check::<false>(Some(0));
}

/// The block is handed over with the pool's lock held, which orders it. What the signal orders is the giver's last use of the
/// stack frame that the signal lies in.
#[test]
#[should_panic(expected = "Causality violation")]
fn signal_without_an_ordering_is_found() {
    check::<true>(None);
}
