//! Waiting by a task of an executor: a future.

use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::{Locked, State, Taken, WaitPool, Waited, Waiter};
use crate::Error;

/// The future of [`WaitPool::wait`]. Dropping it cancels the wait; no block is lost.
pub struct Wait<P: Locked + 'static> {
    pool: &'static WaitPool<P>,
    waiter: UnsafeCell<Waiter<Waker>>,
    _pinned: PhantomPinned,
}

// SAFETY: the waiter is touched with the pool's lock closed only, by whichever thread polls, drops or serves.
unsafe impl<P: Locked + Sync> Send for Wait<P> {}

impl<P: Locked> Wait<P> {
    pub(super) fn new(pool: &'static WaitPool<P>, priority: u8) -> Self {
        Self { pool, waiter: UnsafeCell::new(Waiter::new(priority)), _pinned: PhantomPinned }
    }
}

impl<P: Locked> Future for Wait<P> {
    type Output = Result<Taken<P>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waiter = self.waiter.get();
        // Cloned, and what it replaces dropped, outside the lock: both are somebody else's code.
        let mut waker = Some(context.waker().clone());
        let mut replaced = None;
        let polled = self.pool.locked(|raw, queue| {
            // SAFETY: the lock is closed, so the waiter is ours. The future is pinned, so he is in place until `drop`,
            // in which he leaves.
            unsafe {
                match (*waiter).state() {
                    State::Granted(block) => {
                        let block = *block;
                        (*waiter).settle();
                        Poll::Ready(Ok(block))
                    }
                    State::Queued(old) => {
                        replaced = waker.take().map(|new| core::mem::replace(old, new));
                        Poll::Pending
                    }
                    State::Idle => match waker.take() {
                        Some(waker) => queue.enter(raw, waiter, waker),
                        None => Poll::Pending,
                    },
                }
            }
        });
        drop(replaced);
        polled.map(|taken| taken.map(|block| self.pool.handle(block)))
    }
}

impl<P: Locked> Drop for Wait<P> {
    fn drop(&mut self) {
        let waiter = self.waiter.get();
        // SAFETY: the lock is closed; the waiter is idle, or this queue's.
        let left = self.pool.locked(|raw, queue| unsafe { queue.leave(raw, waiter) });
        if let State::Granted(block) = left {
            drop(self.pool.handle(block));
        }
    }
}
