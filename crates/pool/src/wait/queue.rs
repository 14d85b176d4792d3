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

use crate::{Error, Marks, RawPool};

/// Who is served first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Order {
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
    priority: u8,
    state: State<W>,
}

/// Where a [`Waiter`] is.
#[derive(Debug)]
pub enum State<W> {
    /// In no queue.
    Idle,
    /// In the queue; to be woken by this.
    Queued(W),
    /// Out of the queue, with a block that is in use, and his.
    Granted(NonNull<u8>),
}

impl<W> Waiter<W> {
    /// Somebody who does not wait yet. `priority` counts in [`Order::Priority`]: higher is served earlier.
    pub const fn new(priority: u8) -> Self {
        Self { next: null_mut(), priority, state: State::Idle }
    }

    /// Where it is.
    pub(super) fn state(&mut self) -> &mut State<W> {
        &mut self.state
    }

    /// Where it was; from now on in no queue, with no block.
    ///
    /// Not while it is queued: [`Queue::leave`] is for that.
    pub(super) fn settle(&mut self) -> State<W> {
        core::mem::replace(&mut self.state, State::Idle)
    }
}

/// Those who wait for a block of one pool.
///
/// It lies beside the pool's [`Ledger`](crate::Ledger), and everything here is done with the pool's lock closed. What
/// is woken is for the caller to wake, after the lock was opened.
///
/// * Cost: [`serve`](Self::serve) is O(1); [`enter`](Self::enter) and [`leave`](Self::leave) are O(waiters).
#[derive(Debug)]
pub struct Queue<W> {
    first: *mut Waiter<W>,
    order: Order,
    waiting: u16,
}

impl<W> Queue<W> {
    /// Nobody.
    pub const fn new(order: Order) -> Self {
        Self { first: null_mut(), order, waiting: 0 }
    }

    /// Number of those who wait; it stops at `u16::MAX`. O(1).
    pub fn waiting(&self) -> usize {
        self.waiting.into()
    }

    /// Serves those who come from now on in another order.
    pub fn set_order(&mut self, order: Order) {
        self.order = order;
    }

    /// Takes a block if there is one and nobody waits for it. O(1).
    pub fn take_now<M: Marks>(&self, raw: &mut RawPool<'_, M>) -> Option<Result<NonNull<u8>, Error>> {
        (self.first.is_null() && raw.available() > 0).then(|| raw.take())
    }

    /// Queues `waiter`, which is to be woken by `waker`: after [`take_now`](Self::take_now) gave nothing, under the same
    /// lock. O(waiters). `waker` is moved and nothing else: it is neither cloned, dropped nor used here.
    ///
    /// # Safety
    ///
    /// 1. The lock of `raw` is held, and this queue is that pool's: it is used with this one pool only.
    /// 2. `waiter` is idle, and stays valid and in place, used by nothing but this queue, until it has left the queue or
    ///    was granted a block.
    pub unsafe fn enter<M: Marks>(&mut self, raw: &mut RawPool<'_, M>, waiter: *mut Waiter<W>, waker: W) {
        // SAFETY: the waiter is idle, hence the caller's; those in the queue are in place, as each promised.
        unsafe {
            let mut slot: *mut *mut Waiter<W> = &mut self.first;
            while let Some(other) = (*slot).as_mut() {
                if self.order == Order::Priority && other.priority < (*waiter).priority {
                    break;
                }
                slot = &mut other.next;
            }
            (*waiter).state = State::Queued(waker);
            (*waiter).next = *slot;
            *slot = waiter;
        }
        self.count(raw, self.waiting.saturating_add(1));
    }

    /// Takes `waiter` out of the queue, if it is in it, and says where it was. O(waiters). What would have woken it is in
    /// the answer, to be dropped once the lock is released.
    ///
    /// # Safety
    ///
    /// As [`enter`](Self::enter); `waiter` is idle, in this queue, or was granted a block by it.
    pub unsafe fn leave<M: Marks>(&mut self, raw: &mut RawPool<'_, M>, waiter: *mut Waiter<W>) -> State<W> {
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        unsafe {
            if let State::Queued(_) = (*waiter).state {
                let mut slot: *mut *mut Waiter<W> = &mut self.first;
                while !(*slot).is_null() && *slot != waiter {
                    slot = &raw mut (**slot).next;
                }
                *slot = (*waiter).next;
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
    pub unsafe fn serve<M: Marks>(&mut self, raw: &mut RawPool<'_, M>) -> Option<W> {
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        let waiter = unsafe { self.first.as_mut() }?;
        if raw.available() == 0 {
            return None;
        }
        // What damage there is was counted; who waits goes on waiting until it is repaired.
        let block = raw.take_urgent().ok()?;
        self.first = waiter.next;
        self.count(raw, self.waiting.saturating_sub(1));
        match core::mem::replace(&mut waiter.state, State::Granted(block)) {
            State::Queued(waker) => Some(waker),
            State::Idle | State::Granted(_) => None,
        }
    }

    /// Notes who is left, and closes the gate while anybody is.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_queue_count"))]
    fn count<M: Marks>(&mut self, raw: &mut RawPool<'_, M>, waiting: u16) {
        self.waiting = waiting;
        raw.set_waited_for(!self.first.is_null());
    }
}

impl<W: Copy> Queue<W> {
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
    pub unsafe fn forget<M: Marks>(&mut self, raw: &mut RawPool<'_, M>, gone: impl Fn(&W) -> bool) -> usize {
        let mut forgotten = 0;
        // SAFETY: those in the queue are in place, as each promised; the lock is closed.
        unsafe {
            let mut slot: *mut *mut Waiter<W> = &mut self.first;
            while let Some(waiter) = (*slot).as_mut() {
                if matches!(&waiter.state, State::Queued(waker) if gone(waker)) {
                    *slot = waiter.next;
                    waiter.settle();
                    forgotten += 1;
                } else {
                    slot = &mut waiter.next;
                }
            }
        }
        let waiting = self.waiting.saturating_sub(forgotten);
        self.count(raw, waiting);
        forgotten.into()
    }
}
