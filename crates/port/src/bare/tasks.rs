//! The kernel below the system layer: there is none. The layer's lock cannot be had, so every function of it that would
//! need a task refuses, and nothing below is reached.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::NonNull;

use microusc_drivers::TaskConfig;

pub fn system_lock() -> bool {
    false
}

pub fn system_unlock() {}

pub fn task_memory() -> Layout {
    Layout::new::<usize>()
}

pub fn semaphore_memory() -> Layout {
    Layout::new::<usize>()
}

pub fn least_stack() -> usize {
    usize::MAX
}

/// # Safety
///
/// None: there are no semaphores.
pub unsafe fn semaphore_create(_memory: NonNull<u8>) -> Option<NonNull<c_void>> {
    None
}

/// # Safety
///
/// None: there are no semaphores.
pub unsafe fn semaphore_delete(_semaphore: NonNull<c_void>) {}

/// # Safety
///
/// None: there are no semaphores.
pub unsafe fn semaphore_wait(_semaphore: NonNull<c_void>, _timeout_ms: u32) -> bool {
    false
}

/// # Safety
///
/// None: there are no semaphores.
pub unsafe fn semaphore_give(_semaphore: NonNull<c_void>) {}

/// # Safety
///
/// None: there are no tasks.
pub unsafe fn task_start(_config: &TaskConfig) -> Option<NonNull<c_void>> {
    None
}

/// # Safety
///
/// None: there are no tasks.
pub unsafe fn task_stop(_task: NonNull<c_void>) -> bool {
    true
}

/// # Safety
///
/// None: there are no tasks.
pub unsafe fn task_pause(_task: NonNull<c_void>) {}

/// # Safety
///
/// None: there are no tasks.
pub unsafe fn task_resume(_task: NonNull<c_void>) {}

pub fn task_is_current(_task: NonNull<c_void>) -> bool {
    false
}
