//! Waiting by a task of an executor: a future.

use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use super::{QueuedPool, UninitBlock, WaitPool, WaitablePool, Waiter, WaiterState};
use crate::Error;

/// The future of [`WaitPool::wait`]. Dropping it cancels the wait; no block is lost.
pub struct Wait<P: WaitablePool + 'static> {
    pool: &'static WaitPool<P>,
    waiter: UnsafeCell<Waiter<Waker>>,
    _pinned: PhantomPinned,
}

// SAFETY: the waiter is used with the pool's lock held only, by the thread that polls, drops or serves it.
unsafe impl<P: WaitablePool + Sync> Send for Wait<P> {}

impl<P: WaitablePool> Wait<P> {
    pub(super) fn new(pool: &'static WaitPool<P>, priority: u8) -> Self {
        Self { pool, waiter: UnsafeCell::new(Waiter::new(priority)), _pinned: PhantomPinned }
    }
}

impl<P: WaitablePool> Future for Wait<P> {
    type Output = Result<UninitBlock<P>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let waiter = self.waiter.get();
        // A waker is code of the executor, which may use this pool: it is cloned before the lock is acquired, and dropped
        // after it was released, and so is the waker that it replaces.
        let mut waker = Some(context.waker().clone());
        let mut replaced = None;
        // SAFETY: the closure uses this pool's queue and free list only, and keeps no part of them.
        let polled = unsafe {
            self.pool.with_queue(|list, queue| {
                // The lock is held, so nothing else uses the waiter. The future is pinned, so the waiter is in place until
                // `drop`, which removes it.
                match (*waiter).state() {
                    WaiterState::Granted(block) => {
                        let block = *block;
                        (*waiter).reset();
                        Poll::Ready(Ok(block))
                    }
                    WaiterState::Queued(old) => {
                        replaced = waker.take().map(|new| core::mem::replace(old, new));
                        Poll::Pending
                    }
                    WaiterState::Idle => match queue.alloc_now(list) {
                        Some(allocated) => Poll::Ready(allocated),
                        None => {
                            if let Some(waker) = waker.take() {
                                queue.enqueue(list, waiter, waker);
                            }
                            Poll::Pending
                        }
                    },
                }
            })
        };
        // The handle first: if a waker panics when it is dropped, the block is freed.
        let polled = polled.map(|allocated| allocated.map(|block| self.pool.handle(block)));
        drop((waker, replaced));
        polled
    }
}

impl<P: WaitablePool> Drop for Wait<P> {
    fn drop(&mut self) {
        let waiter = self.waiter.get();
        // SAFETY: the lock is held; the waiter is idle, or belongs to this queue.
        let left = unsafe { self.pool.with_queue(|list, queue| queue.remove(list, waiter)) };
        // The waker in the state is dropped here, with the lock released.
        if let WaiterState::Granted(block) = left {
            drop(self.pool.handle(block));
        }
    }
}
