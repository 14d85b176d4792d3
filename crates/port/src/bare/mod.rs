//! Bare metal: no system below. What this port cannot know comes from hooks that the program sets (`MicroUSC/port/bare.h`).

#[cfg_attr(all(target_arch = "arm", not(feature = "mask-functions")), path = "context_arm.rs")]
mod context;
mod controls;
mod signal;
mod tasks;

use core::ffi::CStr;
use core::panic::PanicInfo;
use core::ptr::{null, null_mut};

use crate::log::write_line;
use crate::text::{Line, Output, Text, divided};
use crate::types::{CallContext, ESP_ERR_NO_MEM, Limits, MemoryKind, memory_pool_report_t};

#[cfg(target_os = "none")]
pub use crate::masked_lock::PortLock;
pub use context::in_interrupt;
use controls::{HOOKS, now_us};
pub use controls::{
    microusc_bare_set_clock, microusc_bare_set_heap, microusc_bare_set_wait, microusc_bare_set_writer,
    pools_exist,
};
pub use signal::{Signal, task_priority};
pub use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    system_lock, system_unlock, task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};

/// Always: the log's code and texts are where all code is.
#[inline(always)]
pub fn may_report() -> bool {
    true
}

/// One kind of RAM, reached by bytes and by peripherals: a chip with more has a port of its own.
pub fn limits() -> Limits {
    Limits { psram: None, dma_align: size_of::<usize>(), word_iram: false }
}

pub fn allocate(bytes: usize, align: usize, caps: u32) -> *mut u8 {
    HOOKS.allocate().map_or(null_mut(), |allocate| {
        // SAFETY: the program promised that its function can be called, from tasks; so does the caller.
        unsafe { allocate(bytes, align, caps) }.cast()
    })
}

/// # Safety
///
/// `memory` came from `allocate` and is not used again.
pub unsafe fn release(memory: *mut u8) {
    if let Some(release) = HOOKS.release() {
        // SAFETY: as the caller promises; the heap does not change while pools exist.
        unsafe { release(memory.cast()) };
    }
}

/// All of it is what pools ask for: [`limits`] refuses every other request before memory is looked at.
pub fn kind_of(_memory: *const u8, _bytes: usize) -> MemoryKind {
    MemoryKind::Internal
}

/// Not unless the program says so.
pub fn fills_free_blocks() -> bool {
    false
}

pub fn log(report: &memory_pool_report_t, reason: &CStr, step: &str) {
    let step = match report.reason {
        ESP_ERR_NO_MEM if HOOKS.allocate().is_none() => {
            "there is no heap: give memory to memory_pool_init_static, or a heap to microusc_bare_set_heap"
        }
        _ => step,
    };
    write_line(&mut Line::<Console>::new(), divided(now_us(), 1000).0 as u32 as usize, report, reason, step);
}

/// The output of [`print`].
pub struct Console;

impl Output for Console {
    fn print(text: &[u8]) {
        print(text);
    }
}

/// Output goes where log lines go.
pub fn print(text: &[u8]) {
    if let Some(write) = HOOKS.writer() {
        // SAFETY: the program promised that its function can be called from any context; so many bytes are there.
        unsafe { write(text.as_ptr().cast(), text.len()) };
    }
}

/// The heap is the program's, which knows it.
pub fn print_heap() {}

/// There are no tasks; the program's clock is asked wherever blocks are allocated, so it has to lie in instruction RAM with the
/// rest. Core and interrupt are not known here.
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.microusc_bare_moment"))]
pub fn call_context() -> CallContext {
    CallContext { time_us: now_us(), task: null(), core: 0, in_interrupt: false }
}

/// No function of the archive panics on purpose; `core` asks for this.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    Line::<Console>::new().text("E memory_pool: stopped by a fault of its own\n");
    loop {
        core::hint::spin_loop();
    }
}
