//! FreeRTOS: the program's kernel, through the functions of `port/freertos/microusc_port_freertos.c`.

mod kernel;
#[cfg(not(target_os = "none"))]
mod lock;
mod memory;
mod signal;
mod tasks;
mod writer;

use super::{Limits, MemoryKind};
use crate::print::Line;
use crate::text::Text;

pub(crate) use kernel::{moment, system_lock, system_unlock, task_priority};
pub(super) use kernel::{now_ms, stop};
#[cfg(not(target_os = "none"))]
pub(crate) use lock::PortLock;
pub(crate) use memory::{allocate, release};
pub(crate) use signal::Signal;
pub(crate) use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};
pub use writer::microusc_freertos_set_writer;
pub(super) use writer::write;

/// Always: the log's code and texts are where all code is.
#[inline(always)]
pub(crate) fn may_report() -> bool {
    true
}

/// As the kernel says.
pub(crate) fn in_interrupt() -> bool {
    moment().in_interrupt
}

/// One kind of RAM, reached by bytes and by peripherals: a chip with more has a port of its own.
pub(crate) fn limits() -> Limits {
    Limits { psram: None, dma_align: size_of::<usize>(), word_iram: false }
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
    "the kernel's heap has no room: raise configTOTAL_HEAP_SIZE, or give memory to memory_pool_init_static"
}

pub(crate) fn print_heap() {
    let heap = kernel::heap();
    if heap.free == usize::MAX {
        return;
    }
    let mut line = Line::new();
    line.text("heap: ").number(heap.free).text(" bytes free");
    if heap.least != usize::MAX {
        line.text(", lowest ever ").number(heap.least);
    }
    line.text("\n");
}
