//! The functions of `port_esp_idf.c`, the only code that includes headers of ESP-IDF. What a function
//! is for stands there; its header is compared with this file.
//!
//! Numbers and structs are this interface's own, given their meaning on both sides; none of ESP-IDF's is repeated here.

use core::ffi::{c_char, c_int, c_void};

use microusc_drivers::{Driver, Entry};

use crate::types::memory_pool_report_t;

/// What [`microusc_esp_idf_kind_of`] says: heap memory in internal RAM, accessible by bytes.
pub(super) const INTERNAL: c_int = 0;
/// Internal RAM that takes aligned words only.
pub(super) const INTERNAL_WORDS: c_int = 1;
/// External RAM.
pub(super) const EXTERNAL: c_int = 2;

/// Words that a semaphore of the kernel takes at most, whatever its configuration. The name of the function that makes one
/// says so too, and the C file compares.
pub(super) const SEMAPHORE_WORDS: usize = 36;

/// A `portMUX_TYPE`, behind a word that says whether it was made; the C file compares.
#[cfg(feature = "portmux")]
pub(super) type Mux = [u32; 3];

/// What the chip has; numbers that are 0 or 1 say whether.
#[repr(C)]
#[derive(Debug, Default)]
#[allow(non_camel_case_types, reason = "the name is C's")]
pub(super) struct microusc_esp_idf_limits_t {
    pub(super) psram: u32,
    pub(super) psram_dma: u32,
    pub(super) psram_line: usize,
    pub(super) dma_align: usize,
    pub(super) word_iram: u32,
}

unsafe extern "C" {
    pub(super) fn microusc_esp_idf_limits(limits: *mut microusc_esp_idf_limits_t);
    pub(super) fn microusc_esp_idf_allocate(bytes: usize, align: usize, caps: u32) -> *mut c_void;
    pub(super) fn microusc_esp_idf_release(memory: *mut c_void);
    pub(super) fn microusc_esp_idf_kind_of(memory: *const c_void, bytes: usize) -> c_int;

    #[cfg(feature = "portmux")]
    pub(super) fn microusc_esp_idf_lock(mux: *mut c_void);
    #[cfg(feature = "portmux")]
    pub(super) fn microusc_esp_idf_unlock(mux: *mut c_void);

    pub(super) fn microusc_esp_idf_may_report() -> bool;
    pub(super) fn microusc_esp_idf_may_wait() -> bool;
    pub(super) fn microusc_esp_idf_priority() -> u8;
    pub(super) fn microusc_esp_idf_open_36_words(memory: *mut c_void) -> *mut c_void;
    pub(super) fn microusc_esp_idf_close(semaphore: *mut c_void);
    pub(super) fn microusc_esp_idf_wait(semaphore: *mut c_void);
    pub(super) fn microusc_esp_idf_wait_for(semaphore: *mut c_void, milliseconds: u32) -> bool;
    pub(super) fn microusc_esp_idf_give(semaphore: *mut c_void);

    pub(super) fn microusc_esp_idf_sizes(task: *mut usize, semaphore: *mut usize, least_stack: *mut usize);
    pub(super) fn microusc_esp_idf_system_lock() -> bool;
    pub(super) fn microusc_esp_idf_system_unlock();
    pub(super) fn microusc_esp_idf_task_start(
        name: *const c_char,
        entry: Entry,
        driver: *mut Driver,
        priority: u32,
        core: i32,
        stack: *mut u8,
        stack_bytes: usize,
        memory: *mut u8,
    ) -> *mut c_void;
    pub(super) fn microusc_esp_idf_task_stop(task: *mut c_void) -> bool;
    pub(super) fn microusc_esp_idf_task_pause(task: *mut c_void);
    pub(super) fn microusc_esp_idf_task_resume(task: *mut c_void);
    pub(super) fn microusc_esp_idf_task_is_current(task: *mut c_void) -> bool;

    pub(super) fn microusc_esp_idf_log(
        report: *const memory_pool_report_t,
        reason: *const c_char,
        step: *const c_char,
        step_length: usize,
    );
    pub(super) fn microusc_esp_idf_fills_free_blocks() -> bool;
    pub(super) fn microusc_esp_idf_moment(
        task: *mut *const c_void,
        core: *mut u8,
        in_interrupt: *mut bool,
    ) -> u64;
    pub(super) fn microusc_esp_idf_print(text: *const c_char, length: usize);
    pub(super) fn microusc_esp_idf_print_heap();
    pub(super) fn microusc_esp_idf_stop() -> !;
}
