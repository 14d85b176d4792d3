//! What a pool checks besides, and who is told of its operations.

use core::ffi::CStr;
use core::ptr::null;

use crate::diagnostics as watch;
use crate::diagnostics::trace_types::*;
use crate::output::report::{from_task, name_of, report};
use crate::pool::refusal::{self, Refusal};
use crate::pool::registry;
use crate::types::*;

/// How much is checked from now on. O(bytes of the pool), the lock held for one block at a time. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_checks(
    pool: *mut memory_pool_t,
    level: memory_pool_checks_t,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_set_checks";
    if let Err(refusal) = from_task(NAME, pool.cast()) {
        return refusal.reason;
    }
    let set = registry::live(pool).and_then(|control| match level {
        MEMORY_POOL_CHECKS_BASIC | MEMORY_POOL_CHECKS_POISON => {
            // SAFETY: `control` is that of `pool`.
            Ok(unsafe { watch::set_checks(pool, control, level == MEMORY_POOL_CHECKS_POISON) }?)
        }
        _ => Err(refusal::UNKNOWN_LEVEL),
    });
    told(pool, set, NAME)
}

/// Whether the program is told of every operation on this pool. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_trace(pool: *mut memory_pool_t, on: bool) -> esp_err_t {
    let set = registry::live(pool).and_then(|control| {
        // SAFETY: `control` is that of `pool`.
        Ok(unsafe { watch::set_trace(pool, control, on) }?)
    });
    told(pool, set, c"memory_pool_trace")
}

/// Whether the program is told of operations on pools that are made from now on. O(1).
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_trace_new_pools(on: bool) -> esp_err_t {
    told_of_none(watch::trace_new_pools(on), c"memory_pool_trace_new_pools")
}

/// Calls `callback` for each operation, outside every lock, in the context of the operation. O(1).
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_set_trace_callback(callback: memory_pool_trace_callback_t) -> esp_err_t {
    told_of_none(watch::set_trace_callback(callback), c"memory_pool_set_trace_callback")
}

/// The answer of what concerns no one pool, with a report of a refusal.
fn told_of_none(done: Result<(), esp_err_t>, function: &'static CStr) -> esp_err_t {
    let Err(reason) = done else { return ESP_OK };
    report(function, reason, c"".as_ptr(), null(), 0);
    reason
}

/// The answer, with a report of a refusal. O(pools) if it is one.
pub(crate) fn told(
    pool: *mut memory_pool_t,
    done: Result<(), Refusal>,
    function: &'static CStr,
) -> esp_err_t {
    let Err(refusal) = done else { return ESP_OK };
    // SAFETY: live, so there is a name, unless another task ends the pool now: obligation 3.
    report(function, refusal, unsafe { name_of(registry::live(pool).ok()) }, pool.cast(), 0);
    refusal.reason
}
