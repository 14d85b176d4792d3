//! Making and ending pools. From tasks only.

use core::ffi::{CStr, c_void};
use core::ptr::{null, null_mut};

use super::leaks::print_owners;
use crate::abi::*;
use crate::create::{self, Home};
use crate::registry;
use crate::report::report;

const fn config(block_size: usize, num_blocks: usize, placement: u32, flags: u32) -> memory_pool_config_t {
    memory_pool_config_t { block_size, num_blocks, placement, flags, name: null() }
}

/// Makes a pool in the caller's struct, with a report if that fails.
///
/// # Safety
///
/// As [`create::create`].
unsafe fn init(
    function: &'static CStr,
    pool: *mut memory_pool_t,
    config: &memory_pool_config_t,
) -> Result<(), esp_err_t> {
    let made = if pool.is_null() {
        Err(ESP_ERR_INVALID_ARG)
    } else {
        // SAFETY: as the caller promises.
        unsafe { create::create(Home::Caller(pool), config) }
    };
    tell(function, made.map(|_| ()), pool.cast())
}

/// Makes a pool on the heap, with a report if that fails.
///
/// # Safety
///
/// The name in `config` is null or a C string.
unsafe fn malloc(
    function: &'static CStr,
    config: &memory_pool_config_t,
) -> Result<*mut memory_pool_t, esp_err_t> {
    // SAFETY: as the caller promises.
    tell(function, unsafe { create::create(Home::Heap, config) }, null())
}

fn tell<T>(
    function: &'static CStr,
    result: Result<T, esp_err_t>,
    address: *const c_void,
) -> Result<T, esp_err_t> {
    if let Err(reason) = result {
        report(function, reason, c"".as_ptr(), address, 0);
    }
    result
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
    // SAFETY: obligation 2.
    let Some(config) = (unsafe { config.as_ref() }) else {
        report(c"memory_pool_init_config", ESP_ERR_INVALID_ARG, c"".as_ptr(), pool.cast(), 0);
        return ESP_ERR_INVALID_ARG;
    };
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
    let made = if pool.is_null() || buffer.is_null() {
        Err(ESP_ERR_INVALID_ARG)
    } else {
        let config = config(block_size, num_blocks, DRAM, 0);
        // SAFETY: obligations 1 and 2; the buffer is the pool's until that ends.
        unsafe { create::create_static(pool, (buffer.cast(), buffer_size), &config) }
    };
    tell(c"memory_pool_init_static", made, pool.cast()).err().unwrap_or(ESP_OK)
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
    let made = match unsafe { config.as_ref() } {
        // SAFETY: obligation 2.
        Some(config) => unsafe { malloc(NAME, config) },
        None => tell(NAME, Err(ESP_ERR_INVALID_ARG), null()),
    };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(made.err().unwrap_or(ESP_OK)) };
    }
    made.unwrap_or(null_mut())
}

/// Ends a pool, whatever is in use. O(pools), and O(num_blocks) while records are kept.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_destroy(pool: *mut memory_pool_t) {
    // SAFETY: obligation 3.
    let _reported = unsafe { destroy(c"memory_pool_destroy", pool, false) };
}

/// Ends a pool of which nothing is in use. O(pools).
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
    // Before the end, and before anything is known of the struct but its address.
    if registry::contains(pool) {
        // SAFETY: a live pool.
        unsafe { print_owners(pool) };
    }
    // SAFETY: as the caller promises.
    match unsafe { create::end(pool, only_unused) } {
        None => {
            report(function, ESP_ERR_INVALID_STATE, c"".as_ptr(), pool.cast(), 0);
            ESP_ERR_INVALID_STATE
        }
        Some(ended) if ended.needed => {
            report(function, ESP_ERR_INVALID_STATE, ended.name.as_ptr(), pool.cast(), 0);
            ESP_ERR_INVALID_STATE
        }
        Some(ended) if ended.in_use > 0 => {
            report(function, MEMORY_POOL_ERR_IN_USE, ended.name.as_ptr(), pool.cast(), ended.in_use);
            MEMORY_POOL_ERR_IN_USE
        }
        Some(_) => ESP_OK,
    }
}
