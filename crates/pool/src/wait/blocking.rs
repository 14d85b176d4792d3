//! Waiting by a task that sleeps on a semaphore of the operating system.

use core::cell::UnsafeCell;
use core::mem::forget;
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use super::{WaitQueue, Waiter, WaiterState};
use crate::{AllocationMap, Error, FreeList};

/// A binary semaphore of an operating system, on which one task sleeps.
///
/// ```
/// use core::pin::Pin;
/// use core::time::Duration;
/// use std::sync::{Condvar, Mutex};
///
/// use microusc_pool::{Error, WaitOrder, Pool, Signal, WaitPool};
///
/// struct Semaphore(Mutex<bool>, Condvar);
///
/// // SAFETY: the flag changes under the mutex; `wait_timeout_while` sleeps for all of the time.
/// unsafe impl Signal for Semaphore {
///     fn may_wait() -> bool {
///         true // no interrupts here
///     }
///     fn new() -> Self {
///         Self(Mutex::new(false), Condvar::new())
///     }
///     fn init(self: Pin<&Self>) {}
///     fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
///         let longest = milliseconds.map_or(Duration::MAX, |time| Duration::from_millis(time.into()));
///         let (mut given, _) =
///             self.1.wait_timeout_while(self.0.lock().unwrap(), longest, |given| !*given).unwrap();
///         core::mem::take(&mut given)
///     }
///     fn give(self: Pin<&Self>) {
///         let mut given = self.0.lock().unwrap();
///         *given = true;
///         self.1.notify_one();
///     }
/// }
///
/// static POOL: WaitPool<Pool<u32, 1>> = WaitPool::new(Pool::new(), WaitOrder::Fifo);
///
/// let only = POOL.wait_blocking::<Semaphore>(0, Some(1000))?;
/// assert_eq!(POOL.wait_blocking::<Semaphore>(0, Some(5)).unwrap_err(), Error::TimedOut);
/// # drop(only);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// 1. After `give`, the next `wait` returns `true`, and everything done before the `give` happens before everything done
///    after the `wait`.
/// 2. `wait` returns `false` only when all of `milliseconds` have passed.
/// 3. `wait` returns `true` only once for each `give`. A condition variable or a task notification may wake the task for
///    other reasons: then `wait` looks at a flag that `give` sets, and sleeps for the rest of the time.
/// 4. `give` may be called where blocks are freed, interrupts included, and does not access the signal after the `wait` that
///    it ended has returned.
///
/// Whether the task was granted a block is read from the pool, with its lock held, whatever `wait` returns. So a wrong
/// `false` (2) costs time and no block. A wrong `true` (3) before a grant begins the wait anew, for all of `milliseconds`. A
/// wrong `true` between a grant and its `give` is undefined behaviour: the wait ends, and then `give` accesses a signal on a
/// stack frame that is gone. If `wait` panics, the waiter is removed from the queue.
pub unsafe trait Signal {
    /// Whether the caller may sleep: it is not an interrupt, and there is a scheduler to run other tasks.
    fn may_wait() -> bool;

    /// A signal that was not given. [`init`](Self::init) is called when it is in its place.
    fn new() -> Self;

    /// Makes it ready for use. Called once.
    fn init(self: Pin<&Self>);

    /// Sleeps until the signal is given, or for so many milliseconds (`None`: for ever). Returns whether it was given, and
    /// takes that `give`.
    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool;

    /// Wakes the task that waits.
    fn give(self: Pin<&Self>);
}

/// A pool with its queue of waiters, under one lock: for owners of the parts of a pool, such as the C functions.
///
/// # Safety
///
/// 1. `with_queue` gives access to a pool and to its queue, with the lock held that protects both, and to the same two each
///    time.
/// 2. `return_block` frees the block to that pool.
pub unsafe trait QueuedPool {
    /// What wakes a waiter.
    type Waker;

    /// How the pool records which blocks have an owner.
    type Map: AllocationMap;

    /// Runs `work` with the lock held.
    ///
    /// # Safety
    ///
    /// 1. `work` uses this pool by its two arguments only. It calls no code of others: it does not clone, wake or drop a
    ///    waker, and drops no value, since such code could use the pool and have a second `&mut` of the same list.
    /// 2. It does not panic.
    /// 3. It does not replace the queue, and enqueues waiters of this pool only.
    unsafe fn with_queue<R>(
        &self,
        work: impl FnOnce(&mut FreeList<'_, Self::Map>, &mut WaitQueue<Self::Waker>) -> R,
    ) -> R;

    /// Frees a block, and serves and wakes the first waiter. The lock is not held.
    ///
    /// # Safety
    ///
    /// `block` is a live block of this pool; the caller owns it and does not use it again.
    unsafe fn return_block(&self, block: NonNull<u8>);
}

/// Allocates a block, and sleeps until one is free, for at most `milliseconds` (`None`: for ever). O(waiters) in one
/// critical section, and O(1) in another when the time is up. For tasks.
/// [`WaitPool::wait_blocking`](super::WaitPool::wait_blocking) is the safe form.
///
/// `waker` makes the waker of the task that sleeps on a signal; it is called with the lock released.
///
/// ```text
///   task                                         context that frees
///   enqueue: queued
///   wait ................ time is up             serve: granted   (lock released)
///   check: granted!                              give ----.
///   wait, for ever: the signal is on this stack, <--------'   and its `give` is still to come
/// ```
///
/// # Errors
///
/// [`Error::CannotWait`] where the caller must not sleep: nothing is changed. [`Error::TimedOut`], counted as an
/// allocation that was refused, and [`Error::Corrupt`].
///
/// # Safety
///
/// The waker gives the signal once, when it wakes, and at no other time; no other code gives, initialises or waits on the
/// signal. It is not used after that, and its drop does nothing.
pub unsafe fn alloc_blocking<S: Signal, A: QueuedPool>(
    pool: &A,
    priority: u8,
    milliseconds: Option<u32>,
    waker: impl FnOnce(Pin<&S>) -> A::Waker,
) -> Result<NonNull<u8>, Error> {
    if !S::may_wait() {
        return Err(Error::CannotWait);
    }
    let signal = pin!(S::new());
    let signal = signal.as_ref();
    signal.init();
    let waker = waker(signal);
    let node = UnsafeCell::new(Waiter::new(priority));
    let node = node.get();

    // SAFETY: a waker is moved and not dropped. The node is idle, and in place until this function ends; before that, however
    // it ends, `sleeper` removes it from the queue.
    let at_once = unsafe {
        pool.with_queue(|list, queue| match queue.alloc_now(list) {
            Some(allocated) => Some((allocated, waker)),
            None => {
                queue.enqueue(list, node, waker);
                None
            }
        })
    };
    if let Some((allocated, _unused)) = at_once {
        return allocated;
    }
    let sleeper = Sleeper { pool, signal, node };
    let allocated = loop {
        let given = signal.wait(milliseconds);
        match sleeper.check(!given && milliseconds.is_some()) {
            Checked::Granted(block) => {
                // The context that granted the block also gives the signal, and may not have done so yet.
                while !given && !signal.wait(None) {}
                break Ok(block);
            }
            Checked::Removed(error) => break error,
            Checked::Queued => {}
        }
    };
    forget(sleeper);
    allocated
}

/// The state of the node of a task that was woken.
enum Checked {
    /// Still in the queue.
    Queued,
    /// Out of the queue, with a block.
    Granted(NonNull<u8>),
    /// Removed from the queue, since the time is up: with a block that was free nevertheless, or without.
    Removed(Result<NonNull<u8>, Error>),
}

/// A task whose node is in the queue, or was granted a block. Dropped only if its signal panics: then the node is removed
/// from the queue before its stack frame is gone, and a block that it was granted is freed.
struct Sleeper<'a, S: Signal, A: QueuedPool> {
    pool: &'a A,
    signal: Pin<&'a S>,
    node: *mut Waiter<A::Waker>,
}

impl<S: Signal, A: QueuedPool> Sleeper<'_, S, A> {
    /// Checks the node. If it is queued and `time_is_up`, it is removed.
    fn check(&self, time_is_up: bool) -> Checked {
        // SAFETY: the node exists and belongs to this queue. Its waker is moved out of the closure, not dropped in it.
        let (checked, _unused) = unsafe {
            self.pool.with_queue(|list, queue| match (*self.node).state() {
                WaiterState::Granted(block) => (Checked::Granted(*block), WaiterState::Idle),
                WaiterState::Queued(_) if !time_is_up => (Checked::Queued, WaiterState::Idle),
                WaiterState::Queued(_) => {
                    let left = queue.remove(list, self.node);
                    // A last attempt, which also counts the refusal.
                    let last = list.alloc().map_err(|error| match error {
                        Error::Exhausted => Error::TimedOut,
                        other => other,
                    });
                    (Checked::Removed(last), left)
                }
                // The queue has forgotten the waiter.
                WaiterState::Idle => (Checked::Removed(Err(Error::TimedOut)), WaiterState::Idle),
            })
        };
        checked
    }
}

impl<S: Signal, A: QueuedPool> Drop for Sleeper<'_, S, A> {
    fn drop(&mut self) {
        // SAFETY: as in `check`.
        let left = unsafe { self.pool.with_queue(|list, queue| queue.remove(list, self.node)) };
        if let WaiterState::Granted(block) = left {
            while !self.signal.wait(None) {}
            // SAFETY: granted to this node, which is its only owner.
            unsafe { self.pool.return_block(block) };
        }
    }
}
