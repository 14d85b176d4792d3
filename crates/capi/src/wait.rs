//! Waiting for a block: the functions that wait, the queue in the control block of a pool, and the list of calls that wait.
//!
//! `pool/blocks.rs` has the alloc that never waits; a free there ends in `serve` and `wake`.

use core::cell::{Cell, UnsafeCell};
use core::ffi::{CStr, c_void};
use core::pin::Pin;
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::{Error, FreeList, QueuedPool, RawLock, Signal, WaitOrder, WaitQueue, alloc_blocking};
use microusc_port::{self as port, PortLock};

use crate::control::block::{Control, ControlMap, Waker, lock, modes, with_free_list, with_queue};
use crate::control::registry;
use crate::diagnostics::{self, CallSite, OF_POOL};
use crate::output::report::{from_task, name_of, refuse, report_error};
use crate::refusals;
use crate::types::*;

/// The waker of the calling task, with the signal that it will sleep on.
fn waker_of_caller(signal: Pin<&port::Signal>) -> Waker {
    Waker { signal: NonNull::from(signal.get_ref()), task: port::call_context().task }
}

/// A pool with its queue.
pub(crate) struct PoolWithQueue {
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
}

impl PoolWithQueue {
    /// # Safety
    ///
    /// `control` is that of `pool`, which lives for as long as the result is used.
    pub(crate) unsafe fn new(pool: *mut memory_pool_t, control: NonNull<Control>) -> Self {
        Self { pool, control }
    }

    /// Serves waiters until no waiter or no block is left, after several blocks may have become free. O(served),
    /// each in a critical section of its own; in between the blocks stay reserved for waiters.
    pub(crate) fn serve_all(&self) {
        let served = |list: &mut FreeList<'_, ControlMap>| {
            // SAFETY: the pool of this control block, with its lock held.
            unsafe { serve(self.control, list) }
        };
        // SAFETY: `control` is that of `pool`, as `new` was promised.
        while let Some(waker) = unsafe { with_free_list(self.pool, self.control, served) } {
            wake(waker);
        }
    }
}

// SAFETY: both are the pool's, as `new` was promised, and the lock is held.
unsafe impl QueuedPool for PoolWithQueue {
    type Waker = Waker;
    type Map = ControlMap;

    unsafe fn with_queue<R>(
        &self,
        work: impl FnOnce(&mut FreeList<'_, ControlMap>, &mut WaitQueue<Waker>) -> R,
    ) -> R {
        // SAFETY: as above; pool and queue are different fields, which `work` uses by its arguments only.
        unsafe { with_queue(self.pool, self.control, work) }
    }

    unsafe fn return_block(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises; `control` is that of `pool`. A refusal is counted by the pool.
        let served = unsafe {
            with_free_list(self.pool, self.control, |list| {
                let _counted = list.free(block.as_ptr());
                serve(self.control, list)
            })
        };
        if let Some(waker) = served {
            wake(waker);
        }
    }
}

/// Grants a free block, if there is one, to the first waiter of the queue. Returns its waker, which the caller passes to [`wake`]
/// after it has released the lock. O(1).
///
/// # Safety
///
/// `list` is the pool of `control`, with its lock held.
#[inline(always)]
pub(crate) unsafe fn serve(control: NonNull<Control>, list: &mut FreeList<'_, ControlMap>) -> Option<Waker> {
    // SAFETY: as the caller promises; pool and queue are different fields.
    let waker = unsafe {
        lock(control).assert_held();
        (*control.as_ptr()).queue.serve(list)
    }?;
    WAKING.change(1);
    Some(waker)
}

/// Wakes a task that was served, with the lock released.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_wake"))]
pub(crate) fn wake(waker: Waker) {
    // SAFETY: the signal lives, pinned on the stack of the task, until it was given.
    unsafe { Pin::new_unchecked(waker.signal.as_ref()) }.give();
    WAKING.change(-1);
}

/// A call that may have to wait for a block, in the stack frame of that call. It is on the list of waiting calls from
/// [`begin`](Self::begin) until the call returns, and for that time its pool must not be destroyed.
///
/// The queue alone does not show which calls still need the pool: a task that was granted a block has left the queue, but may
/// run, and return from its call, much later.
pub(crate) struct WaitingCall {
    entry: UnsafeCell<Entry>,
    /// Whether [`begin`](Self::begin) has put the entry on the list. Only the call itself reads and writes this.
    begun: Cell<bool>,
}

/// A link of the list of waiting calls. `control` is null while the entry is not on the list.
struct Entry {
    control: *const Control,
    task: *const c_void,
    next: *mut Entry,
    previous: *mut Entry,
}

/// The list of all calls that wait, as a pointer to its first entry.
struct WaitingCalls(UnsafeCell<*mut Entry>);

// SAFETY: the list is read and changed only while the registry is locked.
unsafe impl Sync for WaitingCalls {}

static WAITING_CALLS: WaitingCalls = WaitingCalls(UnsafeCell::new(null_mut()));

impl WaitingCall {
    /// A call that is not on the list.
    pub(crate) const fn none() -> Self {
        let entry = Entry { control: null(), task: null(), next: null_mut(), previous: null_mut() };
        Self { entry: UnsafeCell::new(entry), begun: Cell::new(false) }
    }

    /// Puts this call on the list as one that waits for a block of `pool`. `false`, and not on the list, if another task has
    /// destroyed the pool in the meantime. O(pools).
    ///
    /// # Safety
    ///
    /// It is not on the list yet, and is not moved from now on.
    pub(crate) unsafe fn begin(&self, pool: *const memory_pool_t, control: NonNull<Control>) -> bool {
        let task = port::call_context().task;
        let begun = registry::while_live(pool, control, || {
            let entry = self.entry.get();
            // SAFETY: the registry is locked; every entry on the list is in a frame that did not return.
            unsafe {
                let first = WAITING_CALLS.0.get();
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

impl Drop for WaitingCall {
    fn drop(&mut self) {
        if self.begun.get() {
            // SAFETY: the registry is locked; this call's own entry.
            registry::locked(|_| unsafe { end(self.entry.get()) });
        }
    }
}

/// Removes an entry from the list, unless it was removed before. O(1).
///
/// # Safety
///
/// The registry is locked. The entry is in the frame of a call that has not returned, as every entry on the list is.
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
            None => *WAITING_CALLS.0.get() = next,
        }
        if let Some(next) = next.as_mut() {
            next.previous = previous;
        }
    }
}

/// Every entry on the list. The entry that was returned last may be removed before the next one is asked for.
///
/// # Safety
///
/// The registry is locked as long as the result is used.
unsafe fn waiting_calls() -> impl Iterator<Item = *mut Entry> {
    // SAFETY: as the caller promises; entries on the list live.
    let mut at = unsafe { *WAITING_CALLS.0.get() };
    core::iter::from_fn(move || {
        let entry = NonNull::new(at)?.as_ptr();
        // SAFETY: as above.
        at = unsafe { (*entry).next };
        Some(entry)
    })
}

/// Whether a call that waits, or waited, for a block of this pool has not returned yet. O(waiting calls).
///
/// # Safety
///
/// The registry is locked.
pub(crate) unsafe fn has_waiting_call(control: NonNull<Control>) -> bool {
    // SAFETY: as the caller promises; entries on the list live.
    unsafe { waiting_calls() }.any(|entry| core::ptr::eq(unsafe { (*entry).control }, control.as_ptr()))
}

/// Removes `task` from every queue; the task must be suspended. Returns `false` while any task is being woken: that may be this
/// task, and its stack is in use until then, so the caller calls again. O(pools² + waiters), in a critical section of O(pools + its waiters)
/// for each pool.
///
/// ```text
///   a free, interrupted or on another core         a call that removes the task
///   lock; serve: the task leaves the queue; unlock
///                                                  forget: the task is in no queue, but WAKING is 1
///   wake: gives the signal on its stack
/// ```
pub(crate) fn forget(task: *const c_void) -> bool {
    registry::each(|control| {
        // SAFETY: on the list, which is locked, so live, with its struct. The queue is this pool's; two numbers are compared.
        unsafe {
            let place = PoolWithQueue::new((*control.as_ptr()).owner, control);
            place.with_queue(|list, queue| queue.forget(list, |waker| waker.task == task));
        }
    });
    let is_gone = WAKING.change(0) == 0;
    if is_gone {
        // SAFETY: the registry is locked; the frames of the task are still there.
        registry::locked(|_| unsafe {
            waiting_calls().filter(|entry| (**entry).task == task).for_each(|entry| end(entry));
        });
    }
    is_gone
}

/// The number of tasks that were granted a block and are not woken yet. It is not in a control block, because a task that was
/// woken may destroy the pool at once.
struct Waking {
    lock: PortLock,
    count: UnsafeCell<i32>,
}

// SAFETY: the number is read and changed only with the lock held.
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

/// Allocates a block, and waits for one. O(pools), once more if it has to wait; O(waiters) in one critical section, O(1) in a second, besides the wait. Tasks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_timeout(pool: *mut memory_pool_t, timeout_ms: u32) -> *mut c_void {
    // SAFETY: as for this function.
    let result = unsafe { alloc(c"memory_pool_alloc_timeout", pool, timeout_ms) };
    result.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// As [`memory_pool_alloc_timeout`], and writes the reason for a null. O(pools), once more if it has to wait; O(waiters) in one critical section, O(1) in a second, besides the wait. Tasks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_timeout_reason(
    pool: *mut memory_pool_t,
    timeout_ms: u32,
    reason: *mut esp_err_t,
) -> *mut c_void {
    // SAFETY: as for this function.
    let result = unsafe { alloc(c"memory_pool_alloc_timeout_reason", pool, timeout_ms) };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(result.err().unwrap_or(ESP_OK)) };
    }
    result.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// Sets which waiter is served first from now on. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_wait_order(
    pool: *mut memory_pool_t,
    order: memory_pool_wait_order_t,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_set_wait_order";
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    let order = match order {
        MEMORY_POOL_WAIT_PRIORITY => WaitOrder::Priority,
        MEMORY_POOL_WAIT_FIFO => WaitOrder::Fifo,
        _ => return refuse(NAME, refusals::UNKNOWN_ORDER, pool.cast()),
    };
    // SAFETY: `control` is that of `pool`; a number is set.
    unsafe { PoolWithQueue::new(pool, control).with_queue(|_, queue| queue.set_order(order)) };
    ESP_OK
}

/// # Safety
///
/// Obligations 1 and 3.
unsafe fn alloc(
    function: &'static CStr,
    pool: *mut memory_pool_t,
    timeout_ms: u32,
) -> Result<NonNull<u8>, esp_err_t> {
    registry::live(pool).map_err(|refusal| refuse(function, refusal, pool.cast())).and_then(|control| {
        let call = WaitingCall::none();
        // SAFETY: `control` is that of `pool`, which no other context destroys meanwhile.
        let queued = unsafe { PoolWithQueue::new(pool, control) };
        if timeout_ms != 0 && !port::Signal::may_wait() {
            return Err(reason_of_wait(function, pool, control, Error::CannotWait));
        }
        // SAFETY: the pool is used by the arguments only; a live control block.
        let (without_waiting, modes_before) = unsafe {
            queued.with_queue(|list, queue| {
                let allocated = match timeout_ms {
                    0 => Some(list.alloc()),
                    _ => queue.alloc_now(list),
                };
                (allocated, modes(control))
            })
        };
        let (allocated, modes) = match without_waiting {
            Some(allocated) => (allocated, modes_before),
            None => {
                // SAFETY: it stays in this frame.
                if !unsafe { call.begin(pool, control) } {
                    return Err(refuse(function, refusals::NOT_A_POOL, pool.cast()));
                }
                let longest = (timeout_ms != MEMORY_POOL_WAIT_FOREVER).then_some(timeout_ms);
                let priority = port::task_priority();
                // SAFETY: a waker gives the signal when `wake` is called with it, after `serve` or never, and has nothing to drop.
                let allocated = unsafe { alloc_blocking(&queued, priority, longest, waker_of_caller) };
                // SAFETY: a live control block.
                (allocated, diagnostics::handed_over(unsafe { modes(control) }))
            }
        };
        // SAFETY: `control` is that of `pool`, from which the block was allocated for the caller.
        unsafe { diagnostics::after_alloc(pool, control, allocated, modes, CallSite::NONE, OF_POOL) }
            .map_err(|error| reason_of_wait(function, pool, control, error))
    })
}

/// Removes a task that does not run from the queue of every pool. O(pools² + waiters), in a critical section of O(pools + its waiters)
/// for each pool. Tasks.
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_forget_task(task: *const c_void) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_forget_task";
    if let Err(refusal) = from_task(NAME, task) {
        return refusal.reason;
    }
    if task.is_null() {
        return refuse(NAME, refusals::NULL_POINTER, task);
    }
    if forget(task) { ESP_OK } else { ESP_ERR_NOT_FINISHED }
}

/// The reason why a call that may wait got no block. It is reported, unless it is that no block became free in time.
fn reason_of_wait(
    function: &'static CStr,
    pool: *const memory_pool_t,
    control: NonNull<Control>,
    error: Error,
) -> esp_err_t {
    if !matches!(error, Error::Exhausted | Error::TimedOut) {
        // SAFETY: the pool is live, obligation 3.
        let name = unsafe { name_of(Some(control)) };
        report_error(function, error.into(), name, pool.cast(), 0);
    }
    reason_of(error)
}
