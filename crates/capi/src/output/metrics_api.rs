//! What a monitoring system is told.

use core::ffi::{CStr, c_char};
use core::ptr::null;

use crate::output::metrics;
use crate::output::metrics_types::*;
use crate::output::report::{from_task, refuse};
use crate::pool::refusal;
use crate::types::*;

/// Sums over all pools, of one moment. O(pools); one critical section. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_metrics(metrics: *mut memory_pool_metrics_t) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_get_metrics";
    if let Err(refusal) = from_task(NAME, null()) {
        return refusal.reason;
    }
    if metrics.is_null() {
        return refuse(NAME, refusal::NULL_POINTER, null());
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
    if from_task(c"memory_pool_metrics_text", null()).is_err() {
        if size > 0 {
            // SAFETY: obligation 2.
            unsafe { buffer.write(0) };
        }
        return 0;
    }
    // SAFETY: obligation 2: `size` bytes, or none.
    unsafe { metrics::text(buffer.cast(), size) }
}
