//! Who waits for a block of a pool, in which order, and how a block that becomes free goes to the first.
//!
//! ```text
//!   a waiter    [idle] --enter: none is free--> [queued] --serve--> [granted: a block, in use already]
//!                  ^                               |
//!                  '-------- leave, forget --------'
//! ```
//!
//! While somebody is queued the pool's gate is closed: every operation takes the longer path, whose end looks at the
//! queue. While nobody is, the usual path does not know that there could be one.

use core::ptr::{NonNull, null_mut};

use crate::{AllocationMap, Error, FreeList};

/// Who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum WaitOrder {
    /// The highest priority; among equals, who has waited longest.
    Priority,
    /// Who has waited longest.
    Fifo,
}

/// Somebody who waits; `W` is what wakes him.
///
/// It is a part of a future, or lies on the stack of the task that sleeps, and is a member of the queue in place.
#[derive(Debug)]
pub struct Waiter<W> {
    next: *mut Waiter<W>,
    /// While it is queued: the one in front, or null for the first, so that leaving needs no search.
    previous: *mut Waiter<W>,
    priority: u8,
    state: WaiterState<W>,
}

/// Where a [`Waiter`] is.
#[derive(Debug)]
pub enum WaiterState<W> {
    /// In no queue.
    Idle,
    /// In the queue; to be woken by this.
    Queued(W),
    /// Out of the queue, with a block that is in use, and his.
    Granted(NonNull<u8>),
}

impl<W> Waiter<W> {
    /// Somebody who does not wait yet. `priority` counts in [`WaitOrder::Priority`]: higher is served earlier.
    pub const fn new(priority: u8) -> Self {
        Self { next: null_mut(), previous: null_mut(), priority, state: WaiterState::Idle }
    }

    /// Where it is.
    pub(super) fn state(&mut self) -> &mut WaiterState<W> {
        &mut self.state
    }

    /// Where it was; from now on in no queue, with no block.
    ///
    /// Not while it is queued: [`WaitQueue::leave`] is for that.
    pub(super) fn settle(&mut self) -> WaiterState<W> {
        core::mem::replace(&mut self.state, WaiterState::Idle)
    }
}

/// Those who wait for a block of one pool.
///
/// It lies beside the pool's [`Counters`](crate::Counters), and everything here is done with the pool's lock closed. What
/// is woken is for the caller to wake, after the lock was opened.
///
/// * Cost: [`serve`](Self::serve) and [`leave`](Self::leave) are O(1); [`enter`](Self::enter) is O(waiters).
#[derive(Debug)]
pub struct WaitQueue<W> {
    first: *mut Waiter<W>,
    order: WaitOrder,
    waiting: u16,
}

impl<W> WaitQueue<W> {
    /// Nobody.
    pub const fn new(order: WaitOrder) -> Self {
        Self { first: null_mut(), order, waiting: 0 }
    }

    /// Number of those who wait; it stops at `u16::MAX`. O(1).
    pub fn waiting(&self) -> usize {
        self.waiting.into()
    }

    /// Serves those who come from now on in another order.
    pub fn set_order(&mut self, order: WaitOrder) {
        self.order = order;
    }

    /// Takes a block if there is one and nobody waits for it. O(1).
    pub fn alloc_now<M: AllocationMap>(
        &self,
        raw: &mut FreeList<'_, M>,
    ) -> Option<Result<NonNull<u8>, Error>> {
        (self.first.is_null() && raw.available() > 0).then(|| raw.alloc())
    }

    /// Queues `waiter`, which is to be woken by `waker`: after [`alloc_now`](Self::alloc_now) gave nothing, under the same
    /// lock. O(waiters). `waker` is moved and nothing else: it is neither cloned, dropped nor used here.
    ///
    /// # Safety
    ///
    /// 1. The lock of `raw` is held, and this queue is that pool's: it is used with this one pool only.
    /// 2. `waiter` is idle, and stays valid and in place, used by nothing but this queue, until it has left the queue or
    ///    was granted a block.
    pub unsafe fn enter<M: AllocationMap>(
        &mut self,
        raw: &mut FreeList<'_, M>,
        waiter: *mut Waiter<W>,
        waker: W,
    ) {
        // SAFETY: the waiter is idle, hence the caller's; those in the queue are in place, as each promised.
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
        self.count(raw, self.waiting.saturating_add(1));
    }

    /// Takes `waiter` out of the queue, if it is in it, and says where it was. O(1). What would have woken it is in the
    /// answer, to be dropped once the lock is released.
    ///
    /// # Safety
    ///
    /// As [`enter`](Self::enter); `waiter` is idle, in this queue, or was granted a block by it.
    pub unsafe fn leave<M: AllocationMap>(
        &mut self,
        raw: &mut FreeList<'_, M>,
        waiter: *mut Waiter<W>,
    ) -> WaiterState<W> {
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        unsafe {
            if let WaiterState::Queued(_) = (*waiter).state {
                self.unlink(waiter);
                self.count(raw, self.waiting.saturating_sub(1));
            }
            (*waiter).settle()
        }
    }

    /// Gives the first a block, if there is one to give; returns what wakes him. O(1).
    ///
    /// To be called after whatever made blocks available: until it says `None` if that may have been several.
    ///
    /// # Safety
    ///
    /// As [`enter`](Self::enter).
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_queue_serve"))]
    pub unsafe fn serve<M: AllocationMap>(&mut self, raw: &mut FreeList<'_, M>) -> Option<W> {
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        let waiter = NonNull::new(self.first)?.as_ptr();
        if raw.unreserved() == 0 {
            return None;
        }
        // What damage there is was counted; who waits goes on waiting until it is repaired.
        let block = raw.alloc_for_waiter().ok()?;
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        let state = unsafe {
            self.first = (*waiter).next;
            Self::set_previous(self.first, null_mut());
            core::mem::replace(&mut (*waiter).state, WaiterState::Granted(block))
        };
        self.count(raw, self.waiting.saturating_sub(1));
        match state {
            WaiterState::Queued(waker) => Some(waker),
            WaiterState::Idle | WaiterState::Granted(_) => None,
        }
    }

    /// Makes `next` the one behind `previous`, or the first for null. O(1).
    ///
    /// # Safety
    ///
    /// Those in the queue are in place; the lock is closed.
    #[inline(always)]
    unsafe fn link(&mut self, previous: *mut Waiter<W>, next: *mut Waiter<W>) {
        if previous.is_null() {
            self.first = next;
        } else {
            // SAFETY: in the queue, as the caller promises.
            unsafe { (*previous).next = next };
        }
    }

    /// Makes `previous` the one in front of `waiter`, if there is one. O(1).
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

    /// Takes `waiter` out. O(1).
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

    /// Notes how many are left. As many free blocks are owed to them, and the gate is closed while there are any.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_queue_count"))]
    fn count<M: AllocationMap>(&mut self, raw: &mut FreeList<'_, M>, waiting: u16) {
        self.waiting = waiting;
        // The number stops at its largest value: it may have come down to 0 too early.
        raw.set_waiting(if self.first.is_null() { 0 } else { usize::from(waiting.max(1)) });
    }
}

impl<W: Copy> WaitQueue<W> {
    /// Takes waiters out of the queue for which `gone` is true of what would wake them; says how many. O(waiters).
    ///
    /// For tasks that will never go on, as long as the memory that they waited in is still theirs. One that goes on all
    /// the same finds that its time is up.
    ///
    /// Only for wakers that are `Copy`, which have no code of their own to run when they are dropped here, with the lock
    /// held.
    ///
    /// # Safety
    ///
    /// As [`enter`](Self::enter); and `gone` does not use the pool or its lock, and does not panic.
    pub unsafe fn forget<M: AllocationMap>(
        &mut self,
        raw: &mut FreeList<'_, M>,
        gone: impl Fn(&W) -> bool,
    ) -> usize {
        let mut forgotten = 0;
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        unsafe {
            let mut waiter = self.first;
            while !waiter.is_null() {
                let next = (*waiter).next;
                if matches!(&(*waiter).state, WaiterState::Queued(waker) if gone(waker)) {
                    self.unlink(waiter);
                    (*waiter).settle();
                    forgotten += 1;
                }
                waiter = next;
            }
        }
        let waiting = self.waiting.saturating_sub(forgotten);
        self.count(raw, waiting);
        forgotten.into()
    }
}
