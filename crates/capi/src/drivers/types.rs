//! The C types and numbers of the internal headers of the system layer.

use core::ffi::{c_char, c_int, c_void};

pub use microusc_drivers::Driver as microusc_driver_t;

/// Bytes of a task's stack.
pub type stack_size_t = u32;

/// Bytes of a driver's name with its terminating zero.
pub const MICROUSC_DRIVER_NAME_SIZE: usize = microusc_drivers::NAME_BYTES;
/// Any core.
pub const MICROUSC_DRIVER_ANY_CORE: i32 = -1;
/// Wait without an end.
pub const MICROUSC_WAIT_FOREVER: u32 = u32::MAX;

/// What a driver's task is meant to do.
pub type microusc_driver_state_t = c_int;
/// Run.
pub const MICROUSC_DRIVER_RUNNING: microusc_driver_state_t = 0;
/// Not run until it is resumed.
pub const MICROUSC_DRIVER_PAUSED: microusc_driver_state_t = 1;
/// End.
pub const MICROUSC_DRIVER_STOPPING: microusc_driver_state_t = 2;

/// What a driver's task runs.
pub type microusc_driver_entry_t = Option<unsafe extern "C" fn(driver: *mut microusc_driver_t)>;

/// A driver that is wanted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct microusc_driver_config_t {
    /// Copied; null or empty: `driver-ID`.
    pub name: *const c_char,
    /// What its task runs.
    pub entry: microusc_driver_entry_t,
    /// Handed to it.
    pub argument: *mut c_void,
    /// The kernel's number.
    pub priority: u32,
    /// The core, or [`MICROUSC_DRIVER_ANY_CORE`].
    pub core: i32,
}

/// A snapshot of a driver.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct microusc_driver_info_t {
    /// Its number.
    pub id: u32,
    /// Its name.
    pub name: [c_char; MICROUSC_DRIVER_NAME_SIZE],
    /// What its task is meant to do.
    pub state: microusc_driver_state_t,
}

/// Settings of the system memory space.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct microusc_system_config_t {
    /// Drivers at one time.
    pub max_drivers: usize,
    /// Bytes of each driver's buffer.
    pub buffer_size: usize,
    /// Bytes of a driver's data, kept for the drivers to read.
    pub data_size: usize,
    /// Bytes of each task's stack.
    pub stack_size: usize,
}
