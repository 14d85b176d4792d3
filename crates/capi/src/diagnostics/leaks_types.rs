//! The C types of `memory_pool_leaks.h`.

use core::ffi::{c_char, c_void};

/// A block in use, and who took it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_site_t {
    /// The block.
    pub block: *const c_void,
    /// The file it was taken in, or null.
    pub file: *const c_char,
    /// The address that the call returns to, or null.
    pub caller: *const c_void,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub task: *const c_void,
    /// When, in microseconds since the start.
    pub time_us: u64,
    /// How long ago; `u64::MAX` if it was not recorded.
    pub age_us: u64,
    /// The line in that file, or 0.
    pub line: u32,
    /// The core.
    pub core: u8,
    /// Taken by an interrupt.
    pub in_interrupt: bool,
    /// Taken while records were kept; otherwise only the block is known.
    pub recorded: bool,
}

/// What is called for each block.
pub type memory_pool_site_callback_t =
    Option<unsafe extern "C" fn(site: *const memory_pool_site_t, argument: *mut c_void)>;
