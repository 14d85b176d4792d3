//! The queue of waiters for a block of one pool: their order, and how a block that becomes free is granted to the first.
//!
//! ```text
//!   a waiter    [idle] --enqueue: none is free--> [queued] --serve--> [granted: a block, in use already]
//!                  ^                                 |
//!                  '--------- remove, forget --------'
//! ```
//!
//! While there is a waiter, every operation of the pool takes the slow path, which looks at the queue. While there is none,
//! the fast path has no instruction for it.

use core::ptr::{NonNull, null_mut};

use crate::{AllocationMap, Error, FreeList};

/// The order in which waiters are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WaitOrder {
    /// The highest priority first; among equals, the one that has waited longest.
    Priority,
    /// The one that has waited longest first.
    Fifo,
}

/// A waiter; `W` wakes it.
///
/// It is a part of a future, or lies on the stack of the task that sleeps. The queue links it in place.
#[derive(Debug)]
pub struct Waiter<W> {
    next: *mut Waiter<W>,
    /// While it is queued: the waiter before it, or null for the first, so that its removal needs no search.
    previous: *mut Waiter<W>,
    priority: u8,
    state: WaiterState<W>,
}

/// The state of a [`Waiter`].
#[derive(Debug)]
pub enum WaiterState<W> {
    /// In no queue.
    Idle,
    /// In the queue; this wakes it.
    Queued(W),
    /// Out of the queue, and the owner of this block.
    Granted(NonNull<u8>),
}

impl<W> Waiter<W> {
    /// An idle waiter. With [`WaitOrder::Priority`], a higher `priority` is served earlier.
    pub const fn new(priority: u8) -> Self {
        Self { next: null_mut(), previous: null_mut(), priority, state: WaiterState::Idle }
    }

    /// The state.
    pub(super) fn state(&mut self) -> &mut WaiterState<W> {
        &mut self.state
    }

    /// Makes it idle, and returns the state before: not while it is queued, for which there is [`WaitQueue::remove`].
    pub(super) fn reset(&mut self) -> WaiterState<W> {
        core::mem::replace(&mut self.state, WaiterState::Idle)
    }
}

/// The waiters for a block of one pool.
///
/// It lies beside the pool's [`Counters`](crate::Counters), and is used with the pool's lock held only. The caller wakes
/// waiters, after it has released the lock.
///
/// * Cost: [`serve`](Self::serve) and [`remove`](Self::remove) are O(1); [`enqueue`](Self::enqueue) is O(waiters).
#[derive(Debug)]
pub struct WaitQueue<W> {
    first: *mut Waiter<W>,
    order: WaitOrder,
    waiting: u16,
}

impl<W> WaitQueue<W> {
    /// An empty queue.
    pub const fn new(order: WaitOrder) -> Self {
        Self { first: null_mut(), order, waiting: 0 }
    }

    /// The number of waiters; it stops at `u16::MAX`. O(1).
    pub fn waiting(&self) -> usize {
        self.waiting.into()
    }

    /// Sets the order for waiters that come from now on. O(1).
    pub fn set_order(&mut self, order: WaitOrder) {
        self.order = order;
    }

    /// Allocates a block if one is free and there is no waiter. O(1).
    pub fn alloc_now<M: AllocationMap>(
        &self,
        list: &mut FreeList<'_, M>,
    ) -> Option<Result<NonNull<u8>, Error>> {
        (self.first.is_null() && list.available() > 0).then(|| list.alloc())
    }

    /// Queues `waiter`, which `waker` wakes: after [`alloc_now`](Self::alloc_now) returned `None`, in the same critical
    /// section. O(waiters). `waker` is moved and nothing else: it is neither cloned, dropped nor used here.
    ///
    /// # Safety
    ///
    /// 1. The lock of `list` is held, and this queue is that pool's: it is used with this one pool only.
    /// 2. `waiter` is idle, and stays valid and in place, used by nothing but this queue, until it has left the queue or
    ///    was granted a block.
    pub unsafe fn enqueue<M: AllocationMap>(
        &mut self,
        list: &mut FreeList<'_, M>,
        waiter: *mut Waiter<W>,
        waker: W,
    ) {
        // SAFETY: the waiter is idle, hence the caller's; those in the queue are in place, as their callers promised.
        unsafe {
            let (mut previous, mut next) = (null_mut::<Waiter<W>>(), self.first);
            while let Some(other) = next.as_ref() {
                if self.order == WaitOrder::Priority && other.priority < (*waiter).priority {
                    break;
                }
                (previous, next) = (next, other.next);
            }
            (*waiter).state = WaiterState::Queued(waker);
            self.link(previous, waiter);
            Self::set_previous(next, waiter);
            (*waiter).next = next;
            (*waiter).previous = previous;
        }
        self.count(list, self.waiting.saturating_add(1));
    }

    /// Removes `waiter` from the queue, if it is queued, and returns its state before. O(1). Its waker is in that state, and
    /// is to be dropped after the lock was released.
    ///
    /// # Safety
    ///
    /// As [`enqueue`](Self::enqueue); `waiter` is idle, in this queue, or was granted a block by it.
    pub unsafe fn remove<M: AllocationMap>(
        &mut self,
        list: &mut FreeList<'_, M>,
        waiter: *mut Waiter<W>,
    ) -> WaiterState<W> {
        // SAFETY: those in the queue are in place, as their callers promised; the lock is held.
        unsafe {
            if let WaiterState::Queued(_) = (*waiter).state {
                self.unlink(waiter);
                self.count(list, self.waiting.saturating_sub(1));
            }
            (*waiter).reset()
        }
    }

    /// Grants a block to the first waiter, if one is free, and returns the waker. O(1).
    ///
    /// To be called after each operation that made blocks available; if that may have been several, until it returns `None`.
    ///
    /// # Safety
    ///
    /// As [`enqueue`](Self::enqueue).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_queue_serve"))]
    pub unsafe fn serve<M: AllocationMap>(&mut self, list: &mut FreeList<'_, M>) -> Option<W> {
        // SAFETY: those in the queue are in place, as their callers promised; the lock is held.
        let waiter = NonNull::new(self.first)?.as_ptr();
        if list.unreserved() == 0 {
            return None;
        }
        // Damage was counted; the waiters wait until the list is repaired.
        let block = list.alloc_for_waiter().ok()?;
        // SAFETY: those in the queue are in place, as their callers promised; the lock is held.
        let state = unsafe {
            self.first = (*waiter).next;
            Self::set_previous(self.first, null_mut());
            core::mem::replace(&mut (*waiter).state, WaiterState::Granted(block))
        };
        self.count(list, self.waiting.saturating_sub(1));
        match state {
            WaiterState::Queued(waker) => Some(waker),
            WaiterState::Idle | WaiterState::Granted(_) => None,
        }
    }

    /// Makes `next` the waiter after `previous`, or the first for null. O(1).
    ///
    /// # Safety
    ///
    /// Those in the queue are in place; the lock is held.
    #[inline(always)]
    unsafe fn link(&mut self, previous: *mut Waiter<W>, next: *mut Waiter<W>) {
        if previous.is_null() {
            self.first = next;
        } else {
            // SAFETY: in the queue, as the caller promises.
            unsafe { (*previous).next = next };
        }
    }

    /// Makes `previous` the waiter before `waiter`, if there is one. O(1).
    ///
    /// # Safety
    ///
    /// As [`link`](Self::link).
    #[inline(always)]
    unsafe fn set_previous(waiter: *mut Waiter<W>, previous: *mut Waiter<W>) {
        if !waiter.is_null() {
            // SAFETY: in the queue, as the caller promises.
            unsafe { (*waiter).previous = previous };
        }
    }

    /// Unlinks `waiter`. O(1).
    ///
    /// # Safety
    ///
    /// As [`link`](Self::link); `waiter` is in the queue.
    #[inline(always)]
    unsafe fn unlink(&mut self, waiter: *mut Waiter<W>) {
        // SAFETY: it and its neighbours are in the queue, as the caller promises.
        unsafe {
            let (previous, next) = ((*waiter).previous, (*waiter).next);
            self.link(previous, next);
            Self::set_previous(next, previous);
        }
    }

    /// Sets the number of waiters. As many free blocks are kept for them, and there is no fast path while there are any.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_queue_count"))]
    fn count<M: AllocationMap>(&mut self, list: &mut FreeList<'_, M>, waiting: u16) {
        self.waiting = waiting;
        // The number stops at its largest value: it may have come down to 0 too early.
        list.set_waiting(if self.first.is_null() { 0 } else { usize::from(waiting.max(1)) });
    }
}

impl<W: Copy> WaitQueue<W> {
    /// Removes the waiters for whose wakers `gone` is true, and returns their number. O(waiters).
    ///
    /// For tasks that will never continue, as long as the memory of their waiters still exists. If such a task continues
    /// nevertheless, its wait ends with [`Error::TimedOut`].
    ///
    /// Only for wakers that are `Copy`: they have no code that would run when they are dropped here, with the lock held.
    ///
    /// # Safety
    ///
    /// As [`enqueue`](Self::enqueue); and `gone` does not use the pool or its lock, and does not panic.
    pub unsafe fn forget<M: AllocationMap>(
        &mut self,
        list: &mut FreeList<'_, M>,
        gone: impl Fn(&W) -> bool,
    ) -> usize {
        let mut forgotten = 0;
        // SAFETY: those in the queue are in place, as their callers promised; the lock is held.
        unsafe {
            let mut waiter = self.first;
            while !waiter.is_null() {
                let next = (*waiter).next;
                if matches!(&(*waiter).state, WaiterState::Queued(waker) if gone(waker)) {
                    self.unlink(waiter);
                    (*waiter).reset();
                    forgotten += 1;
                }
                waiter = next;
            }
        }
        let waiting = self.waiting.saturating_sub(forgotten);
        self.count(list, waiting);
        forgotten.into()
    }
}
