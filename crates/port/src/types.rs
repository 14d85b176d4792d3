//! The types that ports and the C functions share.
#![allow(non_camel_case_types, reason = "the names are C's")]

use core::ffi::{c_char, c_int, c_void};

/// A result: [`ESP_OK`] or a reason.
pub type esp_err_t = c_int;

/// Done.
pub const ESP_OK: esp_err_t = 0;
/// Not enough memory of the kind asked for, or no block that is free for the caller.
pub const ESP_ERR_NO_MEM: esp_err_t = 0x101;
/// A pointer is null, a placement or flag unknown.
pub const ESP_ERR_INVALID_ARG: esp_err_t = 0x102;
/// Initialised already, or not at all.
pub const ESP_ERR_INVALID_STATE: esp_err_t = 0x103;

/// A misuse, damage, or a request that could not be granted.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_report_t {
    /// Why.
    pub reason: esp_err_t,
    /// The function that refused.
    pub function: *const c_char,
    /// The pool's name, or "".
    pub pool: *const c_char,
    /// The pool's struct, or the address to be freed.
    pub address: *const c_void,
    /// Blocks still in use when a pool was destroyed; otherwise 0.
    pub count: usize,
}

/// Where and when the caller runs.
#[derive(Clone, Copy, Debug)]
pub struct CallContext {
    /// Microseconds since the start.
    pub time_us: u64,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub task: *const c_void,
    /// The core.
    pub core: u8,
    /// The caller is an interrupt.
    pub in_interrupt: bool,
}

/// The memory that the chip has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// External RAM, if it is fitted.
    pub psram: Option<PsramLimits>,
    /// Bytes to which buffers for DMA in internal RAM are aligned and rounded.
    pub dma_align: usize,
    /// Data can be placed in instruction RAM, with word accesses only.
    pub word_iram: bool,
}

/// External RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PsramLimits {
    /// Peripherals reach it.
    pub dma: bool,
    /// Bytes of a cache line.
    pub line: usize,
}

/// The kind of memory at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Heap memory in internal RAM, accessible by bytes.
    Internal,
    /// Instruction RAM: aligned 32-bit words only.
    InternalWords,
    /// External RAM.
    External,
    /// Static memory of the program, on ports that do not know its kind from its address.
    Static,
    /// Flash, registers, or no memory: unsuitable for a pool.
    Other,
}
