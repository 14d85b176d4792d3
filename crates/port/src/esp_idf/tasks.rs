//! Tasks and semaphores of the system layer: the kernel's, in the memory that the layer gives.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::NonNull;

use microusc_drivers::TaskConfig;

use super::shim;

/// What the kernel needs, in bytes.
#[derive(Default)]
struct Sizes {
    task: usize,
    semaphore: usize,
    least_stack: usize,
}

fn sizes() -> Sizes {
    let mut sizes = Sizes::default();
    // SAFETY: it writes all of them.
    unsafe { shim::microusc_esp_idf_sizes(&mut sizes.task, &mut sizes.semaphore, &mut sizes.least_stack) };
    sizes
}

/// As the C file aligns them, or more; whatever the kernel keeps is far smaller than what has no layout.
fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, 8).unwrap_or(Layout::new::<u64>())
}

pub fn system_lock() -> bool {
    // SAFETY: from any context.
    unsafe { shim::microusc_esp_idf_system_lock() }
}

pub fn system_unlock() {
    // SAFETY: called by the context that acquired the lock.
    unsafe { shim::microusc_esp_idf_system_unlock() };
}

pub fn task_memory() -> Layout {
    layout(sizes().task)
}

pub fn semaphore_memory() -> Layout {
    layout(sizes().semaphore)
}

pub fn least_stack() -> usize {
    sizes().least_stack
}

/// # Safety
///
/// The memory is as [`semaphore_memory`] says, and the semaphore's until its end.
pub unsafe fn semaphore_create(memory: NonNull<u8>) -> Option<NonNull<c_void>> {
    // SAFETY: as much memory as the kernel asked for, aligned.
    NonNull::new(unsafe { shim::microusc_esp_idf_open_36_words(memory.as_ptr().cast()) })
}

/// # Safety
///
/// It was created here, and no task waits for it.
pub unsafe fn semaphore_delete(semaphore: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { shim::microusc_esp_idf_close(semaphore.as_ptr()) };
}

/// # Safety
///
/// It was created here, and is not deleted meanwhile unless the calling task is stopped first.
pub unsafe fn semaphore_wait(semaphore: NonNull<c_void>, timeout_ms: u32) -> bool {
    // SAFETY: from any context.
    if !unsafe { shim::microusc_esp_idf_may_wait() } {
        return false;
    }
    // SAFETY: as the caller promises; the caller may wait.
    unsafe {
        if timeout_ms == u32::MAX {
            shim::microusc_esp_idf_wait(semaphore.as_ptr());
            return true;
        }
        shim::microusc_esp_idf_wait_for(semaphore.as_ptr(), timeout_ms)
    }
}

/// # Safety
///
/// It was created here, and is not deleted.
pub unsafe fn semaphore_give(semaphore: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { shim::microusc_esp_idf_give(semaphore.as_ptr()) };
}

/// # Safety
///
/// As `Platform::start`.
pub unsafe fn task_start(config: &TaskConfig) -> Option<NonNull<c_void>> {
    let TaskConfig { name, entry, driver, priority, core, stack, stack_bytes, memory } = *config;
    let (stack, memory) = (stack.as_ptr(), memory.as_ptr());
    // SAFETY: all of it is the task's until it was stopped, as the caller promises; sizes are as asked for here.
    NonNull::new(unsafe {
        shim::microusc_esp_idf_task_start(name, entry, driver, priority, core, stack, stack_bytes, memory)
    })
}

/// # Safety
///
/// As `Platform::stop`.
pub unsafe fn task_stop(task: NonNull<c_void>) -> bool {
    // SAFETY: a task that was started, did not stop yet, and is not the caller's.
    unsafe { shim::microusc_esp_idf_task_stop(task.as_ptr()) }
}

/// # Safety
///
/// As `Platform::pause`.
pub unsafe fn task_pause(task: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { shim::microusc_esp_idf_task_pause(task.as_ptr()) };
}

/// # Safety
///
/// As `Platform::resume`.
pub unsafe fn task_resume(task: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { shim::microusc_esp_idf_task_resume(task.as_ptr()) };
}

pub fn task_is_current(task: NonNull<c_void>) -> bool {
    // SAFETY: it compares addresses.
    unsafe { shim::microusc_esp_idf_task_is_current(task.as_ptr()) }
}
