//! Call-site records: where each block in use was allocated, for leak reports.

use core::ptr::{NonNull, null_mut};

use microusc_pool::FreeList;
use microusc_port::{self as port, CallContext};

use crate::control::block::{Control, ControlMap, with_free_list};
use crate::control::memory::{Allocation, fits_control};
use crate::control::modes::{CallSiteRecord, ENABLED, Modes, OWN_RECORDS, RECORDS, RECORDS_BEGIN, Record};
use crate::diagnostics::CallSite;
use crate::types::*;

use super::{set_modes, switch};

/// The records of a pool, if any are kept.
///
/// # Safety
///
/// The lock of `control` is held, or nothing else uses the pool, as long as the result is used.
#[inline(always)]
unsafe fn records<'a>(control: NonNull<Control>) -> Option<&'a mut [Record]> {
    let at = control.as_ptr();
    // SAFETY: a live control block, with a record for each block; the lock is as the caller promises.
    unsafe { (*at).diagnostics.records((*at).geometry.capacity()) }
}

/// Records the call site of the alloc of `block`. O(1); one critical section.
///
/// # Safety
///
/// `control` is that of `pool`, from which the block was just allocated for the caller; the lock is released.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_record"))]
pub(super) unsafe fn record(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: NonNull<u8>,
    site: CallSite,
) {
    let CallContext { time_us, task, core, in_interrupt } = port::call_context();
    let record = CallSiteRecord { time_us, address: site.address, task, line: site.line, core, in_interrupt };
    let block = block.as_ptr();
    // SAFETY: `control` is that of `pool`; records are used with the lock held. If other code freed the block meanwhile, by
    // mistake, then it gets no record.
    unsafe {
        with_free_list(pool, control, |list| {
            if let (Some(index), Some(records)) = (list.index_of(block), records(control))
                && list.is_live(block)
                && let Some(slot) = records.get_mut(index)
            {
                slot.0 = Some(record);
            }
        });
    }
}

/// Clears the record of `block`, which was just freed. O(1).
///
/// # Safety
///
/// `list` is the free list of `control`, with its lock held, or nothing else uses the pool.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_clear_record"))]
pub(super) unsafe fn clear(control: NonNull<Control>, list: &FreeList<'_, ControlMap>, block: *const u8) {
    // SAFETY: as the caller promises.
    if let (Some(records), Some(index)) = (unsafe { records(control) }, list.index_of(block))
        && let Some(slot) = records.get_mut(index)
    {
        slot.0 = None; // the whole record would be cleared by `memset`, which may lie in flash
    }
}

/// Keeps records from now on, in `memory` or in memory from the heap. O(blocks), between two critical sections of O(1).
///
/// # Safety
///
/// `control` is that of `pool`; the memory has the size given, and nothing else uses it as long as records are kept.
pub(super) unsafe fn begin_records(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    memory: Option<(*mut u8, usize)>,
) -> Result<(), esp_err_t> {
    if !ENABLED {
        return Err(ESP_ERR_NOT_SUPPORTED);
    }
    // SAFETY: a live control block, and a geometry does not change.
    let blocks = unsafe { (*control.as_ptr()).geometry.capacity() };
    let needed = blocks.checked_mul(size_of::<Record>()).ok_or(ESP_ERR_INVALID_SIZE)?;
    let memory = memory.map(|(memory, bytes)| aligned_part(memory, bytes, needed)).transpose()?;
    // Before anything is written or allocated: the memory may hold the records that are kept.
    // SAFETY: `control` is that of `pool`.
    unsafe { switch(pool, control, RECORDS | RECORDS_BEGIN, RECORDS_BEGIN, true) }?;
    let prepared = prepare(memory, needed);
    if let Ok((records, _)) = prepared {
        for index in 0..blocks {
            // SAFETY: inside the memory, which nothing else uses: no records were kept, and no other call begins to.
            unsafe { records.add(index).write(Record::NONE) };
        }
    }
    // SAFETY: `control` is that of `pool`; the field is written with the lock held.
    unsafe {
        with_free_list(pool, control, |list| match prepared {
            Ok((records, own)) => {
                (*control.as_ptr()).diagnostics.replace_records(records);
                set_modes(control, list, RECORDS | own, RECORDS_BEGIN);
                Ok(())
            }
            Err(reason) => {
                set_modes(control, list, 0, RECORDS_BEGIN);
                Err(reason)
            }
        })
    }
}

/// Where the records will be, in `memory` or in memory from the heap, and the mode bit that says which.
fn prepare(memory: Option<*mut u8>, needed: usize) -> Result<(*mut Record, Modes), esp_err_t> {
    match memory {
        Some(memory) => Ok((memory.cast(), 0)),
        None => {
            let own = Allocation::for_control(needed, align_of::<Record>())?;
            Ok((own.keep().cast(), OWN_RECORDS))
        }
    }
}

/// The aligned part of a caller's memory.
fn aligned_part(memory: *mut u8, bytes: usize, needed: usize) -> Result<*mut u8, esp_err_t> {
    let padding = memory.addr().wrapping_neg() & (align_of::<Record>() - 1);
    if padding.checked_add(needed).is_none_or(|all| all > bytes) {
        return Err(ESP_ERR_INVALID_SIZE);
    }
    if !fits_control(memory, bytes) {
        return Err(MEMORY_POOL_ERR_WRONG_MEMORY);
    }
    Ok(memory.wrapping_add(padding))
}

/// Keeps no records any more. O(1).
///
/// # Safety
///
/// `control` is that of `pool`. From tasks.
pub(super) unsafe fn end_records(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
) -> Result<(), esp_err_t> {
    if !ENABLED {
        return Err(ESP_ERR_NOT_SUPPORTED);
    }
    // SAFETY: `control` is that of `pool`; the field is written with the lock held.
    let (records, own) = unsafe {
        with_free_list(pool, control, |list| {
            let own = (*control.as_ptr()).diagnostics.own_memory();
            set_modes(control, list, 0, RECORDS | OWN_RECORDS);
            ((*control.as_ptr()).diagnostics.replace_records(null_mut()), own)
        })
    };
    if !own.is_null() {
        // SAFETY: it was allocated for the records, which are not used any more: every use finds them with the lock held.
        unsafe { port::release(own) };
    }
    if records.is_null() { Err(ESP_ERR_INVALID_STATE) } else { Ok(()) }
}

/// The record of block `index`, if there is one. O(1).
///
/// # Safety
///
/// The lock of `control` is held.
pub(super) unsafe fn record_of(control: NonNull<Control>, index: usize) -> Option<CallSiteRecord> {
    // SAFETY: as the caller promises.
    unsafe { records(control) }?.get(index)?.0
}
