//! The host: the memory of a chip of choice, with threads as tasks.

mod board;
mod controls;
mod lock;
mod pause;
mod print;
mod record;
mod signal;
mod tasks;

use std::sync::atomic;

pub use board::{allocate, kind_of, limits, pools_exist, release};
pub use controls::{
    microusc_host_chip_address, microusc_host_fail_allocation, microusc_host_free_bytes,
    microusc_host_misplace_allocation, microusc_host_select_chip,
};
pub use lock::PortLock;
pub use print::{Console, call_context, log, print, print_heap};
pub use record::microusc_host_interrupt_at_release;
pub use signal::{Signal, in_interrupt, microusc_host_set_context, task_priority};
pub use tasks::{
    least_stack, semaphore_create, semaphore_delete, semaphore_give, semaphore_memory, semaphore_wait,
    system_lock, system_unlock, task_is_current, task_memory, task_pause, task_resume, task_start, task_stop,
};

/// Always: the log's code and texts are where all code is.
#[inline(always)]
pub fn may_report() -> bool {
    true
}

/// Not unless the program says so.
pub fn fills_free_blocks() -> bool {
    false
}
