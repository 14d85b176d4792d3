//! Bare metal: no system below. Everything that this port cannot know, the program tells it (`MicroUSC/port/bare.h`).

#[cfg_attr(all(target_arch = "arm", not(feature = "mask-functions")), path = "bare/context_arm.rs")]
mod context;
mod controls;
mod signal;
mod tasks;

use core::ffi::c_char;
use core::ptr::{null, null_mut};

use super::advice::next_step;
use super::{Limits, MemoryKind, Moment};
use crate::abi::ESP_ERR_NO_MEM;
use crate::text::divided;

pub(crate) use context::in_interrupt;
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

/// Not unless the program says so.
pub(crate) fn fills_free_blocks() -> bool {
    false
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
    divided(now_us(), 1000).0 as u32
}

/// There are no tasks; the program's clock is asked wherever blocks are taken, so it has to lie in instruction RAM with the
/// rest. Which core, and whether in an interrupt, nobody knows here.
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_bare_moment"))]
pub(crate) fn moment() -> Moment {
    Moment { time_us: now_us(), task: null(), core: 0, in_interrupt: false }
}

/// Stays here for ever.
pub(super) fn stop() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
