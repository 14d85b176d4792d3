//! What a monitoring system is told.

use core::ffi::c_char;

use crate::abi::*;
use crate::metrics;

/// Sums over all pools, of one moment. O(pools); one critical section. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_metrics(metrics: *mut memory_pool_metrics_t) -> esp_err_t {
    if metrics.is_null() {
        return ESP_ERR_INVALID_ARG;
    }
    // SAFETY: obligation 2.
    unsafe { metrics.write(metrics::sums()) };
    ESP_OK
}

/// Every pool in Prometheus's text format; the length of the whole text. O(pools * (pools + num_blocks)), in critical sections of
/// O(pools + 64). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_metrics_text(buffer: *mut c_char, size: usize) -> usize {
    let size = if buffer.is_null() { 0 } else { size };
    // SAFETY: obligation 2: `size` bytes, or none.
    unsafe { metrics::text(buffer.cast(), size) }
}
