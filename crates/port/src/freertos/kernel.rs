//! The kernel, through the functions of `microusc_port_freertos.h`: what each is for stands there.
//!
//! None is declared `safe`, since what compares this file with the header does not know that word.

use core::ffi::{c_char, c_int, c_void};
use core::ptr::null;

use microusc_drivers::{Driver, Entry};

use crate::types::CallContext;

/// Words that a semaphore of the kernel takes at most, whatever its configuration. The name of the function that makes
/// one says so too, and the C file compares.
pub(super) const SEMAPHORE_WORDS: usize = 32;

unsafe extern "C" {
    fn microusc_freertos_may_wait() -> c_int;
    fn microusc_freertos_priority() -> u8;
    fn microusc_freertos_now_ms() -> u32;
    fn microusc_freertos_moment(task: *mut *const c_void, in_interrupt: *mut c_int) -> u64;
    fn microusc_freertos_stop() -> !;
    fn microusc_freertos_allocate(bytes: usize) -> *mut c_void;
    fn microusc_freertos_release(memory: *mut c_void);
    fn microusc_freertos_heap(free: *mut usize, least: *mut usize);
    fn microusc_freertos_sizes(task: *mut usize, semaphore: *mut usize, least_stack: *mut usize);
    fn microusc_freertos_system_lock() -> c_int;
    fn microusc_freertos_system_unlock();
    pub(super) fn microusc_freertos_task_start(
        name: *const c_char,
        entry: Entry,
        driver: *mut Driver,
        priority: u32,
        core: i32,
        stack: *mut u8,
        stack_bytes: usize,
        memory: *mut u8,
    ) -> *mut c_void;
    pub(super) fn microusc_freertos_task_stop(task: *mut c_void);
    pub(super) fn microusc_freertos_task_pause(task: *mut c_void);
    pub(super) fn microusc_freertos_task_resume(task: *mut c_void);
    fn microusc_freertos_task_is_current(task: *mut c_void) -> c_int;

    fn microusc_freertos_open_32_words(semaphore: *mut c_void);
    fn microusc_freertos_close(semaphore: *mut c_void);
    fn microusc_freertos_wait(semaphore: *mut c_void);
    fn microusc_freertos_wait_for(semaphore: *mut c_void, milliseconds: u32) -> c_int;
    fn microusc_freertos_give(semaphore: *mut c_void);
}

/// Whether the caller may sleep. From any context.
pub(super) fn may_wait() -> bool {
    // SAFETY: it may be called from any context.
    unsafe { microusc_freertos_may_wait() != 0 }
}

/// Of the calling task; 0 where waiting is not possible. From any context.
pub fn task_priority() -> u8 {
    // SAFETY: it may be called from any context.
    unsafe { microusc_freertos_priority() }
}

/// Milliseconds since the scheduler started. From any context.
pub(super) fn now_ms() -> u32 {
    // SAFETY: it may be called from any context.
    unsafe { microusc_freertos_now_ms() }
}

/// Where and when the caller runs, on the one core that the kernel has. From any context.
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_freertos_moment"))]
pub fn call_context() -> CallContext {
    let (mut task, mut in_interrupt) = (null(), 0);
    // SAFETY: it writes both, and may be called from any context.
    let time_us = unsafe { microusc_freertos_moment(&mut task, &mut in_interrupt) };
    CallContext { time_us, task, core: 0, in_interrupt: in_interrupt != 0 }
}

/// What the program does about failed assertions.
pub(super) fn stop() -> ! {
    // SAFETY: it may be called from any context.
    unsafe { microusc_freertos_stop() }
}

/// Memory aligned as the kernel aligns, or null. From tasks.
pub(super) fn allocate(bytes: usize) -> *mut u8 {
    // SAFETY: there is nothing to promise but the context.
    unsafe { microusc_freertos_allocate(bytes) }.cast()
}

/// # Safety
///
/// `memory` came from [`allocate`] and is not used again. From tasks.
pub(super) unsafe fn release(memory: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe { microusc_freertos_release(memory.cast()) }
}

/// What the kernel's heap knows of itself; `usize::MAX`: nothing.
pub(super) struct Heap {
    pub(super) free: usize,
    pub(super) least: usize,
}

/// From tasks.
pub(super) fn heap() -> Heap {
    let mut heap = Heap { free: 0, least: 0 };
    // SAFETY: it writes both.
    unsafe { microusc_freertos_heap(&mut heap.free, &mut heap.least) };
    heap
}

/// What the kernel needs, in bytes; aligned to 8.
pub(super) struct Sizes {
    pub(super) task: usize,
    pub(super) semaphore: usize,
    pub(super) least_stack: usize,
}

/// From any context.
pub(super) fn sizes() -> Sizes {
    let mut sizes = Sizes { task: 0, semaphore: 0, least_stack: 0 };
    // SAFETY: it writes all of them.
    unsafe { microusc_freertos_sizes(&mut sizes.task, &mut sizes.semaphore, &mut sizes.least_stack) };
    sizes
}

/// The lock of the system layer, unless waiting is not possible here. From any context.
pub fn system_lock() -> bool {
    // SAFETY: it may be called from any context.
    unsafe { microusc_freertos_system_lock() != 0 }
}

/// By the context that holds the lock.
pub fn system_unlock() {
    // SAFETY: it was taken; where it was not, the kernel refuses.
    unsafe { microusc_freertos_system_unlock() }
}

/// Whether it is this task that asks. From tasks.
pub(super) fn is_current(task: *mut c_void) -> bool {
    // SAFETY: the address is compared and nothing else.
    unsafe { microusc_freertos_task_is_current(task) != 0 }
}

/// A binary semaphore, where it lies.
///
/// # Safety
///
/// Of each function but `open`: `at` was opened, and not closed since, and did not move. Of `open`: there is as much memory
/// as the kernel needs, [`SEMAPHORE_WORDS`] words at most, aligned to 8, that nothing else uses.
pub(super) mod semaphore {
    use super::{
        microusc_freertos_close, microusc_freertos_give, microusc_freertos_open_32_words,
        microusc_freertos_wait, microusc_freertos_wait_for,
    };

    /// # Safety
    ///
    /// As the module says.
    pub(crate) unsafe fn open(at: *mut usize) {
        // SAFETY: as the caller promises.
        unsafe { microusc_freertos_open_32_words(at.cast()) }
    }

    /// # Safety
    ///
    /// As the module says; no task waits.
    pub(crate) unsafe fn close(at: *mut usize) {
        // SAFETY: as the caller promises.
        unsafe { microusc_freertos_close(at.cast()) }
    }

    /// Whether it was given; `false` after all of the milliseconds, of which `None` are endless.
    ///
    /// # Safety
    ///
    /// As the module says; where [`may_wait`](super::may_wait) says so.
    pub(crate) unsafe fn wait(at: *mut usize, milliseconds: Option<u32>) -> bool {
        // SAFETY: as the caller promises.
        unsafe {
            match milliseconds {
                Some(milliseconds) => microusc_freertos_wait_for(at.cast(), milliseconds) != 0,
                None => {
                    microusc_freertos_wait(at.cast());
                    true
                }
            }
        }
    }

    /// # Safety
    ///
    /// As the module says.
    pub(crate) unsafe fn give(at: *mut usize) {
        // SAFETY: as the caller promises.
        unsafe { microusc_freertos_give(at.cast()) }
    }
}
