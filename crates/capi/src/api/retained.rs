//! Pools in memory that outlives a reset.
//!
//! Beside the obligations of all functions: a pointer to a retained pool is null, or points to a
//! `memory_pool_retained_t` that is zeroed, or open, or closed ([`memory_pool_retained_open`] takes any bytes). The struct of an
//! open pool stays where it is until the pool is closed.

use core::ffi::{CStr, c_void};
use core::ptr::{NonNull, null_mut};

use microusc_system::retained::{Found, RetainedPool, RetainedStats, Shape};

use crate::abi::*;
use crate::port::PortLock;
use crate::report::report_retained;
use crate::retained;

/// The pool, or why there is none.
///
/// # Safety
///
/// As every function here; it stays open while the result is used.
unsafe fn given<'a>(
    pool: *const memory_pool_retained_t,
) -> Result<&'a RetainedPool<'static, PortLock>, esp_err_t> {
    if pool.is_null() {
        return Err(ESP_ERR_INVALID_ARG);
    }
    // SAFETY: as the caller promises. Not the whole struct is borrowed: the list of open pools writes to its own part.
    if unsafe { (*pool).owner } != pool {
        return Err(ESP_ERR_INVALID_STATE);
    }
    // SAFETY: open, so the pool was written.
    Ok(unsafe { (*pool).pool.assume_init_ref() })
}

/// Takes over the pool in `memory`, or makes it. O(num_blocks / 16) and O(open retained pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_open(
    pool: *mut memory_pool_retained_t,
    memory: *mut c_void,
    memory_size: usize,
    config: *const memory_pool_retained_config_t,
    found: *mut esp_err_t,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_retained_open";
    let address = pool.cast();
    let refused = move |reason| {
        report_retained(NAME, reason, address);
        reason
    };
    // SAFETY: obligation 2.
    let Some(config) = (unsafe { config.as_ref() }) else { return refused(ESP_ERR_INVALID_ARG) };
    if pool.is_null() || !memory.cast::<usize>().is_aligned() {
        return refused(ESP_ERR_INVALID_ARG);
    }
    let Some(start) = NonNull::new(memory.cast::<u32>()) else { return refused(ESP_ERR_INVALID_ARG) };
    let shape = Shape::new(config.block_size, config.num_blocks).map(|shape| shape.tag(config.tag));
    let Ok(shape) = shape else { return refused(ESP_ERR_INVALID_SIZE) };
    // SAFETY: the struct may be written to, and that of every open pool stays.
    if !unsafe { retained::enter(pool, start.addr().get(), memory_size) } {
        return refused(ESP_ERR_INVALID_STATE);
    }
    // SAFETY: obligation 2: so much memory, aligned. It is the pool's until that is closed, and no other open pool's.
    let opened = unsafe { RetainedPool::open_at(start, memory_size / size_of::<u32>(), shape) };
    let Ok((open, what)) = opened else {
        // SAFETY: entered above, and not open.
        unsafe { retained::leave(pool) };
        return refused(ESP_ERR_INVALID_SIZE);
    };
    // SAFETY: the struct may be written to.
    unsafe {
        (*pool).pool.write(open);
        (*pool).owner = pool;
    }
    let what = match what {
        Found::Intact { .. } => ESP_OK,
        Found::Formatted(fault) => refused(reason_of_fault(fault)),
    };
    if !found.is_null() {
        // SAFETY: obligation 2.
        unsafe { found.write(what) };
    }
    ESP_OK
}

/// Lets go of the memory, in which the pool stays as it is. O(open retained pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_close(pool: *mut memory_pool_retained_t) -> esp_err_t {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(_) => {
            // SAFETY: an open pool, which nobody else uses: obligation 3. It has nothing to drop.
            unsafe { retained::leave(pool) };
            ESP_OK
        }
        Err(reason) => reason,
    }
}

/// Takes a block, or null. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_alloc(pool: *mut memory_pool_retained_t) -> *mut c_void {
    // SAFETY: as for this function.
    let Ok(open) = (unsafe { given(pool) }) else { return null_mut() };
    match open.alloc() {
        Ok(block) => block.as_ptr().cast(),
        Err(microusc_pool::Error::Corrupt) => {
            report_retained(c"memory_pool_retained_alloc", MEMORY_POOL_ERR_CORRUPT, pool.cast());
            null_mut()
        }
        Err(_) => null_mut(),
    }
}

/// Returns a block, or says why not. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_free(
    pool: *mut memory_pool_retained_t,
    block: *mut c_void,
) -> esp_err_t {
    // SAFETY: as for this function; the block is given up by this call.
    let freed = unsafe { given(pool) }.and_then(|open| unsafe { open.free(block.cast()) }.map_err(reason_of));
    freed.err().map_or(ESP_OK, |reason| {
        report_retained(c"memory_pool_retained_free", reason, block);
        reason
    })
}

/// The number of a block, or `SIZE_MAX`. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_index_of(
    pool: *mut memory_pool_retained_t,
    block: *const c_void,
) -> usize {
    // SAFETY: as for this function.
    unsafe { given(pool) }.ok().and_then(|open| open.index_of(block.cast())).unwrap_or(usize::MAX)
}

/// The block in use of this number, or null. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_at(
    pool: *mut memory_pool_retained_t,
    index: usize,
) -> *mut c_void {
    // SAFETY: as for this function.
    let block = unsafe { given(pool) }.ok().and_then(|open| open.address_of(index));
    block.map_or(null_mut(), NonNull::as_ptr).cast()
}

/// The first number of a block in use that is at least `from`, or `SIZE_MAX`. O(num_blocks / 16), a critical section for
/// each 16.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_next_live(
    pool: *mut memory_pool_retained_t,
    from: usize,
) -> usize {
    // SAFETY: as for this function.
    unsafe { given(pool) }.ok().and_then(|open| open.next_live(from)).unwrap_or(usize::MAX)
}

/// Checks what the next start will check. O(num_blocks / 16) inside one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_validate(pool: *mut memory_pool_retained_t) -> esp_err_t {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(open) => open.validate().map_or_else(reason_of_fault, |()| ESP_OK),
        Err(reason) => reason,
    }
}

/// A snapshot. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_get_info(
    pool: *mut memory_pool_retained_t,
    info: *mut memory_pool_retained_info_t,
) -> esp_err_t {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(_) if info.is_null() => ESP_ERR_INVALID_ARG,
        Ok(open) => {
            let RetainedStats {
                stride_bytes, capacity, used, lowest_free, exhausted, refused, damaged, ..
            } = open.stats();
            // SAFETY: obligation 2.
            unsafe {
                info.write(memory_pool_retained_info_t {
                    block_size: stride_bytes,
                    num_blocks: capacity,
                    used_blocks: used,
                    lowest_free,
                    alloc_failures: exhausted,
                    refused_frees: refused,
                    corruptions: damaged,
                });
            }
            ESP_OK
        }
        Err(reason) => reason,
    }
}
