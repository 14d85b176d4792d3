//! Records of who took each block, for leak reports. Each lives exactly as long as its block.

use core::ptr::{NonNull, null_mut};
use core::slice;

use crate::diagnostics::call_sites_records::{Record, Site};
use microusc_pool::FreeList;

use crate::diagnostics::Place;
use crate::pool::control::{Control, ControlMap, with_pool};
use crate::pool::create::Allocation;
use crate::pool::placement::fits_control;
use crate::types::*;
use microusc_port::{self as port, CallContext};

use super::{Modes, OWN_RECORDS, SITES, SITES_BEGIN, change, turn};

/// The records of a pool, if any are kept.
///
/// # Safety
///
/// The lock of `control` is held, or nobody else uses the pool, as long as the result is used.
#[inline(always)]
unsafe fn records<'a>(control: NonNull<Control>) -> Option<&'a mut [Record]> {
    let at = control.as_ptr();
    // SAFETY: a live control block; only this field is borrowed.
    let first = NonNull::new(unsafe { (*at).watch.records })?;
    // SAFETY: while the pointer is there it points to a record for each block, which are touched with the lock held.
    Some(unsafe { slice::from_raw_parts_mut(first.as_ptr(), (*at).geometry.capacity()) })
}

/// Notes who took `block`. O(1); one critical section.
///
/// # Safety
///
/// `control` is that of `pool`, which just gave the block to the caller; the lock is open.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_note"))]
pub(super) unsafe fn note(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: NonNull<u8>,
    place: Place,
) {
    let CallContext { time_us, task, core, in_interrupt } = port::call_context();
    let site = Site { time_us, place: place.at, task, line: place.line, core, in_interrupt };
    let block = block.as_ptr();
    // SAFETY: `control` is that of `pool`; records are touched with the lock held. Should somebody who does not own the
    // block have returned it meanwhile, then it has no record.
    unsafe {
        with_pool(pool, control, |raw| {
            if let (Some(index), Some(records)) = (raw.index_of(block), records(control))
                && raw.is_live(block)
                && let Some(record) = records.get_mut(index)
            {
                *record = Record(Some(site));
            }
        });
    }
}

/// Forgets who took `block`, which was just returned. O(1).
///
/// # Safety
///
/// `raw` is the pool of `control`, with its lock held, or nobody else uses the pool.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_forget_site"))]
pub(super) unsafe fn returned(control: NonNull<Control>, raw: &FreeList<'_, ControlMap>, block: *const u8) {
    // SAFETY: as the caller promises.
    if let (Some(records), Some(index)) = (unsafe { records(control) }, raw.index_of(block))
        && let Some(record) = records.get_mut(index)
    {
        *record = Record::NONE;
    }
}

/// Keeps records from now on, in `memory` or in memory of the heap. O(blocks), between two critical sections of O(1).
///
/// # Safety
///
/// `control` is that of `pool`; the memory is so large, and nobody else's as long as records are kept.
pub(crate) unsafe fn begin_sites(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    memory: Option<(*mut u8, usize)>,
) -> Result<(), esp_err_t> {
    // SAFETY: a live control block, and a geometry does not change.
    let blocks = unsafe { (*control.as_ptr()).geometry.capacity() };
    let needed = blocks.checked_mul(size_of::<Record>()).ok_or(ESP_ERR_INVALID_SIZE)?;
    let memory = memory.map(|(memory, bytes)| given(memory, bytes, needed)).transpose()?;
    // Before anything is written or allocated: the memory may hold the records that are kept.
    // SAFETY: `control` is that of `pool`.
    unsafe { turn(pool, control, SITES | SITES_BEGIN, SITES_BEGIN, true) }?;
    let prepared = prepare(memory, needed);
    if let Ok((records, _)) = prepared {
        for index in 0..blocks {
            // SAFETY: inside the memory, which nobody else uses: no records were kept, and no other call begins to.
            unsafe { records.add(index).write(Record::NONE) };
        }
    }
    // SAFETY: `control` is that of `pool`; the field is written with the lock held.
    unsafe {
        with_pool(pool, control, |raw| match prepared {
            Ok((records, own)) => {
                (&raw mut (*control.as_ptr()).watch.records).write(records);
                change(control, raw, SITES | own, SITES_BEGIN);
                Ok(())
            }
            Err(reason) => {
                change(control, raw, 0, SITES_BEGIN);
                Err(reason)
            }
        })
    }
}

/// Where the records shall be, in `memory` or in memory of the heap, and whose that is.
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
fn given(memory: *mut u8, bytes: usize, needed: usize) -> Result<*mut u8, esp_err_t> {
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
pub(crate) unsafe fn end_sites(pool: *mut memory_pool_t, control: NonNull<Control>) -> Result<(), esp_err_t> {
    // SAFETY: `control` is that of `pool`; the field is written with the lock held.
    let (records, own) = unsafe {
        with_pool(pool, control, |raw| {
            let own = (*control.as_ptr()).watch.own_memory();
            change(control, raw, 0, SITES | OWN_RECORDS);
            ((&raw mut (*control.as_ptr()).watch.records).replace(null_mut()), own)
        })
    };
    if !own.is_null() {
        // SAFETY: it was allocated for the records, which nobody reaches any more: all look for them with the lock held.
        unsafe { port::release(own) };
    }
    if records.is_null() { Err(ESP_ERR_INVALID_STATE) } else { Ok(()) }
}

/// Where block `index` was taken, if that was recorded. O(1).
///
/// # Safety
///
/// The lock of `control` is held.
pub(crate) unsafe fn site_at(control: NonNull<Control>, index: usize) -> Option<Site> {
    // SAFETY: as the caller promises.
    unsafe { records(control) }?.get(index)?.0
}
