//! Waiting by a task that sleeps: for operating systems, through a hook that a port fills in.

use core::cell::UnsafeCell;
use core::pin::{Pin, pin};
use core::ptr::NonNull;
use core::task::Poll;

use super::{Queue, State, Waiter};
use crate::{Error, Marks, RawPool};

/// What one task sleeps on: a binary semaphore of an operating system.
///
/// ```
/// use core::pin::Pin;
/// use core::time::Duration;
/// use std::sync::{Condvar, Mutex};
///
/// use microusc_pool::{Error, Order, Pool, Signal, WaitPool};
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
///     fn open(self: Pin<&Self>) {}
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
/// static POOL: WaitPool<Pool<u32, 1>> = WaitPool::new(Pool::new(), Order::Fifo);
///
/// let only = POOL.wait_blocking::<Semaphore>(0, Some(1000))?;
/// assert_eq!(POOL.wait_blocking::<Semaphore>(0, Some(5)).unwrap_err(), Error::TimedOut);
/// # drop(only);
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
///
/// 1. After `give`, the next `wait` returns `true`, and what was done before the one happens before what is done after
///    the other.
/// 2. `wait` returns `false` only when `milliseconds` have passed, all of them.
/// 3. `give` may be called wherever blocks are returned, interrupts included, and does not touch the signal after a
///    `wait` that it ended has returned.
pub unsafe trait Signal {
    /// Whether the caller may sleep: not an interrupt, and there is a scheduler to run somebody else.
    fn may_wait() -> bool;

    /// One that was not given, to be [opened](Self::open) once it is in its place.
    fn new() -> Self;

    /// Makes it ready for use.
    fn open(self: Pin<&Self>);

    /// Sleeps until it is given, which it then is no longer, or for that many milliseconds; `None`: for ever. `true`
    /// if it was given.
    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool;

    /// Wakes who waits.
    fn give(self: Pin<&Self>);
}

/// A pool with its queue, under the pool's lock.
///
/// # Safety
///
/// `locked` gives access to a pool and to that pool's queue, with the lock closed that guards both.
pub unsafe trait Waited {
    /// What wakes one of those who wait.
    type Waker;

    /// How the pool keeps who owns what.
    type Marks: Marks;

    /// Runs `work` with the lock closed.
    fn locked<R>(&self, work: impl FnOnce(&mut RawPool<'_, Self::Marks>, &mut Queue<Self::Waker>) -> R) -> R;
}

/// Takes a block, and sleeps until there is one, for at most `milliseconds` (`None`: for ever). O(waiters) in one
/// critical section, and O(1) in another when time is up, besides the sleep. From tasks.
///
/// `waker` makes of a signal what wakes the task that sleeps on it; the signal lives until that has been used.
///
/// ```text
///   task                                         who frees
///   enter: queued
///   wait ................ time is up             serve: granted   (lock open again)
///   leave: granted!                              give ----.
///   wait, for ever: the signal is on this stack, <--------'   and `give` is on its way
/// ```
///
/// # Errors
///
/// [`Error::CannotWait`] where the caller may not sleep: nothing is changed. [`Error::TimedOut`], counted as an
/// allocation that was refused, and [`Error::Corrupt`].
pub fn take_blocking<S: Signal, A: Waited>(
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
    signal.open();
    let waiter = UnsafeCell::new(Waiter::new(priority));
    let node = waiter.get();

    // SAFETY: the lock is closed. The waiter is idle; this function returns after he has left or was granted a block,
    // and his waker was used or is back.
    let entered = pool.locked(|raw, queue| unsafe { queue.enter(raw, node, waker(signal)) });
    if let Poll::Ready(taken) = entered {
        return taken;
    }
    if !signal.wait(milliseconds) {
        // SAFETY: the lock is closed; the waiter is this queue's.
        let (left, last) = pool.locked(|raw, queue| unsafe {
            let left = queue.leave(raw, node);
            // One last look, which also counts the refusal.
            let last = matches!(left, State::Queued(_)).then(|| raw.take());
            (left, last)
        });
        if let State::Granted(block) = left {
            signal.wait(None);
            return Ok(block);
        }
        return last.unwrap_or(Err(Error::TimedOut)).map_err(|error| match error {
            Error::Exhausted => Error::TimedOut,
            other => other,
        });
    }
    // SAFETY: given, hence out of the queue, and nobody else's.
    match unsafe { (*node).settle() } {
        State::Granted(block) => Ok(block),
        // Nothing else gives the signal.
        State::Idle | State::Queued(_) => Err(Error::Corrupt),
    }
}
