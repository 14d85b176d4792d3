//! What the task of a driver sees of it.

use core::ffi::{c_char, c_void};

/// Bytes of a driver's name, with its terminating zero.
pub const NAME_BYTES: usize = 16;

/// What a driver's task is given. It does not change while the driver lives.
#[derive(Debug)]
#[repr(C)]
pub struct Driver {
    /// Its number: no other driver had it or will have it.
    pub id: u32,
    /// Its name, a C string.
    pub name: [c_char; NAME_BYTES],
    /// The argument of the call that added it.
    pub argument: *mut c_void,
    /// Its buffer, zeroed at first.
    pub buffer: *mut c_void,
    /// Bytes of the buffer.
    pub buffer_size: usize,
    /// Its binary semaphore: on FreeRTOS a `SemaphoreHandle_t`.
    pub semaphore: *mut c_void,
}

/// What a driver's task is meant to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverState {
    /// Run.
    Running,
    /// Not run until it is resumed.
    Paused,
    /// End: it was asked to stop and has not yet.
    Stopping,
}

/// A snapshot of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverInfo {
    /// Its number.
    pub id: u32,
    /// Its name, a C string.
    pub name: [c_char; NAME_BYTES],
    /// What its task is meant to do.
    pub state: DriverState,
}
