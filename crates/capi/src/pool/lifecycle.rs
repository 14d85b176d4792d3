//! Making and ending pools. From tasks only.

use core::ffi::{CStr, c_void};
use core::ptr::{null, null_mut};

use crate::diagnostics::leaks::print_owners;
use crate::output::report::{from_task, refuse, report};
use crate::pool::create::{self, Home};
use crate::pool::refusal::{self, Refusal};
use crate::pool::registry;
use crate::types::*;

const fn config(block_size: usize, num_blocks: usize, placement: u32, flags: u32) -> memory_pool_config_t {
    memory_pool_config_t { block_size, num_blocks, placement, flags, name: null() }
}

/// Makes a pool in the caller's struct, with a report if that fails.
///
/// # Safety
///
/// As [`create::create`]; the configuration may be null.
unsafe fn init(
    function: &'static CStr,
    pool: *mut memory_pool_t,
    config: *const memory_pool_config_t,
) -> Result<(), esp_err_t> {
    made(function, pool.cast(), || {
        if pool.is_null() {
            return Err(refusal::NULL_POINTER);
        }
        // SAFETY: as the caller promises, here and below.
        let config = unsafe { config.as_ref() }.ok_or(refusal::NULL_POINTER)?;
        // SAFETY: as above.
        unsafe { create::create(Home::Caller(pool), config) }.map(drop)
    })
}

/// Makes a pool on the heap, with a report if that fails.
///
/// # Safety
///
/// The configuration is null, or its name is null or a C string.
unsafe fn malloc(
    function: &'static CStr,
    config: *const memory_pool_config_t,
) -> Result<*mut memory_pool_t, esp_err_t> {
    made(function, null(), || {
        // SAFETY: as the caller promises, here and below.
        let config = unsafe { config.as_ref() }.ok_or(refusal::NULL_POINTER)?;
        // SAFETY: as above.
        unsafe { create::create(Home::Heap, config) }
    })
}

/// What `make` returned, in a task, with a report of a refusal.
fn made<T>(
    function: &'static CStr,
    address: *const c_void,
    make: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, esp_err_t> {
    from_task(function, address)?;
    make().map_err(|why| refuse(function, why, address))
}

/// Makes a pool in internal, DMA-capable RAM. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init(
    pool: *mut memory_pool_t,
    block_size: usize,
    num_blocks: usize,
) -> bool {
    let config = config(block_size, num_blocks, DRAM, MEMORY_POOL_FLAG_DMA);
    // SAFETY: obligations 1 and 2.
    unsafe { init(c"memory_pool_init", pool, &config) }.is_ok()
}

/// Makes a pool in the memory named. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init_placed(
    pool: *mut memory_pool_t,
    block_size: usize,
    num_blocks: usize,
    placement: memory_placement_t,
) -> bool {
    // SAFETY: obligations 1 and 2.
    unsafe { init(c"memory_pool_init_placed", pool, &config(block_size, num_blocks, placement, 0)) }.is_ok()
}

/// Makes a pool as the configuration says. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init_config(
    pool: *mut memory_pool_t,
    config: *const memory_pool_config_t,
) -> esp_err_t {
    // SAFETY: obligations 1 and 2.
    unsafe { init(c"memory_pool_init_config", pool, config) }.err().unwrap_or(ESP_OK)
}

/// Makes a pool in the caller's memory. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init_static(
    pool: *mut memory_pool_t,
    buffer: *mut c_void,
    buffer_size: usize,
    block_size: usize,
    num_blocks: usize,
) -> esp_err_t {
    let done = made(c"memory_pool_init_static", pool.cast(), || {
        if pool.is_null() || buffer.is_null() {
            return Err(refusal::NULL_POINTER);
        }
        let config = config(block_size, num_blocks, DRAM, 0);
        // SAFETY: obligations 1 and 2; the buffer is the pool's until that ends.
        unsafe { create::create_static(pool, (buffer.cast(), buffer_size), &config) }
    });
    done.err().unwrap_or(ESP_OK)
}

/// Makes a pool, struct included, in internal, DMA-capable RAM. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_malloc(block_size: usize, num_blocks: usize) -> *mut memory_pool_t {
    let config = config(block_size, num_blocks, DRAM, MEMORY_POOL_FLAG_DMA);
    // SAFETY: the configuration has no name.
    unsafe { malloc(c"memory_pool_malloc", &config) }.unwrap_or(null_mut())
}

/// Makes a pool, struct included, with its blocks in the memory named. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_malloc_placed(
    block_size: usize,
    num_blocks: usize,
    placement: memory_placement_t,
) -> *mut memory_pool_t {
    // SAFETY: the configuration has no name.
    unsafe { malloc(c"memory_pool_malloc_placed", &config(block_size, num_blocks, placement, 0)) }
        .unwrap_or(null_mut())
}

/// Makes a pool, struct included, as the configuration says. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_malloc_config(
    config: *const memory_pool_config_t,
    reason: *mut esp_err_t,
) -> *mut memory_pool_t {
    const NAME: &CStr = c"memory_pool_malloc_config";
    // SAFETY: obligation 2.
    let made = unsafe { malloc(NAME, config) };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(made.err().unwrap_or(ESP_OK)) };
    }
    made.unwrap_or(null_mut())
}

/// Ends a pool, whatever is in use. O(pools + num_blocks), in critical sections of O(pools) and O(64).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_destroy(pool: *mut memory_pool_t) {
    // SAFETY: obligation 3.
    let _reported = unsafe { destroy(c"memory_pool_destroy", pool, false) };
}

/// Ends a pool of which nothing is in use. O(pools * num_blocks / 64), in critical sections of O(pools + 64).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_destroy_unused(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 3.
    unsafe { destroy(c"memory_pool_destroy_unused", pool, true) }
}

/// # Safety
///
/// As [`create::end`].
unsafe fn destroy(function: &'static CStr, pool: *mut memory_pool_t, only_unused: bool) -> esp_err_t {
    if pool.is_null() {
        return if only_unused { ESP_ERR_INVALID_ARG } else { ESP_OK };
    }
    if let Err(refusal) = from_task(function, pool.cast()) {
        return refusal.reason;
    }
    let show = |fields: &mut memory_pool_t, control, in_use| {
        if in_use > 0 {
            // SAFETY: the pool is off the registry, and nobody else's; the fields are those of its struct.
            unsafe { print_owners(fields, control, true) };
        }
    };
    // SAFETY: as the caller promises.
    let ended = unsafe { create::end(pool, only_unused, show) };
    let Some(ended) = ended else {
        // SAFETY: obligation 1: a struct, whatever it holds.
        return if unsafe { is_zeroed(pool) } {
            ESP_ERR_INVALID_STATE
        } else {
            refuse(function, refusal::NOT_A_POOL, pool.cast())
        };
    };
    if let Some(refusal) = ended.refusal() {
        report(function, refusal, ended.name.as_ptr(), pool.cast(), 0);
        return refusal.reason;
    }
    if ended.in_use == 0 {
        return ESP_OK;
    }
    if only_unused && let Ok(control) = registry::live(pool) {
        // SAFETY: a live pool, which is left as it is.
        unsafe { print_owners(pool, control, false) };
    }
    report(function, MEMORY_POOL_ERR_IN_USE, ended.name.as_ptr(), pool.cast(), ended.in_use);
    MEMORY_POOL_ERR_IN_USE
}

/// Whether every byte of a struct is zero: it never was a pool, or was one and ended.
///
/// # Safety
///
/// `place` may be read.
pub(crate) unsafe fn is_zeroed<T>(place: *const T) -> bool {
    // SAFETY: as the caller promises, byte by byte: they may be any.
    (0..size_of::<T>()).all(|at| unsafe { place.cast::<u8>().add(at).read() } == 0)
}
