//! ESP-IDF. What its headers say as macros and inline functions, `port_esp_idf.c` says as functions, which `shim` declares.

#[cfg(feature = "portmux")]
mod lock_portmux;
mod panic;
mod shim;
mod signal;
mod tasks;

use core::ffi::CStr;
use core::ptr::null;

use crate::text::Output;
use crate::types::{CallContext, Limits, MemoryKind, PsramLimits, memory_pool_report_t};

#[cfg(not(feature = "portmux"))]
pub use crate::masked_lock::PortLock;
#[cfg(feature = "portmux")]
pub use lock_portmux::PortLock;
pub use signal::{Signal, task_priority};
pub use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    system_lock, system_unlock, task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};

/// Not while the flash cache is off: a refusal is only counted then.
#[inline(always)]
pub fn may_report() -> bool {
    // SAFETY: from any context; in instruction RAM.
    unsafe { shim::microusc_esp_idf_may_report() }
}

/// As the kernel says.
pub fn in_interrupt() -> bool {
    call_context().in_interrupt
}

pub fn limits() -> Limits {
    let mut limits = shim::microusc_esp_idf_limits_t::default();
    // SAFETY: it fills the struct in.
    unsafe { shim::microusc_esp_idf_limits(&mut limits) };
    let psram = PsramLimits { dma: limits.psram_dma != 0, line: limits.psram_line };
    Limits {
        psram: (limits.psram != 0).then_some(psram),
        dma_align: limits.dma_align,
        word_iram: limits.word_iram != 0,
    }
}

pub fn allocate(bytes: usize, align: usize, caps: u32) -> *mut u8 {
    // SAFETY: alignments here are powers of two; from tasks, as the caller promises.
    unsafe { shim::microusc_esp_idf_allocate(bytes, align, caps) }.cast()
}

/// # Safety
///
/// `memory` came from `allocate` and is not used again.
pub unsafe fn release(memory: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe { shim::microusc_esp_idf_release(memory.cast()) };
}

pub fn kind_of(memory: *const u8, bytes: usize) -> MemoryKind {
    // SAFETY: it looks at addresses, not at what they point to.
    match unsafe { shim::microusc_esp_idf_kind_of(memory.cast(), bytes) } {
        shim::INTERNAL => MemoryKind::Internal,
        shim::INTERNAL_WORDS => MemoryKind::InternalWords,
        shim::EXTERNAL => MemoryKind::External,
        _ => MemoryKind::Other,
    }
}

/// As menuconfig says of new pools.
pub fn fills_free_blocks() -> bool {
    // SAFETY: from any context.
    unsafe { shim::microusc_esp_idf_fills_free_blocks() }
}

/// From any context; in instruction RAM, as all that it asks of ESP-IDF.
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_esp_idf_moment"))]
pub fn call_context() -> CallContext {
    let (mut task, mut core, mut in_interrupt) = (null(), 0, false);
    // SAFETY: it writes all three.
    let time_us = unsafe { shim::microusc_esp_idf_moment(&mut task, &mut core, &mut in_interrupt) };
    CallContext { time_us, task, core, in_interrupt }
}

/// The heap is ESP-IDF's, for good.
pub fn pools_exist(_exist: bool) {}

pub fn log(report: &memory_pool_report_t, reason: &CStr, step: &str) {
    // SAFETY: the strings of reports and reasons are C strings, the step is as long as said, and all live for the call.
    unsafe { shim::microusc_esp_idf_log(report, reason.as_ptr(), step.as_ptr().cast(), step.len()) };
}

/// The output of [`print`].
pub struct Console;

impl Output for Console {
    fn print(text: &[u8]) {
        print(text);
    }
}

pub fn print(text: &[u8]) {
    // SAFETY: so many bytes are there; from tasks, as this function.
    unsafe { shim::microusc_esp_idf_print(text.as_ptr().cast(), text.len()) };
}

pub fn print_heap() {
    // SAFETY: from tasks, as this function.
    unsafe { shim::microusc_esp_idf_print_heap() };
}
