//! What differs between platforms: one file each, all with the same names.
//!
//! | name | contract |
//! |---|---|
//! | `PortLock` | a `RawLock` for tasks, interrupts and cores of the platform |
//! | `Signal` | a `microusc_pool::Signal`: what a waiting task sleeps on |
//! | `task_priority()` | of the calling task: higher is served earlier; from any context |
//! | `limits()` | what memory the chip has, and to what it aligns |
//! | `allocate(bytes, align, caps)` | memory with all the capabilities, or null; from tasks only |
//! | `release(memory)` | gives it back; from tasks only |
//! | `kind_of(memory, bytes)` | what memory that is, by its address |
//! | `fills_free_blocks()` | what a new pool checks, unless it is told otherwise |
//! | `may_report()` | code and constants in flash can be reached now; itself runs while they cannot |
//! | `in_interrupt()` | the caller is an interrupt, as far as the port can know; from any context |
//! | `moment()` | where and when the caller runs; from any context, without flash |
//! | `log(report, step)` | one line that ends with the next step; from any context, with no lock of ours held |
//! | `print(text)` | what was asked to be printed, in pieces of at most a line; from tasks only |
//! | `print_heap()` | prints the heap's totals, if the port knows them; from tasks only |
//! | `system_*`, `task_*`, `semaphore_*`, `least_stack()` | the kernel, as `microusc_system::Platform` has it |
//!
//! The ports without a standard library write the same log, `lines.rs`, through a writer of their own.

mod advice;
#[cfg(feature = "bare")]
mod bare;
#[cfg(feature = "esp_idf")]
mod esp_idf;
#[cfg(feature = "freertos")]
mod freertos;
#[cfg(feature = "host")]
mod host;
#[cfg(any(feature = "bare", feature = "freertos"))]
mod lines;
#[cfg(all(any(feature = "bare", feature = "freertos"), target_os = "none"))]
#[cfg_attr(feature = "multicore", path = "port/lock_cores.rs")]
#[cfg_attr(not(feature = "multicore"), path = "port/lock_core.rs")]
mod lock;
#[cfg(any(feature = "bare", feature = "freertos"))]
mod panic;

pub(crate) use advice::{next_step, next_step_of_retained, next_step_of_system, placement_name};

#[cfg(feature = "host")]
pub(crate) use host::{
    PortLock, Signal, allocate, fills_free_blocks, in_interrupt, kind_of, least_stack, limits, log,
    may_report, moment, print, print_heap, release, semaphore_create, semaphore_delete, semaphore_give,
    semaphore_memory, semaphore_wait, system_lock, system_unlock, task_is_current, task_memory, task_pause,
    task_priority, task_resume, task_start, task_stop,
};
#[cfg(feature = "host")]
pub use host::{
    microusc_host_chip_address, microusc_host_fail_allocation, microusc_host_free_bytes,
    microusc_host_interrupt_at_release, microusc_host_misplace_allocation, microusc_host_select_chip,
    microusc_host_set_context,
};

#[cfg(any(feature = "bare", feature = "freertos"))]
pub(crate) use lines::{log, print};
#[cfg(all(any(feature = "bare", feature = "freertos"), target_os = "none"))]
pub(crate) use lock::PortLock;

#[cfg(feature = "bare")]
pub(crate) use bare::{
    Signal, allocate, fills_free_blocks, in_interrupt, kind_of, least_stack, limits, may_report, moment,
    print_heap, release, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory,
    semaphore_wait, system_lock, system_unlock, task_is_current, task_memory, task_pause, task_priority,
    task_resume, task_start, task_stop,
};
#[cfg(feature = "bare")]
pub use bare::{
    microusc_bare_set_clock, microusc_bare_set_heap, microusc_bare_set_wait, microusc_bare_set_writer,
};
#[cfg(feature = "bare")]
use bare::{no_memory_step, now_ms, stop, write};

#[cfg(all(feature = "freertos", not(target_os = "none")))]
pub(crate) use freertos::PortLock;
#[cfg(feature = "freertos")]
pub use freertos::microusc_freertos_set_writer;
#[cfg(feature = "freertos")]
pub(crate) use freertos::{
    Signal, allocate, fills_free_blocks, in_interrupt, kind_of, least_stack, limits, may_report, moment,
    print_heap, release, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory,
    semaphore_wait, system_lock, system_unlock, task_is_current, task_memory, task_pause, task_priority,
    task_resume, task_start, task_stop,
};
#[cfg(feature = "freertos")]
use freertos::{no_memory_step, now_ms, stop, write};

#[cfg(feature = "esp_idf")]
pub(crate) use esp_idf::{
    PortLock, Signal, allocate, fills_free_blocks, in_interrupt, kind_of, least_stack, limits, log,
    may_report, moment, print, print_heap, release, semaphore_create, semaphore_delete, semaphore_give,
    semaphore_memory, semaphore_wait, system_lock, system_unlock, task_is_current, task_memory, task_pause,
    task_priority, task_resume, task_start, task_stop,
};

#[cfg(not(any(feature = "bare", feature = "esp_idf", feature = "freertos", feature = "host")))]
compile_error!("choose a port: the feature `bare`, `esp_idf`, `freertos` or `host`");
#[cfg(any(
    all(feature = "bare", feature = "freertos"),
    all(feature = "esp_idf", any(feature = "bare", feature = "freertos")),
    all(feature = "host", any(feature = "bare", feature = "esp_idf", feature = "freertos"))
))]
compile_error!("one port at a time: others than `host` need --no-default-features");

/// Where and when a caller runs.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "diagnostics"), expect(dead_code, reason = "only records look at it"))]
pub(crate) struct Moment {
    /// Microseconds since the start.
    pub(crate) time_us: u64,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub(crate) task: *const core::ffi::c_void,
    pub(crate) core: u8,
    pub(crate) in_interrupt: bool,
}

/// What the chip has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// External RAM, if it is fitted.
    pub(crate) psram: Option<PsramLimits>,
    /// Bytes to which buffers for DMA in internal RAM are aligned and rounded.
    pub(crate) dma_align: usize,
    /// Instruction RAM that data can use, by words.
    pub(crate) word_iram: bool,
}

/// External RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PsramLimits {
    /// Peripherals reach it.
    pub(crate) dma: bool,
    /// Bytes of a cache line.
    pub(crate) line: usize,
}

/// What memory an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MemoryKind {
    /// Heap memory in internal RAM, accessible by bytes.
    Internal,
    /// Instruction RAM: aligned 32-bit words only.
    InternalWords,
    /// External RAM.
    External,
    /// Static memory of the program, where the port cannot or need not say more.
    #[cfg_attr(
        any(feature = "bare", feature = "freertos"),
        expect(dead_code, reason = "one kind of memory there, whoever it belongs to")
    )]
    #[cfg_attr(
        feature = "esp_idf",
        expect(dead_code, reason = "told by its address, like memory of the heap")
    )]
    Static,
    /// Flash, registers, or nothing at all: no pool lies there.
    #[cfg_attr(not(feature = "esp_idf"), expect(dead_code, reason = "told apart by ESP-IDF only"))]
    Other,
}
