//! Waiting for a block: `pool.wait().await` on any executor, or a task that sleeps.
//!
//! ```text
//!   wait() --poll--> a block is free ------------------------------> Ready(handle)
//!              |                                                          ^
//!              '--> none: [queued] --whoever frees one serves--> [granted] --poll--'
//!                       |                                            |
//!                       '--- dropped: leaves the queue               '--- dropped: the block goes to the next
//!                                                                         in the queue, or stays on the list
//! ```
//!
//! A block that is freed while somebody waits is taken for the first in the queue before the lock opens. When several become free
//! at once, the pool leaves as many of them as tasks wait to these tasks, until each was served. So nobody who comes later is
//! served first. What is cancelled between being granted and being polled gives the block on; none is
//! lost.

mod blocking;
mod future;
mod queue;
#[cfg(test)]
mod tests;

use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};

pub use blocking::{Signal, WaitablePool, alloc_blocking};
pub use future::Wait;
pub use queue::{WaitOrder, WaitQueue, Waiter, WaiterState};

use crate::sealed::Sealed;
use crate::sync::Guarded;
use crate::{ByteMap, Error, FreeList, Owns, PoolBox, RawLock, Reclaim, Stats, StatsBuilder, TypedPool};

/// A pool on which a [`WaitPool`] can be built: [`Pool`](crate::Pool) and [`DynPool`](crate::DynPool). Sealed: no other type
/// implements it.
///
/// # Safety
///
/// 1. `with_free_list` gives access to the one pool that `lock` guards.
/// 2. A [`Block`](Self::Block) at the address that `view` returns is valid for the owner of the block.
pub unsafe trait LockedPool: Owns + Sealed {
    /// Its lock.
    type Lock: RawLock;

    /// What is in a block that was just taken.
    type Block: ?Sized;

    /// The lock.
    fn lock(&self) -> &Self::Lock;

    /// A block as what is in it.
    fn view(&self, block: NonNull<u8>) -> NonNull<Self::Block>;

    /// Runs `work` on the pool.
    ///
    /// # Safety
    ///
    /// 1. The lock is held by the caller.
    /// 2. `work` uses this pool by its argument only, and calls no code that it does not know.
    unsafe fn with_free_list<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R;
}

/// A pool on which can be waited. Whoever frees a block of it serves those who wait first.
///
/// * Cost: [`try_alloc`](Self::try_alloc) and freeing are those of the pool while nobody waits. Waiting enters the
///   queue: O(waiters) in one critical section. Serving somebody is O(1), and waking happens outside the lock.
/// * Context: a task waits; anybody whom the pool's lock admits frees, interrupts included.
///
/// ```
/// use microusc_pool::{WaitOrder, Pool, PoolBox, WaitPool};
///
/// static FRAMES: WaitPool<Pool<[u8; 64], 2>> = WaitPool::new(Pool::new(), WaitOrder::Fifo);
///
/// async fn send() {
///     let frame = PoolBox::write(FRAMES.wait(0).await.unwrap(), [0; 64]);
///     drop(frame); // the block goes straight to whoever waits
/// }
/// # pollster::block_on(send());
/// ```
///
/// Memory that is given at run time serves as well, once it is there for ever:
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
pub struct WaitPool<P: LockedPool> {
    pool: P,
    queue: Guarded<WaitQueue<Waker>>,
}

// SAFETY: the queue and its members are touched with the pool's lock closed only.
unsafe impl<P: LockedPool + Sync> Sync for WaitPool<P> {}
// SAFETY: as above; a pool that is waited on is borrowed for ever.
unsafe impl<P: LockedPool + Send> Send for WaitPool<P> {}

impl<P: LockedPool> WaitPool<P> {
    /// Adds a queue to a pool of which nothing is in use.
    pub const fn new(pool: P, order: WaitOrder) -> Self {
        Self { pool, queue: Guarded::new(WaitQueue::new(order)) }
    }

    /// Waits for a block; `priority` counts where the order is [`WaitOrder::Priority`], higher first.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`]. Never [`Error::Exhausted`]: that is what is waited for.
    pub fn wait(&'static self, priority: u8) -> Wait<P> {
        Wait::new(self, priority)
    }

    /// Waits for a block by sleeping, for at most `milliseconds`; `None`: for ever. The operating system's part is `S`.
    ///
    /// # Errors
    ///
    /// [`Error::CannotWait`] where the caller may not sleep, as in an interrupt; [`Error::TimedOut`];
    /// [`Error::Corrupt`].
    pub fn wait_blocking<S: Signal>(
        &'static self,
        priority: u8,
        milliseconds: Option<u32>,
    ) -> Result<UninitBlock<P>, Error> {
        // SAFETY: a waker of `waker_of` gives the signal when it is woken, and does nothing when it is dropped. It is moved
        // into the queue and woken from there, and neither is seen by any other code.
        let taken = unsafe { alloc_blocking(self, priority, milliseconds, waker_of::<S>) };
        taken.map(|block| self.handle(block))
    }

    /// Takes a block, as the pool does, without waiting. While there are waiters, as many free blocks are theirs: between a
    /// [`repair`](Self::repair) or a smaller reserve and the moment that each of them is served, nothing overtakes them.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`] or [`Error::Corrupt`].
    pub fn try_alloc(&'static self) -> Result<UninitBlock<P>, Error> {
        self.with_lock(|raw| raw.alloc()).map(|block| self.handle(block))
    }

    /// As [`try_alloc`](Self::try_alloc), from the reserve as well: for interrupts. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// As [`try_alloc`](Self::try_alloc).
    pub fn try_alloc_from_isr(&'static self) -> Result<UninitBlock<P>, Error> {
        self.with_lock(|raw| raw.alloc_from_isr()).map(|block| self.handle(block))
    }

    /// Keeps the last `blocks` free blocks for [`try_alloc_from_isr`](Self::try_alloc_from_isr); 0 for none. O(1), and
    /// one critical section more for each who waits and is served since there is less to keep.
    ///
    /// # Errors
    ///
    /// [`Error::ReserveTooLarge`]; nothing is changed.
    pub fn set_isr_reserve(&self, blocks: usize) -> Result<(), Error> {
        let set = self.with_lock(|raw| raw.set_reserve(blocks));
        self.serve_all();
        set
    }

    /// A snapshot of the pool. O(capacity), in critical sections of O(64).
    pub fn stats(&self) -> Stats {
        StatsBuilder::make(|survey| self.with_lock(|raw| raw.collect_stats(survey)))
    }

    /// Walks the free list and compares it with the marks. O(capacity) inside one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`].
    pub fn validate(&self) -> Result<(), Error> {
        self.with_lock(|raw| raw.validate())
    }

    /// Makes the free list anew from the marks after [`Error::Corrupt`], and serves those who wait. O(capacity) inside
    /// one critical section.
    pub fn repair(&self) {
        self.with_lock(|raw| raw.repair());
        self.serve_all();
    }

    fn with_lock<R>(&self, work: impl FnOnce(&mut FreeList<'_, ByteMap>) -> R) -> R {
        // SAFETY: the lock is closed.
        self.pool.lock().with(|| unsafe { self.pool.with_free_list(work) })
    }

    /// Serves waiters until none is left or no block is free. A waker is woken with the lock released, since it is the
    /// executor's code; should it panic, the other waiters are served all the same.
    fn serve_all(&self) {
        struct Others<'a, P: LockedPool>(&'a WaitPool<P>);
        impl<P: LockedPool> Drop for Others<'_, P> {
            fn drop(&mut self) {
                self.0.serve_all();
            }
        }
        // SAFETY: the queue is this pool's.
        while let Some(waker) = unsafe { self.with_queue(|raw, queue| queue.serve(raw)) } {
            let others = Others(self);
            waker.wake();
            core::mem::forget(others);
        }
    }

    fn handle(&'static self, block: NonNull<u8>) -> UninitBlock<P> {
        // SAFETY: taken by the caller.
        unsafe { PoolBox::from_parts(self, self.pool.view(block)) }
    }
}

/// What [`WaitPool`] gives: a block to be filled.
pub type UninitBlock<P> = PoolBox<'static, <P as LockedPool>::Block, WaitPool<P>>;

// SAFETY: both are the pool's, and the lock is closed.
unsafe impl<P: LockedPool> WaitablePool for WaitPool<P> {
    type Waker = Waker;
    type Map = ByteMap;

    unsafe fn with_queue<R>(
        &self,
        work: impl FnOnce(&mut FreeList<'_, ByteMap>, &mut WaitQueue<Waker>) -> R,
    ) -> R {
        self.with_lock(|raw| {
            // SAFETY: with the lock held nothing else has a reference to the queue.
            self.queue.with_mut(|queue| work(raw, unsafe { &mut *queue }))
        })
    }

    unsafe fn return_block(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises.
        unsafe { self.reclaim(block) };
    }
}

// SAFETY: a block in use is on no list; one that is granted is nobody's but the waiter's.
unsafe impl<P: LockedPool> Reclaim for WaitPool<P> {
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises; the queue is this pool's. A refusal is counted by the pool.
        let served = unsafe {
            self.with_queue(|raw, queue| {
                let _counted = raw.free(block.as_ptr());
                queue.serve(raw)
            })
        };
        if let Some(waker) = served {
            waker.wake();
        }
    }
}

// SAFETY: as the pool's own.
unsafe impl<P: LockedPool> Owns for WaitPool<P> {
    fn owns(&self, address: *const u8) -> bool {
        self.pool.owns(address)
    }
}

impl<P: LockedPool + TypedPool> TypedPool for WaitPool<P> {
    type Value = P::Value;
}

/// What gives `signal`, once, as a waker. It is never cloned, and outlived by the signal, as [`alloc_blocking`] promises.
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
