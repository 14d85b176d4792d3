//! Waiting for a block: `pool.wait().await`, on any executor.
//!
//! ```text
//!   wait() --poll--> a block is free ------------------------------> Ready(handle)
//!              |                                                          ^
//!              '--> none: [queued] --free hands its block over--> [granted] --poll--'
//!                       |                                            |
//!                       '--- dropped: leaves the queue               '--- dropped: the block goes to the next
//!                                                                         in the queue, or back to the list
//! ```
//!
//! A block that is freed while somebody waits never touches the list: it goes to the first in the queue, still marked
//! as in use, so nobody who comes later is served first. What is cancelled between being granted and being polled gives
//! the block on; none is lost.

use core::cell::UnsafeCell;
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::{NonNull, null_mut};
use core::task::{Context, Poll, Waker};

use crate::sync::Guarded;
use crate::{ByteMarks, Error, Holds, Owns, PoolBox, RawLock, RawPool, Reclaim};

/// A pool whose lock and heart others may use.
///
/// # Safety
///
/// `unlocked` gives access to the one pool that `lock` guards.
pub unsafe trait Locked: Owns + Holds {
    /// Its lock.
    type Lock: RawLock;

    /// The lock.
    fn lock(&self) -> &Self::Lock;

    /// Runs `work` on the pool.
    ///
    /// # Safety
    ///
    /// The lock is closed, and closed by the caller.
    unsafe fn unlocked<R>(&self, work: impl FnOnce(&mut RawPool<'_, ByteMarks>) -> R) -> R;
}

/// Who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Who has waited longest.
    Fifo,
    /// The highest priority; among equals, who has waited longest.
    Priority,
}

/// Someone in the queue: a part of the future, in place until that is dropped.
struct Node {
    next: *mut Node,
    priority: u8,
    state: State,
}

enum State {
    /// Not in the queue.
    Idle,
    /// In the queue; to be woken.
    Queued(Waker),
    /// Out of the queue, with a block.
    Granted(NonNull<u8>),
}

/// A pool on which can be waited. Everything that frees a block through it serves those who wait first.
///
/// * Cost: [`try_alloc`](Self::try_alloc) is that of the pool. Waiting enters the queue: O(waiters) in one critical
///   section. A free costs the pool's, plus one test; serving somebody is O(1), and waking happens outside the lock.
/// * Context: a task waits; anybody whom the pool's lock admits frees, interrupts included.
///
/// ```
/// use microusc_pool::{Order, Pool, PoolBox, WaitPool};
///
/// static FRAMES: WaitPool<Pool<[u8; 64], 2>> = WaitPool::new(Pool::new(), Order::Fifo);
///
/// async fn send() {
///     let frame = PoolBox::write(FRAMES.wait(0).await.unwrap(), [0; 64]);
///     drop(frame); // the block goes straight to whoever waits
/// }
/// # pollster::block_on(send());
/// ```
pub struct WaitPool<P: Locked> {
    pool: P,
    order: Order,
    /// First in the queue.
    queue: Guarded<*mut Node>,
}

// SAFETY: the queue and its nodes are touched with the pool's lock closed only.
unsafe impl<P: Locked + Sync> Sync for WaitPool<P> {}
// SAFETY: as above; a pool that is waited on is borrowed for ever.
unsafe impl<P: Locked + Send> Send for WaitPool<P> {}

impl<P: Locked> WaitPool<P> {
    /// Adds a queue to a pool of which nothing is in use.
    pub const fn new(pool: P, order: Order) -> Self {
        Self { pool, order, queue: Guarded::new(null_mut()) }
    }

    /// The pool itself, to look at.
    pub fn pool(&self) -> &P {
        &self.pool
    }

    /// Waits for a block; `priority` counts where the order is [`Order::Priority`], higher first.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`]. Never [`Error::Exhausted`]: that is what is waited for.
    pub fn wait(&'static self, priority: u8) -> Wait<P> {
        let node = Node { next: null_mut(), priority, state: State::Idle };
        Wait { pool: self, node: UnsafeCell::new(node), _pinned: PhantomPinned }
    }

    /// Takes a block, as the pool does, without waiting.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    pub fn try_alloc(&'static self) -> Result<Taken<P>, Error> {
        // SAFETY: the lock is closed.
        let block = self.pool.lock().with(|| unsafe { self.pool.unlocked(|raw| raw.take()) })?;
        Ok(self.handle(block))
    }

    fn handle(&'static self, block: NonNull<u8>) -> Taken<P> {
        // SAFETY: taken by the caller, as large and aligned as a value; a `MaybeUninit` needs no initialisation.
        unsafe { PoolBox::from_parts(self, block.cast()) }
    }

    /// Gives a block that is in use, and nobody's any more, to the first in the queue, or back to the list.
    ///
    /// # Safety
    ///
    /// If `block` is a block of this pool in use, it is the caller's, and is not used again.
    unsafe fn pass_on(&self, block: NonNull<u8>) -> Result<(), Error> {
        let passed = self.pool.lock().with(|| {
            self.queue.with_mut(|queue| {
                // SAFETY: the lock is closed, so the queue is ours, and its nodes are in place: a future that is
                // dropped leaves the queue first.
                unsafe {
                    let in_use = self.pool.unlocked(|raw| raw.is_live(block.as_ptr()));
                    let Some(node) = (*queue).as_mut().filter(|_| in_use) else {
                        return self.pool.unlocked(|raw| raw.put(block.as_ptr())).map(|()| None);
                    };
                    *queue = node.next;
                    match core::mem::replace(&mut node.state, State::Granted(block)) {
                        State::Queued(waker) => Ok(Some(waker)),
                        State::Idle | State::Granted(_) => Ok(None),
                    }
                }
            })
        })?;
        if let Some(waker) = passed {
            waker.wake();
        }
        Ok(())
    }
}

/// What [`WaitPool`] gives: a block to be filled.
pub type Taken<P> = PoolBox<'static, MaybeUninit<<P as Holds>::Value>, WaitPool<P>>;

// SAFETY: a block in use is on no list; one that is granted is nobody's but the future's.
unsafe impl<P: Locked> Reclaim for WaitPool<P> {
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.pass_on(block) };
    }
}

// SAFETY: as the pool's own.
unsafe impl<P: Locked> Owns for WaitPool<P> {
    fn owns(&self, address: *const u8) -> bool {
        self.pool.owns(address)
    }
}

impl<P: Locked> Holds for WaitPool<P> {
    type Value = P::Value;
}

/// The future of [`WaitPool::wait`]. Dropping it cancels the wait; no block is lost.
pub struct Wait<P: Locked + 'static> {
    pool: &'static WaitPool<P>,
    node: UnsafeCell<Node>,
    _pinned: PhantomPinned,
}

// SAFETY: the node is touched with the pool's lock closed only, by whichever thread polls, drops or serves.
unsafe impl<P: Locked + Sync> Send for Wait<P> {}

impl<P: Locked> Wait<P> {
    /// Puts `node` where its turn is. O(waiters).
    ///
    /// # Safety
    ///
    /// The lock is closed; `node` is not in the queue, and stays in place until it has left it.
    unsafe fn enqueue(order: Order, queue: *mut *mut Node, node: *mut Node) {
        let mut slot = queue;
        // SAFETY: with the lock closed the queue and its nodes are ours.
        unsafe {
            while let Some(other) = (*slot).as_mut() {
                if order == Order::Priority && other.priority < (*node).priority {
                    break;
                }
                slot = &mut other.next;
            }
            (*node).next = *slot;
            *slot = node;
        }
    }
}

impl<P: Locked> Future for Wait<P> {
    type Output = Result<Taken<P>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let node = self.node.get();
        let pool = self.pool;
        // Cloned, and what it replaces dropped, outside the lock: both are somebody else's code.
        let mut waker = Some(context.waker().clone());
        let mut replaced = None;
        let polled = pool.pool.lock().with(|| {
            pool.queue.with_mut(|queue| {
                // SAFETY: the lock is closed, so queue and node are ours; the future is pinned, so the node is in place.
                unsafe {
                    match &mut (*node).state {
                        State::Granted(block) => {
                            let block = *block;
                            (*node).state = State::Idle;
                            return Poll::Ready(Ok(block));
                        }
                        State::Queued(old) => {
                            if let Some(new) = waker.take() {
                                replaced = Some(core::mem::replace(old, new));
                            }
                            return Poll::Pending;
                        }
                        State::Idle => {}
                    }
                    // Whoever waits already is served first.
                    let taken = if (*queue).is_null() {
                        pool.pool.unlocked(|raw| raw.take())
                    } else {
                        Err(Error::Exhausted)
                    };
                    match (taken, waker.take()) {
                        (Err(Error::Exhausted), Some(waker)) => {
                            (*node).state = State::Queued(waker);
                            Self::enqueue(pool.order, queue, node);
                            Poll::Pending
                        }
                        (taken, _) => Poll::Ready(taken),
                    }
                }
            })
        });
        drop(replaced);
        polled.map(|taken| taken.map(|block| pool.handle(block)))
    }
}

impl<P: Locked> Drop for Wait<P> {
    fn drop(&mut self) {
        let node = self.node.get();
        let left = self.pool.pool.lock().with(|| {
            self.pool.queue.with_mut(|queue| {
                // SAFETY: the lock is closed, so queue and node are ours.
                unsafe {
                    if let State::Queued(_) = (*node).state {
                        let mut slot: *mut *mut Node = queue;
                        while let Some(other) = (*slot).as_mut() {
                            if core::ptr::eq(other, node) {
                                *slot = other.next;
                                break;
                            }
                            slot = &mut other.next;
                        }
                    }
                    core::mem::replace(&mut (*node).state, State::Idle)
                }
            })
        });
        if let State::Granted(block) = left {
            // SAFETY: granted to this future, which does not use it.
            let _counted = unsafe { self.pool.pass_on(block) };
        }
    }
}
