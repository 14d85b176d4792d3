//! Those who wait for a block of a pool: the queue in its control block, under the pool's lock.

pub mod api;

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::pin::Pin;
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::{FreeList, RawLock, Signal, WaitQueue, WaitablePool};

use crate::pool::control::{Control, ControlMap, lock, raw, with_pool};
use crate::pool::registry;
use crate::types::memory_pool_t;
use microusc_port::{self as port, PortLock};

/// What wakes a task: the signal on its stack. And which task, as the kernel names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waker {
    signal: NonNull<port::Signal>,
    task: *const c_void,
}

impl Waker {
    /// For the calling task, with the signal that it will sleep on.
    pub(crate) fn of_caller(signal: Pin<&port::Signal>) -> Self {
        Self { signal: NonNull::from(signal.get_ref()), task: port::call_context().task }
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
        let served = |raw: &mut FreeList<'_, ControlMap>| {
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
unsafe impl WaitablePool for Place {
    type Waker = Waker;
    type Map = ControlMap;

    unsafe fn with_queue<R>(
        &self,
        work: impl FnOnce(&mut FreeList<'_, ControlMap>, &mut WaitQueue<Waker>) -> R,
    ) -> R {
        // SAFETY: as above; pool and queue are different fields, which `work` uses by its arguments only.
        unsafe {
            lock(self.control).with(|| {
                let queue = &mut (*self.control.as_ptr()).queue;
                work(&mut raw(self.pool, self.control), queue)
            })
        }
    }

    unsafe fn return_block(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises; `control` is that of `pool`. A refusal is counted by the pool.
        let served = unsafe {
            with_pool(self.pool, self.control, |raw| {
                let _counted = raw.free(block.as_ptr());
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
pub(crate) unsafe fn serve(control: NonNull<Control>, raw: &mut FreeList<'_, ControlMap>) -> Option<Waker> {
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

/// A call that waits, from before it does until it returns: so long it needs the pool, whether it is in the queue or was served.
/// In the frame of the call.
///
/// The queue alone would not tell: a task that was given a block has left it, and may run much later.
pub(crate) struct Stay {
    entry: UnsafeCell<Entry>,
    /// Whether it [began](Self::begin): the call's own.
    begun: Cell<bool>,
}

/// A stay on the list, or not: then `control` is null.
struct Entry {
    control: *const Control,
    task: *const c_void,
    next: *mut Entry,
    previous: *mut Entry,
}

/// The first of all stays.
struct Stays(UnsafeCell<*mut Entry>);

// SAFETY: the list is touched with the registry locked only.
unsafe impl Sync for Stays {}

static STAYS: Stays = Stays(UnsafeCell::new(null_mut()));

impl Stay {
    /// At no pool yet.
    pub(crate) const fn none() -> Self {
        let entry = Entry { control: null(), task: null(), next: null_mut(), previous: null_mut() };
        Self { entry: UnsafeCell::new(entry), begun: Cell::new(false) }
    }

    /// Stays at a pool from now on, unless another task has just ended it: then this returns `false`. O(pools).
    ///
    /// # Safety
    ///
    /// It is at no pool yet, and is not moved from now on.
    pub(crate) unsafe fn begin(&self, pool: *const memory_pool_t, control: NonNull<Control>) -> bool {
        let task = port::call_context().task;
        let begun = registry::while_live(pool, control, || {
            let entry = self.entry.get();
            // SAFETY: the registry is locked; every entry on the list is in a frame that did not return.
            unsafe {
                let first = STAYS.0.get();
                entry.write(Entry { control: control.as_ptr(), task, next: *first, previous: null_mut() });
                if let Some(next) = (*first).as_mut() {
                    next.previous = entry;
                }
                *first = entry;
            }
        });
        self.begun.set(begun.is_some());
        begun.is_some()
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.begun.get() {
            // SAFETY: the registry is locked; this stay's own entry.
            registry::locked(|_| unsafe { end(self.entry.get()) });
        }
    }
}

/// Takes an entry off the list, unless it is off already. O(1).
///
/// # Safety
///
/// The registry is locked; an entry in a frame that did not return, as are all on the list.
unsafe fn end(entry: *mut Entry) {
    // SAFETY: as the caller promises.
    unsafe {
        let Entry { control, next, previous, .. } = entry.read();
        if control.is_null() {
            return;
        }
        (*entry).control = null();
        match previous.as_mut() {
            Some(previous) => previous.next = next,
            None => *STAYS.0.get() = next,
        }
        if let Some(next) = next.as_mut() {
            next.previous = previous;
        }
    }
}

/// Every entry, also if the one that was seen last is taken off.
///
/// # Safety
///
/// The registry is locked as long as the result is used.
unsafe fn stays() -> impl Iterator<Item = *mut Entry> {
    // SAFETY: as the caller promises; entries on the list live.
    let mut at = unsafe { *STAYS.0.get() };
    core::iter::from_fn(move || {
        let entry = NonNull::new(at)?.as_ptr();
        // SAFETY: as above.
        at = unsafe { (*entry).next };
        Some(entry)
    })
}

/// Whether a call that waited for a block of this pool did not return yet. O(calls that wait).
///
/// # Safety
///
/// The registry is locked.
pub(crate) unsafe fn is_stayed_at(control: NonNull<Control>) -> bool {
    // SAFETY: as the caller promises; entries on the list live.
    unsafe { stays() }.any(|entry| core::ptr::eq(unsafe { (*entry).control }, control.as_ptr()))
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
            place.with_queue(|raw, queue| queue.forget(raw, |waker| waker.task == task));
        }
    });
    let is_gone = WAKING.change(0) == 0;
    if is_gone {
        // SAFETY: the registry is locked; the frames of the task are still there.
        registry::locked(|_| unsafe {
            stays().filter(|entry| (**entry).task == task).for_each(|entry| end(entry));
        });
    }
    is_gone
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
