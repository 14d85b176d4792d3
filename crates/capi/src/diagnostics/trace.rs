//! Traces: the program's callback gets every operation on the pools that it chose. Recordings are made of them.

use core::ffi::{CStr, c_void};
use core::mem::transmute;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use microusc_port as port;

use crate::control::block::Control;
use crate::control::modes::{ENABLED, TRACE};
use crate::control::registry;
use crate::diagnostics::OF_POOL;
use crate::output::report::refuse;
use crate::types::*;

use super::{report_result, switch};

/// What was done.
pub type memory_pool_trace_op_t = u32;
/// A block was allocated.
pub const MEMORY_POOL_TRACE_ALLOC: memory_pool_trace_op_t = 0;
/// A block is freed.
pub const MEMORY_POOL_TRACE_FREE: memory_pool_trace_op_t = 1;
/// An alloc was refused, since no block was free.
pub const MEMORY_POOL_TRACE_REFUSED: memory_pool_trace_op_t = 2;

/// An operation on a pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_event_t {
    /// Microseconds since the start.
    pub time_us: u64,
    /// The pool.
    pub pool: *mut memory_pool_t,
    /// The block, or null.
    pub block: *const c_void,
    /// The requested size in bytes: of the call on a set, or of the pool.
    pub size: usize,
    /// What was done.
    pub operation: memory_pool_trace_op_t,
}

/// What is called for each operation.
pub type memory_pool_trace_callback_t = Option<unsafe extern "C" fn(event: *const memory_pool_event_t)>;

/// The program's callback, or null.
///
/// Stored with release and loaded with acquire: the callback sees what the program wrote before it set the callback, on
/// whichever core it runs. No model checker sees this, since both ends are the program's.
static CALLBACK: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Whether new pools are traced. Relaxed: it orders nothing.
static NEW_POOLS: AtomicBool = AtomicBool::new(false);

/// Whether this pool is traced. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_trace(pool: *mut memory_pool_t, on: bool) -> esp_err_t {
    let result = registry::live(pool).and_then(|control| {
        // SAFETY: `control` is that of `pool`.
        Ok(unsafe { set_trace(pool, control, on) }?)
    });
    report_result(pool, result, c"memory_pool_trace")
}

/// Whether pools are traced that are created from now on. O(1).
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_trace_new_pools(on: bool) -> esp_err_t {
    if on && !ENABLED {
        return not_supported(c"memory_pool_trace_new_pools");
    }
    NEW_POOLS.store(on, Ordering::Relaxed);
    ESP_OK
}

/// Calls `callback` for each operation, outside every lock, in the context of the operation. O(1).
#[unsafe(no_mangle)]
pub extern "C" fn memory_pool_set_trace_callback(callback: memory_pool_trace_callback_t) -> esp_err_t {
    if callback.is_some() && !ENABLED {
        return not_supported(c"memory_pool_set_trace_callback");
    }
    CALLBACK.store(callback.map_or(null_mut(), |function| function as *mut c_void), Ordering::Release);
    ESP_OK
}

fn not_supported(function: &'static CStr) -> esp_err_t {
    refuse(function, ESP_ERR_NOT_SUPPORTED, core::ptr::null())
}

/// Whether new pools are traced.
pub(crate) fn traces_new_pools() -> bool {
    ENABLED && NEW_POOLS.load(Ordering::Relaxed)
}

/// Whether this pool is traced. O(1).
///
/// # Safety
///
/// `control` is that of `pool`.
pub(crate) unsafe fn set_trace(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    on: bool,
) -> Result<(), esp_err_t> {
    if on && !ENABLED {
        return Err(ESP_ERR_NOT_SUPPORTED);
    }
    // Refused if the pool is in that state already, which is no error.
    // SAFETY: as the caller promises.
    let _switched = unsafe { switch(pool, control, TRACE, TRACE, on) };
    Ok(())
}

/// Calls the program's callback; `bytes` is the requested size, or [`OF_POOL`]. O(1), and the time of the callback.
///
/// # Safety
///
/// `control` is that of `pool`, which lives until this returns; the lock is released.
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_emit"))]
pub(super) unsafe fn emit(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: *mut u8,
    bytes: usize,
    operation: memory_pool_trace_op_t,
) {
    let callback = CALLBACK.load(Ordering::Acquire);
    // SAFETY: the only values stored are null and functions of this type; null is `None`.
    let callback: memory_pool_trace_callback_t = unsafe { transmute(callback) };
    let Some(callback) = callback else { return };
    let event = memory_pool_event_t {
        time_us: port::call_context().time_us,
        pool,
        block: block.cast(),
        size: match bytes {
            // SAFETY: a live control block; its requested size does not change.
            OF_POOL => unsafe { (*control.as_ptr()).requested_size },
            asked => asked,
        },
        operation,
    };
    // SAFETY: the function was given for exactly this, and the event lives until it returns.
    unsafe { callback(&event) };
}
