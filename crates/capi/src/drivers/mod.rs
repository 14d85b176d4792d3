//! The system memory space and its drivers. From tasks only.

mod platform;

mod hints;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::{NonNull, null};

use microusc_drivers::{DriverConfig, DriverInfo, DriverState, Error, Settings};
use microusc_port as port;

use crate::output::report::{from_task, refuse};
use crate::refusals::{self, Refusal};
use crate::types::*;

use self::platform::SPACE;

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

/// The configuration of a new driver.
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

fn reason_of(error: Error) -> esp_err_t {
    match error {
        Error::NoLock | Error::MadeBefore | Error::NotMade | Error::InUse | Error::OwnTask => {
            ESP_ERR_INVALID_STATE
        }
        Error::BadSize => ESP_ERR_INVALID_SIZE,
        Error::NoMemory | Error::Full => ESP_ERR_NO_MEM,
        Error::BadName | Error::NameTaken => ESP_ERR_INVALID_ARG,
        Error::NoSuchDriver => ESP_ERR_NOT_FOUND,
        Error::StillRunning => ESP_ERR_NOT_FINISHED,
        _ => ESP_FAIL,
    }
}

/// What a query returns. `ESP_ERR_NOT_FOUND` is an ordinary result and is not reported; any other error is.
fn result_of_query(function: &'static CStr, result: Result<(), Error>) -> esp_err_t {
    match result {
        Err(Error::NoSuchDriver) => reason_of(Error::NoSuchDriver),
        other => result_of(function, other),
    }
}

/// What a function returns. A refusal is reported.
fn result_of(function: &'static CStr, result: Result<(), Error>) -> esp_err_t {
    let Err(error) = result else { return ESP_OK };
    refuse(function, Refusal { reason: reason_of(error), step: hints::next_step(error) }, null())
}

/// Refuses a null pointer.
fn null_pointer(function: &'static CStr) -> esp_err_t {
    refuse(function, refusals::NULL_POINTER, null())
}

/// Sets the sizes of the system memory space, before any part of it is created. O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_system_configure(config: *const microusc_system_config_t) -> esp_err_t {
    // SAFETY: obligation 2.
    let Some(config) = (unsafe { config.as_ref() }) else {
        return null_pointer(c"microusc_system_configure");
    };
    let microusc_system_config_t { max_drivers, buffer_size, data_size, stack_size } = *config;
    result_of(
        c"microusc_system_configure",
        SPACE.configure(Settings { max_drivers, buffer_size, data_size, stack_size }),
    )
}

/// Writes the sizes of the system memory space. O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_system_get_config(config: *mut microusc_system_config_t) -> esp_err_t {
    const NAME: &CStr = c"microusc_system_get_config";
    if config.is_null() {
        return null_pointer(NAME);
    }
    let settings = SPACE.settings().map(|settings| {
        let Settings { max_drivers, buffer_size, data_size, stack_size } = settings;
        // SAFETY: obligation 2.
        unsafe { config.write(microusc_system_config_t { max_drivers, buffer_size, data_size, stack_size }) }
    });
    result_of_query(NAME, settings)
}

/// Opens the system memory space: its settings are fixed. O(1).
#[unsafe(no_mangle)]
pub extern "C" fn init_system_memory_space() -> esp_err_t {
    result_of(c"init_system_memory_space", SPACE.init_space())
}

/// Opens the system memory space and makes the parts that are missing: all or none. O(drivers).
#[unsafe(no_mangle)]
pub extern "C" fn init_MicroUSC_system() -> esp_err_t {
    result_of(c"init_MicroUSC_system", SPACE.init())
}

/// Makes the pool of driver nodes. O(drivers).
#[unsafe(no_mangle)]
pub extern "C" fn init_driver_list_memory_pool(buffer_size: usize, data_size: usize) -> esp_err_t {
    result_of(c"init_driver_list_memory_pool", SPACE.init_driver_list(buffer_size, data_size))
}

/// Makes the pool of task stacks. O(drivers).
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the documented name")]
pub extern "C" fn setUSCtaskSize(size: stack_size_t) -> esp_err_t {
    result_of(c"setUSCtaskSize", SPACE.init_task_stacks(size as usize))
}

/// Stops every driver and gives everything back. O(drivers), and what the tasks take to stop.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_system_end() -> esp_err_t {
    result_of(c"microusc_system_end", SPACE.end())
}

/// # Safety
///
/// Null or a C string.
unsafe fn bytes<'a>(string: *const c_char) -> &'a [u8] {
    if string.is_null() {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(string) }.to_bytes()
}

/// Adds a driver and starts its task. O(drivers + buffer).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_driver_add(
    config: *const microusc_driver_config_t,
    id: *mut u32,
) -> esp_err_t {
    // SAFETY: obligation 2.
    let Some(config) = (unsafe { config.as_ref() }) else { return null_pointer(c"microusc_driver_add") };
    let Some(entry) = config.entry else { return null_pointer(c"microusc_driver_add") };
    let config = DriverConfig {
        // SAFETY: obligation 2.
        name: unsafe { bytes(config.name) },
        entry,
        argument: config.argument,
        priority: config.priority,
        core: config.core,
    };
    // SAFETY: the caller gives a function for exactly this.
    let added = unsafe { SPACE.add(&config) };
    if let Ok(added) = added
        && !id.is_null()
    {
        // SAFETY: obligation 2.
        unsafe { id.write(added) };
    }
    result_of(c"microusc_driver_add", added.map(drop))
}

/// Stops a driver's task and gives its memory back. O(drivers), and what the task takes to stop.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_driver_remove(id: u32) -> esp_err_t {
    result_of(c"microusc_driver_remove", SPACE.remove(id))
}

/// Stops all drivers' tasks, then gives their memory back. O(drivers), and what the tasks take to stop.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_driver_remove_all() -> esp_err_t {
    result_of(c"microusc_driver_remove_all", SPACE.remove_all())
}

/// Lets a driver's task not run until it is resumed. O(drivers).
#[unsafe(no_mangle)]
pub extern "C" fn microusc_driver_pause(id: u32) -> esp_err_t {
    result_of(c"microusc_driver_pause", SPACE.pause(id))
}

/// Lets a driver's task run again. O(drivers).
#[unsafe(no_mangle)]
pub extern "C" fn microusc_driver_resume(id: u32) -> esp_err_t {
    result_of(c"microusc_driver_resume", SPACE.resume(id))
}

/// The number of the driver of a name. O(drivers).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_driver_find(name: *const c_char, id: *mut u32) -> esp_err_t {
    const NAME: &CStr = c"microusc_driver_find";
    if name.is_null() || id.is_null() {
        return null_pointer(NAME);
    }
    // SAFETY: obligation 2.
    result_of_query(NAME, SPACE.find(unsafe { bytes(name) }).map(|found| unsafe { id.write(found) }))
}

/// The driver added next after number `after`. O(drivers).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_driver_next(after: u32, info: *mut microusc_driver_info_t) -> esp_err_t {
    // SAFETY: as for this function.
    unsafe { write_info(c"microusc_driver_next", info, || SPACE.next(after)) }
}

/// A snapshot of a driver. O(drivers).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_driver_get_info(id: u32, info: *mut microusc_driver_info_t) -> esp_err_t {
    // SAFETY: as for this function.
    unsafe { write_info(c"microusc_driver_get_info", info, || SPACE.driver(id)) }
}

/// Writes what `query` finds to `info`.
///
/// # Safety
///
/// `info` is null or may be written to.
unsafe fn write_info(
    function: &'static CStr,
    info: *mut microusc_driver_info_t,
    query: impl FnOnce() -> Result<DriverInfo, Error>,
) -> esp_err_t {
    if info.is_null() {
        return null_pointer(function);
    }
    let written = query().map(|DriverInfo { id, name, state }| {
        let state = match state {
            DriverState::Running => MICROUSC_DRIVER_RUNNING,
            DriverState::Paused => MICROUSC_DRIVER_PAUSED,
            DriverState::Stopping => MICROUSC_DRIVER_STOPPING,
        };
        // SAFETY: as the caller promises.
        unsafe { info.write(microusc_driver_info_t { id, name, state }) }
    });
    result_of_query(function, written)
}

/// The semaphore of a driver.
///
/// # Safety
///
/// `driver` is null, or a driver that is not removed meanwhile.
unsafe fn semaphore(driver: *mut microusc_driver_t) -> Option<NonNull<c_void>> {
    // SAFETY: as the caller promises.
    NonNull::new(unsafe { driver.as_ref() }?.semaphore)
}

/// Waits, in a driver's own task, until the driver is notified. A notification that came before is enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_driver_wait(driver: *mut microusc_driver_t, timeout_ms: u32) -> bool {
    if from_task(c"microusc_driver_wait", driver.cast()).is_err() {
        return false;
    }
    // SAFETY: as for this function. The semaphore lives as long as the driver.
    unsafe { semaphore(driver) }.is_some_and(|it| unsafe { port::semaphore_wait(it, timeout_ms) })
}

/// Wakes a driver that waits. From tasks and interrupts.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_driver_notify(driver: *mut microusc_driver_t) {
    // SAFETY: as for this function.
    if let Some(semaphore) = unsafe { semaphore(driver) } {
        // SAFETY: it lives as long as the driver.
        unsafe { port::semaphore_give(semaphore) };
    }
}
