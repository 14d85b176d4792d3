//! Waiting by a task that sleeps: for operating systems, through a hook that a port fills in.

use core::cell::UnsafeCell;
use core::mem::forget;
use core::pin::{Pin, pin};
use core::ptr::NonNull;

use super::{WaitQueue, Waiter, WaiterState};
use crate::{AllocationMap, Error, FreeList};

/// What one task sleeps on: a binary semaphore of an operating system.
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
/// 1. After `give`, the next `wait` returns `true`, and what was done before the one happens before what is done after
///    the other.
/// 2. `wait` returns `false` only when `milliseconds` have passed, all of them.
/// 3. `wait` returns `true` only after a `give` that no `wait` has answered yet. What an implementation sleeps on may be
///    woken for other reasons, as a condition variable or a task notification may: it then looks at a flag that `give`
///    sets, and sleeps for what is left of the time.
/// 4. `give` may be called wherever blocks are returned, interrupts included, and does not touch the signal after a
///    `wait` that it ended has returned.
///
/// Whether the task got a block is looked up in the pool, with its lock held, whatever `wait` answers. So `false` against (2)
/// costs time, and never a block, and so does `true` against (3) while no block was granted, which begins the wait anew, for
/// all of `milliseconds`. But `true` against (3) between the grant and the `give` that follows it ends the wait with that
/// `give` still to come, to a signal on a stack frame that is gone. A `wait` that panics leaves the queue.
pub unsafe trait Signal {
    /// Whether the caller may sleep: not an interrupt, and there is a scheduler to run other tasks.
    fn may_wait() -> bool;

    /// One that was not given, to be [opened](Self::open) once it is in its place.
    fn new() -> Self;

    /// Makes it ready for use. Called once.
    fn open(self: Pin<&Self>);

    /// Sleeps until it is given, which it then is no longer, or for that many milliseconds; `None`: for ever. `true`
    /// if it was given.
    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool;

    /// Wakes the task that waits.
    fn give(self: Pin<&Self>);
}

/// A pool with its queue, under the pool's lock: for owners of the parts of a pool, as the C ABI is.
///
/// # Safety
///
/// 1. `with_queue` gives access to a pool and to that pool's queue, with the lock held that guards both, and to the same two
///    each time.
/// 2. `return_block` returns the block to that pool.
pub unsafe trait WaitablePool {
    /// What wakes a waiter.
    type Waker;

    /// How the pool keeps which blocks are live.
    type Map: AllocationMap;

    /// Runs `work` with the lock held.
    ///
    /// # Safety
    ///
    /// 1. `work` uses this pool by its two arguments only. It calls no code that it does not know: no waker is cloned,
    ///    woken or dropped in it, and no value either, since such code could use the pool again and have a second `&mut`
    ///    of the same list.
    /// 2. It does not panic.
    /// 3. It puts nothing else in the place of the queue, and enters waiters of this pool only.
    unsafe fn with_queue<R>(
        &self,
        work: impl FnOnce(&mut FreeList<'_, Self::Map>, &mut WaitQueue<Self::Waker>) -> R,
    ) -> R;

    /// Returns a block, and serves and wakes the first waiter. The lock is not held.
    ///
    /// # Safety
    ///
    /// `block` is a live block of this pool, and the caller's, who does not use it again.
    unsafe fn return_block(&self, block: NonNull<u8>);
}

/// Takes a block, and sleeps until there is one, for at most `milliseconds` (`None`: for ever). O(waiters) in one
/// critical section, and O(1) in another when time is up, besides the sleep. From tasks.
/// [`WaitPool::wait_blocking`](super::WaitPool::wait_blocking) is the safe form.
///
/// `waker` makes of a signal what wakes the task that sleeps on it; it is called with the lock released.
///
/// ```text
///   task                                         context that frees
///   enter: queued
///   wait ................ time is up             serve: granted   (lock released)
///   look: granted!                               give ----.
///   wait, for ever: the signal is on this stack, <--------'   and `give` is on its way
/// ```
///
/// # Errors
///
/// [`Error::CannotWait`] where the caller may not sleep: nothing is changed. [`Error::TimedOut`], counted as an
/// allocation that was refused, and [`Error::Corrupt`].
///
/// # Safety
///
/// What `waker` makes gives the signal once, when it is used to wake, and at no other time; nothing else gives, opens or
/// waits on the signal. It is of no use after that, and dropping it does nothing.
pub unsafe fn alloc_blocking<S: Signal, A: WaitablePool>(
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
    let waker = waker(signal);
    let node = UnsafeCell::new(Waiter::new(priority));
    let node = node.get();

    // SAFETY: a waker is moved and not dropped. The node is idle, and in place until this function ends; before that,
    // however it ends, `sleeper` has it out of the queue.
    let at_once = unsafe {
        pool.with_queue(|raw, queue| match queue.alloc_now(raw) {
            Some(taken) => Some((taken, waker)),
            None => {
                queue.enter(raw, node, waker);
                None
            }
        })
    };
    if let Some((taken, _unused)) = at_once {
        return taken;
    }
    let sleeper = Sleeper { pool, signal, node };
    let taken = loop {
        let given = signal.wait(milliseconds);
        match sleeper.look(!given && milliseconds.is_some()) {
            Seen::Granted(block) => {
                // The context that granted it gives the signal, too, and may not have done so yet.
                while !given && !signal.wait(None) {}
                break Ok(block);
            }
            Seen::Left(error) => break error,
            Seen::Queued => {}
        }
    };
    forget(sleeper);
    taken
}

/// What the pool says about the node of a task that was woken.
enum Seen {
    /// Still in the queue.
    Queued,
    /// Out of the queue, with a block.
    Granted(NonNull<u8>),
    /// Out of the queue since time is up: with a block that was free all the same, or without.
    Left(Result<NonNull<u8>, Error>),
}

/// A task whose node is in the queue, or was granted a block. Dropped only when its signal panics: then the node leaves
/// the queue before the stack frame that it lies in is gone, and a block that it was granted returns.
struct Sleeper<'a, S: Signal, A: WaitablePool> {
    pool: &'a A,
    signal: Pin<&'a S>,
    node: *mut Waiter<A::Waker>,
}

impl<S: Signal, A: WaitablePool> Sleeper<'_, S, A> {
    /// Where the node is. One that is queued leaves if its time `is_up`.
    fn look(&self, is_up: bool) -> Seen {
        // SAFETY: the node lives and is this queue's. What would have woken it leaves the closure undropped.
        let (seen, _unused) = unsafe {
            self.pool.with_queue(|raw, queue| match (*self.node).state() {
                WaiterState::Granted(block) => (Seen::Granted(*block), WaiterState::Idle),
                WaiterState::Queued(_) if !is_up => (Seen::Queued, WaiterState::Idle),
                WaiterState::Queued(_) => {
                    let left = queue.leave(raw, self.node);
                    // One last look, which also counts the refusal.
                    let last = raw.alloc().map_err(|error| match error {
                        Error::Exhausted => Error::TimedOut,
                        other => other,
                    });
                    (Seen::Left(last), left)
                }
                // Forgotten.
                WaiterState::Idle => (Seen::Left(Err(Error::TimedOut)), WaiterState::Idle),
            })
        };
        seen
    }
}

impl<S: Signal, A: WaitablePool> Drop for Sleeper<'_, S, A> {
    fn drop(&mut self) {
        // SAFETY: as in `look`.
        let left = unsafe { self.pool.with_queue(|raw, queue| queue.leave(raw, self.node)) };
        if let WaiterState::Granted(block) = left {
            while !self.signal.wait(None) {}
            // SAFETY: granted to this node, and to be used by nothing else.
            unsafe { self.pool.return_block(block) };
        }
    }
}
