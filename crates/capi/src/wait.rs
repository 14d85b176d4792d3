//! Those who wait for a block of a pool: the queue in its control block, under the pool's lock.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::pin::Pin;
use core::ptr::NonNull;

use microusc_pool::{Queue, RawLock, RawPool, Signal, Waited};

use crate::abi::memory_pool_t;
use crate::control::{Control, ControlMarks, lock, raw, with_pool};
use crate::port::{self, PortLock};
use crate::registry;

/// What wakes a task: the signal on its stack. And which task, as the kernel names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waker {
    signal: NonNull<port::Signal>,
    task: *const c_void,
}

impl Waker {
    /// For the calling task, with the signal that it will sleep on.
    pub(crate) fn of_caller(signal: Pin<&port::Signal>) -> Self {
        Self { signal: NonNull::from(signal.get_ref()), task: port::moment().task }
    }
}

/// A pool with its queue.
pub(crate) struct Place {
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
}

impl Place {
    /// # Safety
    ///
    /// `control` is that of `pool`, which lives for as long as the result is used.
    pub(crate) unsafe fn new(pool: *mut memory_pool_t, control: NonNull<Control>) -> Self {
        Self { pool, control }
    }

    /// Serves those who wait until none is left or no block: after what may have made several available. O(served),
    /// each in a critical section of its own; in between the blocks are left to those who wait, as the queue told the pool.
    pub(crate) fn serve_all(&self) {
        let served = |raw: &mut RawPool<'_, ControlMarks>| {
            // SAFETY: the pool of this control block, with its lock held.
            unsafe { serve(self.control, raw) }
        };
        // SAFETY: `control` is that of `pool`, as `new` was promised.
        while let Some(waker) = unsafe { with_pool(self.pool, self.control, served) } {
            wake(waker);
        }
    }
}

// SAFETY: both are the pool's, as `new` was promised, and the lock is held.
unsafe impl Waited for Place {
    type Waker = Waker;
    type Marks = ControlMarks;

    unsafe fn locked<R>(
        &self,
        work: impl FnOnce(&mut RawPool<'_, ControlMarks>, &mut Queue<Waker>) -> R,
    ) -> R {
        // SAFETY: as above; pool and queue are different fields, which `work` uses by its arguments only.
        unsafe {
            lock(self.control).with(|| {
                let queue = &mut (*self.control.as_ptr()).queue;
                work(&mut raw(self.pool, self.control), queue)
            })
        }
    }

    unsafe fn put_back(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises; `control` is that of `pool`. A refusal is counted by the pool.
        let served = unsafe {
            with_pool(self.pool, self.control, |raw| {
                let _counted = raw.put(block.as_ptr());
                serve(self.control, raw)
            })
        };
        if let Some(waker) = served {
            wake(waker);
        }
    }
}

/// Gives the first of a queue a block, if there is one to give; what this returns is to be woken, once the lock is open. O(1).
///
/// # Safety
///
/// `raw` is the pool of `control`, with its lock held.
#[inline(always)]
pub(crate) unsafe fn serve(control: NonNull<Control>, raw: &mut RawPool<'_, ControlMarks>) -> Option<Waker> {
    // SAFETY: as the caller promises; pool and queue are different fields.
    let waker = unsafe {
        lock(control).assert_held();
        (*control.as_ptr()).queue.serve(raw)
    }?;
    WAKING.change(1);
    Some(waker)
}

/// Wakes a task that was served, with the lock open.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_wake"))]
pub(crate) fn wake(waker: Waker) {
    // SAFETY: the signal lives, pinned on the stack of the task, until it was given.
    unsafe { Pin::new_unchecked(waker.signal.as_ref()) }.give();
    WAKING.change(-1);
}

/// Takes `task`, which does not run, out of every queue. `false` while any task is being woken, since it may be this one:
/// its stack is still needed, and this is to be called again. O(pools² + waiters), in a critical section of O(pools + its
/// waiters) for each pool.
///
/// ```text
///   who frees, interrupted or on another core      who removes the task
///   lock; serve: it leaves the queue; unlock
///                                                  forget: it is in no queue ... but WAKING is 1
///   wake: gives the signal on its stack
/// ```
pub(crate) fn forget(task: *const c_void) -> bool {
    registry::each(|control| {
        // SAFETY: on the list, which is locked, so live, with its struct. The queue is this pool's; two numbers are compared.
        unsafe {
            let place = Place::new((*control.as_ptr()).owner, control);
            place.locked(|raw, queue| queue.forget(raw, |waker| waker.task == task));
        }
    });
    WAKING.change(0) == 0
}

/// How many tasks were served and are not woken yet. In no control block: who was woken may end the pool at once.
struct Waking {
    lock: PortLock,
    count: UnsafeCell<i32>,
}

// SAFETY: the number is touched with the lock held only.
unsafe impl Sync for Waking {}

static WAKING: Waking = Waking { lock: PortLock::INIT, count: UnsafeCell::new(0) };

impl Waking {
    /// Adds to the number, and returns it.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_waking"))]
    fn change(&self, by: i32) -> i32 {
        self.lock.with(|| {
            // SAFETY: the lock is held.
            let count = unsafe { &mut *self.count.get() };
            *count = count.wrapping_add(by);
            *count
        })
    }
}
