//! FreeRTOS: the program's kernel, through the functions of `microusc_port_freertos.c`.

mod kernel;
#[cfg(not(target_os = "none"))]
mod lock;
mod memory;
mod signal;
mod tasks;
mod writer;

use core::ffi::CStr;
use core::panic::PanicInfo;

use crate::log::write_line;
use crate::text::{Line, Output, Text};
use crate::types::{ESP_ERR_NO_MEM, Limits, MemoryKind, memory_pool_report_t};

#[cfg(target_os = "none")]
pub use crate::masked_lock::PortLock;
pub use kernel::{call_context, system_lock, system_unlock, task_priority};
#[cfg(not(target_os = "none"))]
pub use lock::PortLock;
pub use memory::{allocate, release};
pub use signal::Signal;
pub use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};
pub use writer::microusc_freertos_set_writer;
use writer::write;

/// Always: the log's code and texts are where all code is.
#[inline(always)]
pub fn may_report() -> bool {
    true
}

/// As the kernel says.
pub fn in_interrupt() -> bool {
    call_context().in_interrupt
}

/// One kind of RAM, reached by bytes and by peripherals: a chip with more has a port of its own.
pub fn limits() -> Limits {
    Limits { psram: None, dma_align: size_of::<usize>(), word_iram: false }
}

/// All of it is what pools ask for: [`limits`] refuses every other request before memory is looked at.
pub fn kind_of(_memory: *const u8, _bytes: usize) -> MemoryKind {
    MemoryKind::Internal
}

/// Not unless the program says so.
pub fn fills_free_blocks() -> bool {
    false
}

/// The heap is the kernel's, for good.
pub fn pools_exist(_exist: bool) {}

pub fn log(report: &memory_pool_report_t, reason: &CStr, step: &str) {
    let step = match report.reason {
        ESP_ERR_NO_MEM => {
            "the kernel's heap has no room: raise configTOTAL_HEAP_SIZE, or give memory to memory_pool_init_static"
        }
        _ => step,
    };
    write_line(&mut Line::<Console>::new(), kernel::now_ms() as usize, report, reason, step);
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
    // SAFETY: so many bytes are there.
    unsafe { write(text.as_ptr().cast(), text.len()) };
}

pub fn print_heap() {
    let heap = kernel::heap();
    if heap.free == usize::MAX {
        return;
    }
    let mut line = Line::<Console>::new();
    line.text("heap: ").number(heap.free).text(" bytes free");
    if heap.least != usize::MAX {
        line.text(", lowest ever ").number(heap.least);
    }
    line.text("\n");
}

/// No function of the archive panics on purpose; `core` asks for this.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    Line::<Console>::new().text("E memory_pool: stopped by a fault of its own\n");
    kernel::stop()
}
