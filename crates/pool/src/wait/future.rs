//! Waiting by a task of an executor: a future.

use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::{LockedPool, UninitBlock, WaitPool, WaitablePool, Waiter, WaiterState};
use crate::Error;

/// The future of [`WaitPool::wait`]. Dropping it cancels the wait; no block is lost.
pub struct Wait<P: LockedPool + 'static> {
    pool: &'static WaitPool<P>,
    waiter: UnsafeCell<Waiter<Waker>>,
    _pinned: PhantomPinned,
}

// SAFETY: the waiter is touched with the pool's lock closed only, by whichever thread polls, drops or serves.
unsafe impl<P: LockedPool + Sync> Send for Wait<P> {}

impl<P: LockedPool> Wait<P> {
    pub(super) fn new(pool: &'static WaitPool<P>, priority: u8) -> Self {
        Self { pool, waiter: UnsafeCell::new(Waiter::new(priority)), _pinned: PhantomPinned }
    }
}

impl<P: LockedPool> Future for Wait<P> {
    type Output = Result<UninitBlock<P>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waiter = self.waiter.get();
        // A waker is the executor's code: cloned before the lock is taken, and dropped after it was released, be it this
        // one or the one that it replaces. What code of others does with the pool, it then does as anything else would.
        let mut waker = Some(context.waker().clone());
        let mut replaced = None;
        // SAFETY: only this pool's queue and free list are used, and nothing of them is kept.
        let polled = unsafe {
            self.pool.with_queue(|raw, queue| {
                // The lock is held, so the waiter is ours. The future is pinned, so it is in place until `drop`, in
                // which it leaves.
                match (*waiter).state() {
                    WaiterState::Granted(block) => {
                        let block = *block;
                        (*waiter).settle();
                        Poll::Ready(Ok(block))
                    }
                    WaiterState::Queued(old) => {
                        replaced = waker.take().map(|new| core::mem::replace(old, new));
                        Poll::Pending
                    }
                    WaiterState::Idle => match queue.alloc_now(raw) {
                        Some(taken) => Poll::Ready(taken),
                        None => {
                            if let Some(waker) = waker.take() {
                                queue.enter(raw, waiter, waker);
                            }
                            Poll::Pending
                        }
                    },
                }
            })
        };
        // The handle first: should a waker panic when it is dropped, the block returns.
        let polled = polled.map(|taken| taken.map(|block| self.pool.handle(block)));
        drop((waker, replaced));
        polled
    }
}

impl<P: LockedPool> Drop for Wait<P> {
    fn drop(&mut self) {
        let waiter = self.waiter.get();
        // SAFETY: the lock is held; the waiter is idle, or this queue's.
        let left = unsafe { self.pool.with_queue(|raw, queue| queue.leave(raw, waiter)) };
        // A waker that is left is dropped here, with the lock released.
        if let WaiterState::Granted(block) = left {
            drop(self.pool.handle(block));
        }
    }
}
