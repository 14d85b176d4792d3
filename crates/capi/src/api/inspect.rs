//! Looking at pools, checking them, and being told.

use core::ffi::{CStr, c_char};
use core::ptr::null;

use microusc_pool::RawPool;

use crate::abi::*;
use crate::census::{self, info_of};
use crate::control::{ControlMarks, control_of, with_pool};
use crate::create::name_from;
use crate::dump::Subject;
use crate::report::{name_of, report, set_callback};
use crate::wait::Place;
use crate::{print, registry, watch};

/// Runs `work` on the pool with its lock held, or says why there is none.
///
/// # Safety
///
/// Obligation 1.
unsafe fn on<R>(
    pool: *mut memory_pool_t,
    work: impl FnOnce(&mut RawPool<'_, ControlMarks>) -> R,
) -> Result<R, esp_err_t> {
    // SAFETY: as the caller promises.
    let control = unsafe { control_of(pool) }?;
    // SAFETY: `control` is that of `pool`.
    Ok(unsafe { with_pool(pool, control, work) })
}

/// A consistent snapshot. O(num_blocks), in critical sections of O(64). Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_info(
    pool: *mut memory_pool_t,
    info: *mut memory_pool_info_t,
) -> esp_err_t {
    if info.is_null() {
        return ESP_ERR_INVALID_ARG;
    }
    // SAFETY: obligation 1.
    match unsafe { info_of(pool) } {
        Ok(snapshot) => {
            // SAFETY: obligation 2.
            unsafe { info.write(snapshot) };
            ESP_OK
        }
        Err(reason) => reason,
    }
}

/// What an allocation would say now. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_status(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 1.
    match unsafe { on(pool, |raw| raw.can_take()) } {
        Ok(can_take) => can_take.err().map_or(ESP_OK, reason_of),
        Err(reason) => reason,
    }
}

/// Prints the snapshot. O(num_blocks). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_print_stats(pool: *mut memory_pool_t) {
    // SAFETY: as for this function.
    unsafe { memory_pool_print_stats_as(pool, null()) }
}

/// Prints the snapshot under another name. O(num_blocks). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_print_stats_as(pool: *mut memory_pool_t, name: *const c_char) {
    // SAFETY: obligation 1.
    let info = unsafe { info_of(pool) };
    // SAFETY: obligation 2.
    let given = !name.is_null() && unsafe { name.read() } != 0;
    // SAFETY: obligation 2.
    let name = given.then(|| unsafe { name_from(name) });
    match info {
        Ok(info) => print::info(&memory_pool_info_t { name: name.unwrap_or(info.name), ..info }),
        Err(reason) => report(c"memory_pool_print_stats", reason, c"".as_ptr(), pool.cast(), 0),
    }
}

/// Prints the snapshot, a map of the blocks, where the free list begins, and whether it is whole. O(num_blocks), 64 blocks in
/// each critical section, but validated in one. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_dump(pool: *mut memory_pool_t) {
    // SAFETY: obligation 1.
    let parts = unsafe { control_of(pool).and_then(|control| Ok((control, info_of(pool)?))) };
    match parts {
        Ok((control, info)) => {
            // SAFETY: obligation 1.
            let validated = unsafe { on(pool, |raw| raw.validate().err().map_or(ESP_OK, reason_of)) };
            // SAFETY: `control` is that of `pool`; obligation 3.
            unsafe { Subject::new(pool, control) }.dump(&info, validated.unwrap_or_else(|reason| reason));
        }
        Err(reason) => report(c"memory_pool_dump", reason, c"".as_ptr(), pool.cast(), 0),
    }
}

/// A line for each pool, and the heap's totals. O(pools * (pools + num_blocks)), in critical sections of O(pools + 64). From tasks
/// only; others may make and end pools meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn show_memory_usage() {
    print::usage(census::infos());
}

/// Names a pool. O(1); two critical sections, one in the other.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_name(pool: *mut memory_pool_t, name: *const c_char) -> esp_err_t {
    // SAFETY: obligation 2.
    if name.is_null() || unsafe { name.read() } == 0 {
        return ESP_ERR_INVALID_ARG;
    }
    // SAFETY: obligation 2.
    let name = unsafe { name_from(name) };
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return reason,
    };
    // SAFETY: `control` is that of `pool`; obligation 3.
    unsafe { registry::rename(pool, control, name) };
    ESP_OK
}

/// A pool's name, which lives as long as the pool; "" if there is no pool. O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_name(pool: *const memory_pool_t) -> *const c_char {
    // SAFETY: obligations 1 and 3.
    unsafe { name_of(control_of(pool.cast_mut()).ok()) }
}

/// The pool made after `previous`; the first for null; null at the end. O(pools). From tasks only.
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_next(previous: *const memory_pool_t) -> *mut memory_pool_t {
    registry::next(previous)
}

/// The first pool of that name, or null. O(pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_find(name: *const c_char) -> *mut memory_pool_t {
    if name.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: obligation 2.
    let wanted = unsafe { CStr::from_ptr(name) };
    // SAFETY: a name always ends in a zero within its array.
    registry::find(|control| unsafe { CStr::from_ptr(control.name.as_ptr()) } == wanted)
}

/// Compares free list and marks. O(num_blocks) inside one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_validate(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return reason,
    };
    // SAFETY: `control` is that of `pool`, here and below.
    let found = match unsafe { with_pool(pool, control, |raw| raw.validate()) } {
        // SAFETY: as above.
        Ok(()) => unsafe { watch::poison_is_whole(pool, control) }
            .map_err(|wrong| (MEMORY_POOL_ERR_WRITTEN, wrong.cast())),
        Err(error) => Err((reason_of(error), pool.cast_const().cast())),
    };
    let Err((reason, address)) = found else { return ESP_OK };
    // SAFETY: obligations 1 and 3.
    let name = unsafe { memory_pool_get_name(pool) };
    report(c"memory_pool_validate", reason, name, address, 0);
    reason
}

/// Makes the free list anew from the marks. O(num_blocks) inside one critical section, and one of O(1) for each waiting task that
/// is served.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_repair(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return reason,
    };
    // SAFETY: `control` is that of `pool`.
    unsafe { with_pool(pool, control, |raw| raw.repair()) };
    // What was found again may be waited for.
    // SAFETY: as above.
    unsafe { Place::new(pool, control) }.serve_all();
    ESP_OK
}

/// Starts the lowest number of free blocks anew from now. O(num_blocks) inside one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_reset_lowest_free(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 1.
    unsafe { on(pool, |raw| raw.reset_lowest()) }.err().unwrap_or(ESP_OK)
}

/// Calls `callback` for each report, outside every lock, in the context of the refused call.
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_set_report_callback(callback: memory_pool_report_callback_t) {
    set_callback(callback);
}

/// The name of a reason, for ever. O(reasons).
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_err_to_name(reason: esp_err_t) -> *const c_char {
    reason_name(reason).as_ptr()
}
