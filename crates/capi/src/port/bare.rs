//! Bare metal: no system below. Everything that this port cannot know, the program tells it (`MicroUSC/port/bare.h`).

mod controls;
mod signal;
mod tasks;

use core::ffi::c_char;
use core::ptr::null_mut;

use super::advice::next_step;
use super::{Limits, MemoryKind};
use crate::abi::ESP_ERR_NO_MEM;

use controls::HOOKS;
pub use controls::{
    microusc_bare_set_clock, microusc_bare_set_heap, microusc_bare_set_wait, microusc_bare_set_writer,
};
pub(crate) use signal::{Signal, task_priority};
pub(crate) use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    system_lock, system_unlock, task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};

/// Always: the log's code and texts are where all code is.
#[inline(always)]
pub(crate) fn may_report() -> bool {
    true
}

/// One kind of RAM, reached by bytes and by peripherals: a chip with more has a port of its own.
pub(crate) fn limits() -> Limits {
    Limits { psram: None, dma_align: size_of::<usize>(), word_iram: false }
}

pub(crate) fn allocate(bytes: usize, align: usize, caps: u32) -> *mut u8 {
    HOOKS.allocate().map_or(null_mut(), |allocate| {
        // SAFETY: the program promised that its function can be called, from tasks; so does the caller.
        unsafe { allocate(bytes, align, caps) }.cast()
    })
}

/// # Safety
///
/// `memory` came from `allocate` and is not used again.
pub(crate) unsafe fn release(memory: *mut u8) {
    if let Some(release) = HOOKS.release() {
        // SAFETY: as the caller promises; the heap does not change while pools exist.
        unsafe { release(memory.cast()) };
    }
}

/// All of it is what pools ask for: [`limits`] refuses every other wish before memory is looked at.
pub(crate) fn kind_of(_memory: *const u8, _bytes: usize) -> MemoryKind {
    MemoryKind::Internal
}

/// What to do about an allocation that failed.
pub(super) fn no_memory_step() -> &'static str {
    if HOOKS.allocate().is_none() {
        return "there is no heap: give memory to memory_pool_init_static, or a heap to microusc_bare_set_heap";
    }
    next_step(ESP_ERR_NO_MEM)
}

/// Hands text to the program's writer.
///
/// # Safety
///
/// There are so many bytes.
pub(super) unsafe fn write(text: *const c_char, length: usize) {
    if let Some(write) = HOOKS.writer() {
        // SAFETY: the program promised that its function can be called from any context; the bytes are the caller's.
        unsafe { write(text, length) };
    }
}

/// The heap is the program's, which knows it.
pub(crate) fn print_heap() {}

/// Microseconds since some moment; 0 without a clock.
fn now_us() -> u64 {
    // SAFETY: the program promised that its function can be called from any context.
    HOOKS.clock().map_or(0, |now_us| unsafe { now_us() })
}

/// Milliseconds since then.
pub(super) fn now_ms() -> u32 {
    thousands(now_us())
}

/// Thousands of a number of 64 bits, by divisions of 32: a core without the wide one would call a library for it.
fn thousands(number: u64) -> u32 {
    let mut quotient = 0u32;
    let mut rest = 0u32;
    for shift in [48, 32, 16, 0] {
        rest = (rest << 16) | ((number >> shift) as u32 & 0xFFFF);
        quotient = (quotient << 16) | (rest / 1000);
        rest %= 1000;
    }
    quotient
}

/// Stays here for ever.
pub(super) fn stop() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
