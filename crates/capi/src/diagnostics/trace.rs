//! The program is told of every operation on pools that it asked about: what a recording is made of.

use core::ffi::c_void;
use core::mem::transmute;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::diagnostics::OF_POOL;
use crate::diagnostics::trace_types::*;
use crate::pool::control::Control;
use crate::types::*;
use microusc_port as port;

use super::{TRACE, turn};

/// The program's function, or null.
///
/// Released when it is set and acquired before it is called: what the program wrote before it gave the function is seen by the
/// function, on whichever core that runs. No model checker sees this, since both ends are the program's.
static CALLBACK: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Whether a pool is traced from its making on. Relaxed: it stands for nothing but itself.
static NEW_POOLS: AtomicBool = AtomicBool::new(false);

/// Who is to be told from now on. O(1).
pub(crate) fn set_trace_callback(callback: memory_pool_trace_callback_t) -> Result<(), esp_err_t> {
    CALLBACK.store(callback.map_or(null_mut(), |function| function as *mut c_void), Ordering::Release);
    Ok(())
}

/// Whether the program is told of what pools do that are made from now on. O(1).
pub(crate) fn trace_new_pools(on: bool) -> Result<(), esp_err_t> {
    NEW_POOLS.store(on, Ordering::Relaxed);
    Ok(())
}

/// Whether it is.
pub(crate) fn traces_new_pools() -> bool {
    NEW_POOLS.load(Ordering::Relaxed)
}

/// Whether the program is told of what this pool does. O(1).
///
/// # Safety
///
/// `control` is that of `pool`.
pub(crate) unsafe fn set_trace(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    on: bool,
) -> Result<(), esp_err_t> {
    // As it was, or as it shall be.
    // SAFETY: as the caller promises.
    let _turned = unsafe { turn(pool, control, TRACE, TRACE, on) };
    Ok(())
}

/// Tells the program; `bytes` are those asked for, or [`OF_POOL`]. O(1) and what the program does.
///
/// # Safety
///
/// `control` is that of `pool`, which lives until this returns; the lock is open.
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
            // SAFETY: a live control block; what it was made for does not change.
            OF_POOL => unsafe { (*control.as_ptr()).requested_size },
            asked => asked,
        },
        operation,
    };
    // SAFETY: the function was given for exactly this, and the event lives until it returns.
    unsafe { callback(&event) };
}
