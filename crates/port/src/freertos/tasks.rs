//! Tasks and semaphores of the system layer: the kernel's, in the memory that the layer gives.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::NonNull;

use microusc_drivers::TaskConfig;

use super::kernel::{self, semaphore};

/// As the C file aligns them, or less; whatever the kernel keeps is far smaller than what has no layout.
fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, align_of::<u64>()).unwrap_or(Layout::new::<u64>())
}

pub fn task_memory() -> Layout {
    layout(kernel::sizes().task)
}

pub fn semaphore_memory() -> Layout {
    layout(kernel::sizes().semaphore)
}

pub fn least_stack() -> usize {
    kernel::sizes().least_stack
}

/// # Safety
///
/// The memory is as [`semaphore_memory`] says, and the semaphore's until its end.
pub unsafe fn semaphore_create(memory: NonNull<u8>) -> Option<NonNull<c_void>> {
    // SAFETY: as much memory as the kernel asked for, aligned.
    unsafe { semaphore::open(memory.as_ptr().cast()) };
    // The kernel's handle of a semaphore in given memory is its address.
    Some(memory.cast())
}

/// # Safety
///
/// It was created here, and no task waits for it.
pub unsafe fn semaphore_delete(semaphore: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { semaphore::close(semaphore.as_ptr().cast()) };
}

/// # Safety
///
/// It was created here, and is not deleted meanwhile unless the calling task is stopped first.
pub unsafe fn semaphore_wait(semaphore: NonNull<c_void>, timeout_ms: u32) -> bool {
    let longest = (timeout_ms < u32::MAX).then_some(timeout_ms);
    // SAFETY: as the caller promises; the caller may wait.
    kernel::may_wait() && unsafe { semaphore::wait(semaphore.as_ptr().cast(), longest) }
}

/// # Safety
///
/// It was created here, and is not deleted.
pub unsafe fn semaphore_give(semaphore: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { semaphore::give(semaphore.as_ptr().cast()) };
}

/// # Safety
///
/// As `Platform::start`.
pub unsafe fn task_start(config: &TaskConfig) -> Option<NonNull<c_void>> {
    let TaskConfig { name, entry, driver, priority, core, stack, stack_bytes, memory } = *config;
    // SAFETY: all of it is the task's until it was stopped, as the caller promises; sizes are as asked for here.
    let task = unsafe {
        kernel::microusc_freertos_task_start(
            name,
            entry,
            driver,
            priority,
            core,
            stack.as_ptr(),
            stack_bytes,
            memory.as_ptr(),
        )
    };
    NonNull::new(task)
}

/// # Safety
///
/// As `Platform::stop`.
pub unsafe fn task_stop(task: NonNull<c_void>) -> bool {
    // SAFETY: a task that was started and not stopped, and not the caller's.
    unsafe { kernel::microusc_freertos_task_stop(task.as_ptr()) };
    true
}

/// # Safety
///
/// As `Platform::pause`.
pub unsafe fn task_pause(task: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { kernel::microusc_freertos_task_pause(task.as_ptr()) };
}

/// # Safety
///
/// As `Platform::resume`.
pub unsafe fn task_resume(task: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { kernel::microusc_freertos_task_resume(task.as_ptr()) };
}

pub fn task_is_current(task: NonNull<c_void>) -> bool {
    kernel::is_current(task.as_ptr())
}
