//! Snapshots, names, validation and repair of pools, and the report callback.

use core::ffi::{CStr, c_char};
use core::ptr::{NonNull, addr_eq, null, null_mut};

use microusc_pool::FreeList;

use crate::control::block::{Control, ControlMap, with_free_list};
use crate::control::registry;
use crate::diagnostics::poison;
use crate::output::dump::PoolDump;
use crate::output::print;
use crate::output::report::{from_task, name_of, refuse, report_error, set_callback};
use crate::output::snapshot::{self, info_of};
use crate::refusals::{self, Refusal};
use crate::types::*;
use crate::wait::PoolWithQueue;

use super::create::name_from;

/// Runs `work` on the live pool at this address with its lock held, or returns the reason why there is none. O(pools) and what `work` does.
///
/// # Safety
///
/// Obligation 3.
unsafe fn on<R>(
    pool: *mut memory_pool_t,
    work: impl FnOnce(&mut FreeList<'_, ControlMap>) -> R,
) -> Result<R, Refusal> {
    let control = registry::live(pool)?;
    // SAFETY: `control` is that of `pool`.
    Ok(unsafe { with_free_list(pool, control, work) })
}

/// A consistent snapshot. O(pools + num_blocks), in critical sections of O(pools) and O(64). Tasks, interrupts, both cores.
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
        Err(refusal) => refusal.reason,
    }
}

/// The reason that an alloc would have now, or `ESP_OK`. O(pools); two critical sections. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_status(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 3.
    match unsafe { on(pool, |list| list.can_alloc()) } {
        Ok(can_take) => can_take.err().map_or(ESP_OK, reason_of),
        Err(refusal) => refusal.reason,
    }
}

/// Prints the snapshot. O(num_blocks). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_print_stats(pool: *mut memory_pool_t) {
    // SAFETY: as for this function.
    unsafe { print_stats(c"memory_pool_print_stats", pool, null()) }
}

/// Prints the snapshot under another name. O(num_blocks). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_print_stats_as(pool: *mut memory_pool_t, name: *const c_char) {
    // SAFETY: as for this function.
    unsafe { print_stats(c"memory_pool_print_stats_as", pool, name) }
}

/// # Safety
///
/// Obligations 2 and 3.
unsafe fn print_stats(function: &'static CStr, pool: *mut memory_pool_t, name: *const c_char) {
    if from_task(function, pool.cast()).is_err() {
        return;
    }
    // SAFETY: obligation 2.
    let given = !name.is_null() && unsafe { name.read() } != 0;
    // SAFETY: obligation 2.
    let name = given.then(|| unsafe { name_from(name) });
    // SAFETY: obligation 3.
    match unsafe { info_of(pool) } {
        Ok(info) => print::info(&memory_pool_info_t { name: name.unwrap_or(info.name), ..info }),
        Err(refusal) => report_error(function, refusal, c"".as_ptr(), pool.cast(), 0),
    }
}

/// Prints the snapshot, a map of the blocks, where the free list begins, and whether it is whole. O(num_blocks), 64 blocks in
/// each critical section, but validated in one. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_dump(pool: *mut memory_pool_t) {
    const NAME: &CStr = c"memory_pool_dump";
    if from_task(NAME, pool.cast()).is_err() {
        return;
    }
    // SAFETY: obligation 3.
    let parts = registry::live(pool).and_then(|control| Ok((control, unsafe { info_of(pool) }?)));
    match parts {
        Ok((control, info)) => {
            // SAFETY: `control` is that of `pool`; obligation 3.
            let validated = unsafe { compared(pool, control) }.err().unwrap_or(ESP_OK);
            // SAFETY: as above.
            unsafe { PoolDump::new(pool, control) }.dump(&info, validated);
        }
        Err(refusal) => report_error(NAME, refusal, c"".as_ptr(), pool.cast(), 0),
    }
}

/// Whether struct, free list and allocation map agree. O(num_blocks) in one critical section.
///
/// # Safety
///
/// `control` is that of the live pool `pool`.
unsafe fn compared(pool: *mut memory_pool_t, control: NonNull<Control>) -> Result<(), esp_err_t> {
    // SAFETY: as the caller promises.
    unsafe {
        with_free_list(pool, control, |list| {
            if !fields_are_whole(pool, control) {
                return Err(MEMORY_POOL_ERR_CORRUPT);
            }
            list.validate().map_err(reason_of)
        })
    }
}

/// A line for each pool, and the heap's totals. O(pools * (pools + num_blocks)), in critical sections of O(pools + 64). From tasks
/// only; others may make and end pools meanwhile.
#[unsafe(no_mangle)]
pub extern "C" fn show_memory_usage() {
    if from_task(c"show_memory_usage", null()).is_err() {
        return;
    }
    print::usage(snapshot::infos());
}

/// Names a pool. O(pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_name(pool: *mut memory_pool_t, name: *const c_char) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_set_name";
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    // SAFETY: obligation 2.
    if name.is_null() || unsafe { name.read() } == 0 {
        return refuse(NAME, refusals::NO_NAME, pool.cast());
    }
    // SAFETY: obligation 2.
    let name = unsafe { name_from(name) };
    // SAFETY: `control` is that of `pool`; obligation 3.
    unsafe { registry::rename(pool, control, name) };
    ESP_OK
}

/// A pool's name, which lives as long as the pool; "" if there is no pool. O(pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_name(pool: *const memory_pool_t) -> *const c_char {
    // SAFETY: obligation 3.
    unsafe { name_of(registry::live(pool).ok()) }
}

/// The pool made after `previous`; the first for null; null at the end. O(pools). From tasks only.
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_next(previous: *const memory_pool_t) -> *mut memory_pool_t {
    if from_task(c"memory_pool_next", previous.cast()).is_err() {
        return null_mut();
    }
    registry::next(previous)
}

/// The first pool of that name, or null. O(pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_find(name: *const c_char) -> *mut memory_pool_t {
    if from_task(c"memory_pool_find", null()).is_err() || name.is_null() {
        return null_mut();
    }
    // SAFETY: obligation 2.
    let wanted = unsafe { CStr::from_ptr(name) };
    // SAFETY: a name always ends in a zero within its array.
    registry::find(|control| unsafe { CStr::from_ptr(control.name.as_ptr()) } == wanted)
}

/// Compares free list and allocation map. O(num_blocks) inside one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_validate(pool: *mut memory_pool_t) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_validate";
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    // SAFETY: `control` is that of `pool`, here and below.
    let found = match unsafe { compared(pool, control) } {
        // SAFETY: as above.
        Ok(()) => unsafe { poison::poison_is_whole(pool, control) }
            .map_err(|wrong| (MEMORY_POOL_ERR_WRITTEN, wrong.cast())),
        Err(reason) => Err((reason, pool.cast_const().cast())),
    };
    let Err((reason, address)) = found else { return ESP_OK };
    // SAFETY: a live control block.
    report_error(NAME, reason.into(), unsafe { name_of(Some(control)) }, address, 0);
    reason
}

/// Whether the fields of the struct that never change are those of its pool.
///
/// # Safety
///
/// `control` is that of the live pool `pool`.
unsafe fn fields_are_whole(pool: *const memory_pool_t, control: NonNull<Control>) -> bool {
    // SAFETY: as the caller promises; of a live pool, so they may be read.
    unsafe {
        let (memory, control) = (&(*pool).memory, control.as_ptr());
        memory.addr() == (*control).base.addr()
            && (*pool).block_size == (*control).geometry.stride()
            && (*pool).num_blocks == (*control).geometry.capacity()
            && addr_eq((*pool).control, control)
    }
}

/// Rebuilds struct and free list from control block and allocation map. O(num_blocks) inside one critical section, and one of O(1)
/// for each waiting task that is served.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_repair(pool: *mut memory_pool_t) -> esp_err_t {
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(c"memory_pool_repair", refusal, pool.cast()),
    };
    // SAFETY: `control` is that of `pool`, whose lock is held; only fields that the list does not use are written besides.
    unsafe {
        with_free_list(pool, control, |list| {
            list.repair();
            let at = control.as_ptr();
            (&raw mut (*pool).memory).write((*at).base.cast());
            (&raw mut (*pool).block_size).write((*at).geometry.stride());
            (&raw mut (*pool).num_blocks).write((*at).geometry.capacity());
            (&raw mut (*pool).control).write(at.cast());
        });
    }
    // Tasks may be waiting for the blocks that were found again.
    // SAFETY: as above.
    unsafe { PoolWithQueue::new(pool, control) }.serve_all();
    ESP_OK
}

/// Starts the lowest number of free blocks anew from now. O(num_blocks) inside one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_reset_lowest_free(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 3.
    match unsafe { on(pool, |list| list.reset_lowest_free()) } {
        Ok(()) => ESP_OK,
        Err(refusal) => refuse(c"memory_pool_reset_lowest_free", refusal, pool.cast()),
    }
}

/// Calls `callback` for each report, outside every lock, in the context of the refused call.
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_set_report_callback(callback: memory_pool_report_callback_t) {
    set_callback(callback);
}

/// The name of a reason, in a string that lives for ever. O(reasons).
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_err_to_name(reason: esp_err_t) -> *const c_char {
    reason_name(reason).as_ptr()
}
