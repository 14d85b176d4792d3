//! Several blocks at once, and blocks kept for interrupts.

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null_mut};
use core::slice;

use microusc_pool::Error;

use crate::PoolWithQueue;
use crate::control::block::{Control, control_of, modes, with_free_list};
use crate::control::overlap::{self, Range};
use crate::control::registry;
use crate::diagnostics::{self, CallSite, OF_POOL};
use crate::output::report::{Caller, name_of, refuse, report_error};
use crate::refusals::{self, Refusal};
use crate::types::*;

use super::blocks::{block_or_report, no_pool};

/// As [`refuse`], with the name of the live pool of `control`.
///
/// # Safety
///
/// `control` is live.
unsafe fn refuse_with_pool_name(
    function: &'static CStr,
    refusal: Refusal,
    control: NonNull<Control>,
    address: *const c_void,
) -> esp_err_t {
    // SAFETY: as the caller promises.
    report_error(function, refusal, unsafe { name_of(Some(control)) }, address, 0);
    refusal.reason
}

/// Why a batch is refused before a slice is made of its array: `count` is the caller's and may be any number.
///
/// # Safety
///
/// `control` is live.
unsafe fn unusable_batch(no_array: bool, count: usize, control: NonNull<Control>) -> Option<Refusal> {
    if no_array {
        return Some(refusals::NULL_POINTER);
    }
    // SAFETY: as the caller promises.
    let capacity = unsafe { (*control.as_ptr()).geometry.capacity() };
    (count > capacity).then_some(refusals::BATCH_TOO_LARGE)
}

/// Allocates `count` blocks, or none. O(count) inside one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_batch(
    pool: *mut memory_pool_t,
    blocks: *mut *mut c_void,
    count: usize,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_alloc_batch";
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    // SAFETY: a live control block.
    if let Some(refusal) = unsafe { unusable_batch(blocks.is_null(), count, control) } {
        // SAFETY: as above.
        return unsafe { refuse_with_pool_name(NAME, refusal, control, pool.cast()) };
    }
    // SAFETY: obligation 2: room for `count` pointers, of which any bits will do.
    let room = unsafe { slice::from_raw_parts_mut(blocks.cast::<MaybeUninit<NonNull<u8>>>(), count) };
    // SAFETY: `control` is that of `pool`.
    let (allocated, modes) =
        unsafe { with_free_list(pool, control, |list| (list.alloc_batch(room), modes(control))) };
    let Err(error) = allocated else {
        for block in room {
            // SAFETY: all were allocated, for the caller.
            let _passed_on = unsafe {
                diagnostics::after_alloc(
                    pool,
                    control,
                    Ok(block.assume_init()),
                    modes,
                    CallSite::NONE,
                    OF_POOL,
                )
            };
        }
        return ESP_OK;
    };
    for at in 0..count {
        // SAFETY: obligation 2.
        unsafe { blocks.add(at).write(null_mut()) };
    }
    if error == Error::Exhausted {
        return ESP_ERR_NO_MEM;
    }
    // SAFETY: a live control block.
    unsafe { refuse_with_pool_name(NAME, error.into(), control, pool.cast()) }
}

/// Frees `count` blocks, or none. O(count) inside one critical section, or two while something is done to blocks that are
/// returned; and one of O(1) for each waiting task that is served. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_free_batch(
    pool: *mut memory_pool_t,
    blocks: *const *mut c_void,
    count: usize,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_free_batch";
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    // SAFETY: a live control block.
    if let Some(refusal) = unsafe { unusable_batch(blocks.is_null(), count, control) } {
        // SAFETY: as above.
        return unsafe { refuse_with_pool_name(NAME, refusal, control, pool.cast()) };
    }
    // SAFETY: obligation 2: `count` pointers.
    let given = unsafe { slice::from_raw_parts(blocks.cast::<*mut u8>(), count) };
    // SAFETY: a live control block.
    if unsafe { lies_in_itself(control, given) } {
        // SAFETY: as above.
        return unsafe { refuse_with_pool_name(NAME, refusals::BATCH_IN_ITSELF, control, blocks.cast()) };
    }
    // SAFETY: `control` is that of `pool`; those that are blocks in use, their owner gives up by this call.
    match unsafe { put(pool, control, given) } {
        Ok(()) => {
            // SAFETY: `control` is that of `pool`.
            unsafe { PoolWithQueue::new(pool, control) }.serve_all();
            ESP_OK
        }
        Err((at, error)) => {
            let address = given.get(at).map_or(core::ptr::null(), |block| block.cast_const().cast());
            // SAFETY: a live control block.
            unsafe { refuse_with_pool_name(NAME, error.into(), control, address) }
        }
    }
}

/// Whether the array lies in a block that it names: it would be overwritten while it is read. O(1), or O(count) for an array
/// somewhere in the blocks of the pool.
///
/// # Safety
///
/// `control` is live.
unsafe fn lies_in_itself(control: NonNull<Control>, given: &[*mut u8]) -> bool {
    let array = Range::at(given.as_ptr().addr(), size_of_val(given));
    // SAFETY: as the caller promises; a geometry does not change.
    let (blocks, stride) = unsafe { (overlap::blocks_of(control), (*control.as_ptr()).geometry.stride()) };
    array.meets(blocks) && given.iter().any(|block| Range::at(block.addr(), stride).meets(array))
}

/// Puts all blocks on the list, in one critical section; or, while something is done to blocks that are returned, in two, with
/// the lock released in between. O(count), and what is done to each block.
///
/// # Safety
///
/// `control` is that of `pool`; the blocks are as for [`memory_pool_free_batch`].
unsafe fn put(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    given: &[*mut u8],
) -> Result<(), (usize, Error)> {
    // SAFETY: `control` is that of `pool`; after the first phase the blocks are retiring, by this caller alone.
    unsafe {
        // Which way is decided in the critical section that begins: what is turned on later finds the blocks on the list.
        let (begun, done) = with_free_list(pool, control, |list| {
            if (*control.as_ptr()).diagnostics.is_on() {
                (diagnostics::begin_free(control, list, given), Some(modes(control)))
            } else {
                (list.free_batch(given), None)
            }
        });
        begun?;
        let Some(modes) = done else { return Ok(()) };
        given.iter().for_each(|block| diagnostics::retire(pool, control, *block, modes));
        with_free_list(pool, control, |list| diagnostics::finish_free(control, list, given, modes));
    }
    Ok(())
}

/// Keeps the last `blocks` free blocks for interrupts. O(1); one critical section, and one for each waiting task that is served.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_isr_reserve(pool: *mut memory_pool_t, blocks: usize) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_set_isr_reserve";
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    // SAFETY: `control` is that of `pool`.
    if let Err(error) = unsafe { with_free_list(pool, control, |list| list.set_reserve(blocks)) } {
        // SAFETY: a live control block.
        return unsafe { refuse_with_pool_name(NAME, error.into(), control, pool.cast()) };
    }
    // What is kept no longer may be waited for.
    // SAFETY: as above.
    unsafe { PoolWithQueue::new(pool, control) }.serve_all();
    ESP_OK
}

/// Allocates a block, also from the reserve, or null. O(1); one critical section. Interrupts.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_from_isr"))]
pub unsafe extern "C" fn memory_pool_alloc_from_isr(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return no_pool(reason, pool, Caller::AllocFromIsr),
    };
    // SAFETY: `control` is that of `pool`.
    let (allocated, modes) =
        unsafe { with_free_list(pool, control, |list| (list.alloc_from_isr(), modes(control))) };
    // SAFETY: as above.
    unsafe {
        block_or_report(
            diagnostics::after_alloc(pool, control, allocated, modes, CallSite::NONE, OF_POOL),
            pool,
            control,
            Caller::AllocFromIsr,
        )
    }
}
