//! Waiting for a block: `pool.wait().await` on any executor, or a task that sleeps.
//!
//! ```text
//!   wait() --poll--> a block is free ------------------------------> Ready(handle)
//!              |                                                          ^
//!              '--> none: [queued] --another context frees one--> [granted] --poll--'
//!                       |                                             |
//!                       '--- dropped: leaves the queue                '--- dropped: the block is granted to the
//!                                                                          next waiter, or goes to the list
//! ```
//!
//! A block that is freed while there are waiters is granted to the first one before the lock is released. If several become
//! free at once, the pool keeps as many as there are waiters for them, until each was served. So no later caller is served
//! first. A wait that is cancelled between the grant and the poll passes its block on; no block is lost.

mod blocking;
mod future;
mod queue;
#[cfg(test)]
mod tests;

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};

pub use blocking::{QueuedPool, Signal, alloc_blocking};
pub use future::Wait;
pub use queue::{WaitOrder, WaitQueue, Waiter, WaiterState};

use crate::locked_pool::{LockedOperations, LockedPool};
use crate::sync::Guarded;
use crate::{ByteMap, Error, FreeList, Owns, PoolBox, Reclaim, Stats, TypedPool};

/// A pool on which a [`WaitPool`] can be built: [`Pool`](crate::Pool) and [`DynPool`](crate::DynPool). Sealed, as
/// [`LockedPool`] is.
///
/// # Safety
///
/// A [`Block`](Self::Block) at the address that `view` returns is valid for the owner of the block.
pub unsafe trait WaitablePool: LockedPool<Map = ByteMap> + Owns {
    /// The content of a block that was just allocated.
    type Block: ?Sized;

    /// A block as its content. O(1), no critical section.
    fn view(&self, block: NonNull<u8>) -> NonNull<Self::Block>;
}

/// A pool with waiters. A free grants the block to the first waiter.
///
/// * Cost: [`try_alloc`](Self::try_alloc) and free cost what they cost in the pool while there is no waiter. A wait enters
///   the queue: O(waiters) in one critical section. A grant is O(1); wakers are woken with the lock released.
/// * Context: tasks wait; every context that the pool's lock admits may free, interrupts included.
///
/// ```
/// use microusc_pool::{WaitOrder, Pool, PoolBox, WaitPool};
///
/// static FRAMES: WaitPool<Pool<[u8; 64], 2>> = WaitPool::new(Pool::new(), WaitOrder::Fifo);
///
/// async fn send() {
///     let frame = PoolBox::write(FRAMES.wait(0).await.unwrap(), [0; 64]);
///     drop(frame); // the block goes to the first waiter, if there is one
/// }
/// # pollster::block_on(send());
/// ```
///
/// Over memory that is provided at run time and exists for ever:
///
/// ```
/// use core::mem::MaybeUninit;
/// use microusc_pool::{DynPool, WaitOrder, WaitPool};
///
/// let memory: &'static mut [MaybeUninit<u8>] = Box::leak(Box::new([MaybeUninit::uninit(); 256]));
/// let pool: DynPool<'static> = DynPool::new(memory, 32, 4)?;
/// let pool = Box::leak(Box::new(WaitPool::new(pool, WaitOrder::Priority)));
/// let block = pollster::block_on(pool.wait(7))?;
/// assert_eq!(block.len(), 32);
/// # Ok::<(), microusc_pool::Error>(())
/// ```
pub struct WaitPool<P: WaitablePool> {
    pool: P,
    queue: Guarded<WaitQueue<Waker>>,
}

// SAFETY: the queue and its waiters are used with the pool's lock held only.
unsafe impl<P: WaitablePool + Sync> Sync for WaitPool<P> {}
// SAFETY: as above; a pool with waiters is borrowed for ever.
unsafe impl<P: WaitablePool + Send> Send for WaitPool<P> {}

impl<P: WaitablePool> WaitPool<P> {
    /// Adds a queue to a pool of which no block is in use.
    pub const fn new(pool: P, order: WaitOrder) -> Self {
        Self { pool, queue: Guarded::new(WaitQueue::new(order)) }
    }

    /// Waits for a block. With [`WaitOrder::Priority`], a higher `priority` is served earlier.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`]. Never [`Error::Exhausted`]: then the wait goes on.
    pub fn wait(&'static self, priority: u8) -> Wait<P> {
        Wait::new(self, priority)
    }

    /// Waits for a block by sleeping, for at most `milliseconds`; `None`: for ever. `S` is the semaphore of the operating
    /// system.
    ///
    /// # Errors
    ///
    /// [`Error::CannotWait`] where the caller must not sleep, as in an interrupt; [`Error::TimedOut`];
    /// [`Error::Corrupt`].
    pub fn wait_blocking<S: Signal>(
        &'static self,
        priority: u8,
        milliseconds: Option<u32>,
    ) -> Result<UninitBlock<P>, Error> {
        // SAFETY: a waker of `waker_of` gives the signal when it is woken, and does nothing when it is dropped. It is moved
        // into the queue and woken from there, and no other code has access to it or to the signal.
        let allocated = unsafe { alloc_blocking(self, priority, milliseconds, waker_of::<S>) };
        allocated.map(|block| self.handle(block))
    }

    /// Allocates a block without waiting. While there are waiters, as many free blocks are kept for them: also between a
    /// [`repair`](Self::repair) or a smaller reserve and the moment when the last of them is served.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    pub fn try_alloc(&'static self) -> Result<UninitBlock<P>, Error> {
        self.with_lock(|list| list.alloc()).map(|block| self.handle(block))
    }

    /// As [`try_alloc`](Self::try_alloc), from the reserve as well: for interrupts. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// As [`try_alloc`](Self::try_alloc).
    pub fn try_alloc_from_isr(&'static self) -> Result<UninitBlock<P>, Error> {
        self.with_lock(|list| list.alloc_from_isr()).map(|block| self.handle(block))
    }

    /// Keeps the last `blocks` free blocks for [`try_alloc_from_isr`](Self::try_alloc_from_isr); 0 for none. O(1), and
    /// one more critical section for each waiter that is served because the reserve became smaller.
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`]; nothing is changed.
    pub fn set_isr_reserve(&self, blocks: usize) -> Result<(), Error> {
        let set = self.with_lock(|list| list.set_reserve(blocks));
        self.serve_all();
        set
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    pub fn stats(&self) -> Stats {
        self.pool.snapshot()
    }

    /// Walks the free list and compares it with the allocation map. O(capacity) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        self.with_lock(|list| list.validate())
    }

    /// Rebuilds the free list from the allocation map after [`Error::Corrupt`], and serves waiters. O(capacity) inside one
    /// critical section.
    pub fn repair(&self) {
        self.with_lock(|list| list.repair());
        self.serve_all();
    }

    fn with_lock<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        self.pool.with_lock(work)
    }

    /// Serves waiters until none is left or no block is free. A waker is woken with the lock released, since it is code of
    /// the executor; if it panics, the other waiters are served nevertheless.
    fn serve_all(&self) {
        struct Others<'a, P: WaitablePool>(&'a WaitPool<P>);
        impl<P: WaitablePool> Drop for Others<'_, P> {
            fn drop(&mut self) {
                self.0.serve_all();
            }
        }
        // SAFETY: the queue is this pool's.
        while let Some(waker) = unsafe { self.with_queue(|list, queue| queue.serve(list)) } {
            let others = Others(self);
            waker.wake();
            core::mem::forget(others);
        }
    }

    fn handle(&'static self, block: NonNull<u8>) -> UninitBlock<P> {
        // SAFETY: allocated by the caller.
        unsafe { PoolBox::from_parts(self, self.pool.view(block)) }
    }
}

/// The handle of a [`WaitPool`]: a block without a value.
pub type UninitBlock<P> = PoolBox<'static, <P as WaitablePool>::Block, WaitPool<P>>;

// SAFETY: list and queue are this pool's, and the lock is held.
unsafe impl<P: WaitablePool> QueuedPool for WaitPool<P> {
    type Waker = Waker;
    type Map = ByteMap;

    unsafe fn with_queue<R>(
        &self,
        work: impl FnOnce(&mut FreeList<'_, ByteMap>, &mut WaitQueue<Waker>) -> R,
    ) -> R {
        self.with_lock(|list| {
            // SAFETY: with the lock held nothing else has a reference to the queue.
            self.queue.with_mut(|queue| work(list, unsafe { &mut *queue }))
        })
    }

    unsafe fn return_block(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises.
        unsafe { self.reclaim(block) };
    }
}

// SAFETY: a block in use is on no list; a granted block belongs to its waiter only.
unsafe impl<P: WaitablePool> Reclaim for WaitPool<P> {
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises; the queue is this pool's. A refusal is counted by the pool.
        let served = unsafe {
            self.with_queue(|list, queue| {
                let _counted = list.free(block.as_ptr());
                queue.serve(list)
            })
        };
        if let Some(waker) = served {
            waker.wake();
        }
    }
}

// SAFETY: as that of the pool.
unsafe impl<P: WaitablePool> Owns for WaitPool<P> {
    fn owns(&self, address: *const u8) -> bool {
        self.pool.owns(address)
    }
}

impl<P: WaitablePool + TypedPool> TypedPool for WaitPool<P> {
    type Value = P::Value;
}

/// A waker that gives `signal`, once. It is never cloned, and the signal outlives it, as [`alloc_blocking`] promises.
fn waker_of<S: Signal>(signal: Pin<&S>) -> Waker {
    let data = core::ptr::from_ref(signal.get_ref()).cast();
    // SAFETY: the functions of the table are made for a pointer to an `S`, which lives as long as the waker.
    unsafe { Waker::from_raw(RawWaker::new(data, &const { Table::<S>::ENTRIES })) }
}

struct Table<S>(core::marker::PhantomData<S>);

impl<S: Signal> Table<S> {
    const ENTRIES: RawWakerVTable = RawWakerVTable::new(Self::clone, Self::give, Self::give, |_| {});

    unsafe fn clone(signal: *const ()) -> RawWaker {
        RawWaker::new(signal, &const { Self::ENTRIES })
    }

    unsafe fn give(signal: *const ()) {
        // SAFETY: made from a pinned `S` that still lives.
        unsafe { Pin::new_unchecked(&*signal.cast::<S>()) }.give();
    }
}
