//! Waiting for a block. From tasks only.

use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};

use microusc_pool::{Error, Signal, WaitOrder, WaitablePool, alloc_blocking};

use crate::diagnostics as watch;
use crate::output::report::{from_task, name_of, refuse, report};
use crate::pool::control::{Control, modes};
use crate::pool::refusal;
use crate::pool::registry;
use crate::types::*;
use crate::wait::{Place, Stay, Waker, forget};
use microusc_port as port;

/// Takes a block, and waits for one. O(pools), once more if it has to wait; O(waiters) in one critical section, O(1) in a second, besides the wait. Tasks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_timeout(pool: *mut memory_pool_t, timeout_ms: u32) -> *mut c_void {
    // SAFETY: as for this function.
    let taken = unsafe { alloc(c"memory_pool_alloc_timeout", pool, timeout_ms) };
    taken.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// Takes a block, waits for one, and says why not. O(pools), once more if it has to wait; O(waiters) in one critical section, O(1) in a second, besides the wait. Tasks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_timeout_reason(
    pool: *mut memory_pool_t,
    timeout_ms: u32,
    reason: *mut esp_err_t,
) -> *mut c_void {
    // SAFETY: as for this function.
    let taken = unsafe { alloc(c"memory_pool_alloc_timeout_reason", pool, timeout_ms) };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(taken.err().unwrap_or(ESP_OK)) };
    }
    taken.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// Who is served first from now on. O(1); one critical section. Tasks, interrupts, both cores.
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
        _ => return refuse(NAME, refusal::UNKNOWN_ORDER, pool.cast()),
    };
    // SAFETY: `control` is that of `pool`; a number is set.
    unsafe { Place::new(pool, control).with_queue(|_, queue| queue.set_order(order)) };
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
        let stay = Stay::none();
        // SAFETY: `control` is that of `pool`, which nobody ends meanwhile.
        let place = unsafe { Place::new(pool, control) };
        if timeout_ms != 0 && !port::Signal::may_wait() {
            return Err(told(function, pool, control, Error::CannotWait));
        }
        // SAFETY: the pool is used by the arguments only; a live control block.
        let (now, at_once) = unsafe {
            place.with_queue(|raw, queue| {
                let now = match timeout_ms {
                    0 => Some(raw.alloc()),
                    _ => queue.alloc_now(raw),
                };
                (now, modes(control))
            })
        };
        let (taken, modes) = match now {
            Some(taken) => (taken, at_once),
            None => {
                // SAFETY: it stays in this frame.
                if !unsafe { stay.begin(pool, control) } {
                    return Err(refuse(function, refusal::NOT_A_POOL, pool.cast()));
                }
                let longest = (timeout_ms != MEMORY_POOL_WAIT_FOREVER).then_some(timeout_ms);
                let priority = port::task_priority();
                // SAFETY: a waker gives the signal when `wake` takes it, after `serve` or never, and has nothing to drop.
                let taken = unsafe { alloc_blocking(&place, priority, longest, Waker::of_caller) };
                // SAFETY: a live control block.
                (taken, watch::handed_over(unsafe { modes(control) }))
            }
        };
        // SAFETY: `control` is that of `pool`, which gave the block to the caller.
        unsafe { watch::taken(pool, control, taken, modes, watch::Place::UNSAID, watch::OF_POOL) }
            .map_err(|error| told(function, pool, control, error))
    })
}

/// Takes a task that does not run out of every pool's queue. O(pools² + waiters), in a critical section of O(pools + its waiters)
/// for each pool. Tasks.
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_forget_task(task: *const c_void) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_forget_task";
    if let Err(refusal) = from_task(NAME, task) {
        return refusal.reason;
    }
    if task.is_null() {
        return refuse(NAME, refusal::NULL_POINTER, task);
    }
    if forget(task) { ESP_OK } else { ESP_ERR_NOT_FINISHED }
}

/// The reason, reported unless it is that no block was free in time.
fn told(
    function: &'static CStr,
    pool: *const memory_pool_t,
    control: NonNull<Control>,
    error: Error,
) -> esp_err_t {
    if !matches!(error, Error::Exhausted | Error::TimedOut) {
        // SAFETY: the pool is live, obligation 3.
        let name = unsafe { name_of(Some(control)) };
        report(function, error, name, pool.cast(), 0);
    }
    reason_of(error)
}
