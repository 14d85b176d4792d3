//! The C types and numbers of `memory_pool.h`. A test compares them with the header.

use core::ffi::{c_char, c_void};
use core::sync::atomic::AtomicBool;

use microusc_pool::{Error, Link};

pub use microusc_port::{
    ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE, ESP_ERR_NO_MEM, ESP_OK, esp_err_t, memory_pool_report_t,
};

/// A size or count that no pool can have.
pub const ESP_ERR_INVALID_SIZE: esp_err_t = 0x104;

/// The archive was built without that.
pub const ESP_ERR_NOT_SUPPORTED: esp_err_t = 0x106;
/// No block became free in time.
pub const ESP_ERR_TIMEOUT: esp_err_t = 0x107;

/// Failed, for a reason of the kernel's.
pub const ESP_FAIL: esp_err_t = -1;
/// There is no such driver.
pub const ESP_ERR_NOT_FOUND: esp_err_t = 0x105;
/// A task has not stopped yet.
pub const ESP_ERR_NOT_FINISHED: esp_err_t = 0x10C;

/// Reasons of our own begin after this number.
pub const MEMORY_POOL_ERR_BASE: esp_err_t = 0x1B000;
/// The freed address is no block of the pool.
pub const MEMORY_POOL_ERR_NOT_A_BLOCK: esp_err_t = MEMORY_POOL_ERR_BASE + 1;
/// The freed block is free already.
pub const MEMORY_POOL_ERR_DOUBLE_FREE: esp_err_t = MEMORY_POOL_ERR_BASE + 2;
/// The free list is damaged.
pub const MEMORY_POOL_ERR_CORRUPT: esp_err_t = MEMORY_POOL_ERR_BASE + 3;
/// Blocks are still in use.
pub const MEMORY_POOL_ERR_IN_USE: esp_err_t = MEMORY_POOL_ERR_BASE + 4;
/// The chip has no external RAM.
pub const MEMORY_POOL_ERR_NO_PSRAM: esp_err_t = MEMORY_POOL_ERR_BASE + 5;
/// The chip has no word-access instruction RAM for data.
pub const MEMORY_POOL_ERR_NO_IRAM: esp_err_t = MEMORY_POOL_ERR_BASE + 6;
/// A pool for interrupts in external RAM.
pub const MEMORY_POOL_ERR_ISR_IN_PSRAM: esp_err_t = MEMORY_POOL_ERR_BASE + 7;
/// A pool for DMA in external RAM that DMA does not reach.
pub const MEMORY_POOL_ERR_DMA_IN_PSRAM: esp_err_t = MEMORY_POOL_ERR_BASE + 8;
/// A pool for DMA in instruction RAM.
pub const MEMORY_POOL_ERR_DMA_IN_IRAM: esp_err_t = MEMORY_POOL_ERR_BASE + 9;
/// A pool for byte access in instruction RAM.
pub const MEMORY_POOL_ERR_BYTES_IN_IRAM: esp_err_t = MEMORY_POOL_ERR_BASE + 10;
/// The memory is not of the kind asked for.
pub const MEMORY_POOL_ERR_WRONG_MEMORY: esp_err_t = MEMORY_POOL_ERR_BASE + 11;

/// A block was written to while it was free.
pub const MEMORY_POOL_ERR_WRITTEN: esp_err_t = MEMORY_POOL_ERR_BASE + 12;
/// No pool in the memory: the first start, or it lost power.
pub const MEMORY_POOL_ERR_RETAINED_NONE: esp_err_t = MEMORY_POOL_ERR_BASE + 32;
/// The header was damaged.
pub const MEMORY_POOL_ERR_RETAINED_CHECKSUM: esp_err_t = MEMORY_POOL_ERR_BASE + 33;
/// A pool of another version of this library.
pub const MEMORY_POOL_ERR_RETAINED_VERSION: esp_err_t = MEMORY_POOL_ERR_BASE + 34;
/// A pool with another block size.
pub const MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE: esp_err_t = MEMORY_POOL_ERR_BASE + 35;
/// A pool with another number of blocks.
pub const MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS: esp_err_t = MEMORY_POOL_ERR_BASE + 36;
/// A pool with another tag.
pub const MEMORY_POOL_ERR_RETAINED_TAG: esp_err_t = MEMORY_POOL_ERR_BASE + 37;
/// The map of blocks in use was damaged.
pub const MEMORY_POOL_ERR_RETAINED_MAP: esp_err_t = MEMORY_POOL_ERR_BASE + 38;

/// Every reason with its name.
pub const REASONS: [(esp_err_t, &core::ffi::CStr); 29] = [
    (ESP_OK, c"ESP_OK"),
    (ESP_ERR_NO_MEM, c"ESP_ERR_NO_MEM"),
    (ESP_ERR_INVALID_ARG, c"ESP_ERR_INVALID_ARG"),
    (ESP_ERR_INVALID_STATE, c"ESP_ERR_INVALID_STATE"),
    (ESP_ERR_INVALID_SIZE, c"ESP_ERR_INVALID_SIZE"),
    (ESP_ERR_NOT_SUPPORTED, c"ESP_ERR_NOT_SUPPORTED"),
    (ESP_ERR_TIMEOUT, c"ESP_ERR_TIMEOUT"),
    (MEMORY_POOL_ERR_NOT_A_BLOCK, c"MEMORY_POOL_ERR_NOT_A_BLOCK"),
    (MEMORY_POOL_ERR_DOUBLE_FREE, c"MEMORY_POOL_ERR_DOUBLE_FREE"),
    (MEMORY_POOL_ERR_CORRUPT, c"MEMORY_POOL_ERR_CORRUPT"),
    (MEMORY_POOL_ERR_IN_USE, c"MEMORY_POOL_ERR_IN_USE"),
    (MEMORY_POOL_ERR_NO_PSRAM, c"MEMORY_POOL_ERR_NO_PSRAM"),
    (MEMORY_POOL_ERR_NO_IRAM, c"MEMORY_POOL_ERR_NO_IRAM"),
    (MEMORY_POOL_ERR_ISR_IN_PSRAM, c"MEMORY_POOL_ERR_ISR_IN_PSRAM"),
    (MEMORY_POOL_ERR_DMA_IN_PSRAM, c"MEMORY_POOL_ERR_DMA_IN_PSRAM"),
    (MEMORY_POOL_ERR_DMA_IN_IRAM, c"MEMORY_POOL_ERR_DMA_IN_IRAM"),
    (MEMORY_POOL_ERR_BYTES_IN_IRAM, c"MEMORY_POOL_ERR_BYTES_IN_IRAM"),
    (MEMORY_POOL_ERR_WRONG_MEMORY, c"MEMORY_POOL_ERR_WRONG_MEMORY"),
    (MEMORY_POOL_ERR_WRITTEN, c"MEMORY_POOL_ERR_WRITTEN"),
    (ESP_FAIL, c"ESP_FAIL"),
    (ESP_ERR_NOT_FOUND, c"ESP_ERR_NOT_FOUND"),
    (ESP_ERR_NOT_FINISHED, c"ESP_ERR_NOT_FINISHED"),
    (MEMORY_POOL_ERR_RETAINED_NONE, c"MEMORY_POOL_ERR_RETAINED_NONE"),
    (MEMORY_POOL_ERR_RETAINED_CHECKSUM, c"MEMORY_POOL_ERR_RETAINED_CHECKSUM"),
    (MEMORY_POOL_ERR_RETAINED_VERSION, c"MEMORY_POOL_ERR_RETAINED_VERSION"),
    (MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE, c"MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE"),
    (MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS, c"MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS"),
    (MEMORY_POOL_ERR_RETAINED_TAG, c"MEMORY_POOL_ERR_RETAINED_TAG"),
    (MEMORY_POOL_ERR_RETAINED_MAP, c"MEMORY_POOL_ERR_RETAINED_MAP"),
];

/// What `reason` is called.
pub fn reason_name(reason: esp_err_t) -> &'static core::ffi::CStr {
    REASONS.iter().find(|(number, _)| *number == reason).map_or(c"UNKNOWN", |(_, name)| name)
}

/// The reason for an error of the pool crate.
pub const fn reason_of(error: Error) -> esp_err_t {
    match error {
        Error::Exhausted => ESP_ERR_NO_MEM,
        Error::TimedOut => ESP_ERR_TIMEOUT,
        Error::CannotWait => ESP_ERR_INVALID_STATE,
        Error::NotABlock => MEMORY_POOL_ERR_NOT_A_BLOCK,
        Error::DoubleFree => MEMORY_POOL_ERR_DOUBLE_FREE,
        Error::Corrupt => MEMORY_POOL_ERR_CORRUPT,
        Error::BlockTooSmall
        | Error::NoBlocks
        | Error::TooLarge
        | Error::NoClass
        | Error::BatchTooLarge
        | Error::ReserveTooLarge => ESP_ERR_INVALID_SIZE,
        _ => ESP_ERR_INVALID_ARG,
    }
}

/// The reason why an alloc was refused, by comparison: the compiler makes [`reason_of`] a table, which may lie in flash.
#[inline(always)]
pub(crate) fn reason_of_alloc(error: Error) -> esp_err_t {
    match error {
        Error::Exhausted => ESP_ERR_NO_MEM,
        Error::NoClass => ESP_ERR_INVALID_SIZE,
        _ => MEMORY_POOL_ERR_CORRUPT,
    }
}

/// The reason why a free was refused, in the same way.
#[inline(always)]
pub(crate) fn reason_of_free(error: Error) -> esp_err_t {
    if error == Error::DoubleFree { MEMORY_POOL_ERR_DOUBLE_FREE } else { MEMORY_POOL_ERR_NOT_A_BLOCK }
}

/// Memory named by a capability.
pub type memory_placement_t = u32;
/// Internal, byte-addressable RAM.
pub const DRAM: memory_placement_t = MALLOC_CAP_8BIT;
/// External RAM.
pub const PSRAM: memory_placement_t = MALLOC_CAP_SPIRAM;
/// Instruction RAM with word access.
pub const IRAM: memory_placement_t = MALLOC_CAP_32BIT;

pub(crate) const MALLOC_CAP_32BIT: u32 = 1 << 1;
pub(crate) const MALLOC_CAP_8BIT: u32 = 1 << 2;
pub(crate) const MALLOC_CAP_DMA: u32 = 1 << 3;
pub(crate) const MALLOC_CAP_SPIRAM: u32 = 1 << 10;
pub(crate) const MALLOC_CAP_INTERNAL: u32 = 1 << 11;

/// Peripherals read and write the blocks.
pub const MEMORY_POOL_FLAG_DMA: u32 = 1 << 0;
/// Used by interrupts that run while the flash cache is off.
pub const MEMORY_POOL_FLAG_ISR: u32 = 1 << 1;
/// The blocks will be accessed by bytes.
pub const MEMORY_POOL_FLAG_BYTES: u32 = 1 << 2;

/// Which waiter is served first.
pub type memory_pool_wait_order_t = u32;
/// The task of the highest priority; among equals, which has waited longest.
pub const MEMORY_POOL_WAIT_PRIORITY: memory_pool_wait_order_t = 0;
/// The task that has waited longest.
pub const MEMORY_POOL_WAIT_FIFO: memory_pool_wait_order_t = 1;
/// How much is checked.
pub type memory_pool_checks_t = u32;
/// What is always checked.
pub const MEMORY_POOL_CHECKS_BASIC: memory_pool_checks_t = 0;
/// And what free blocks hold.
pub const MEMORY_POOL_CHECKS_POISON: memory_pool_checks_t = 1;

/// A time-out that never comes.
pub const MEMORY_POOL_WAIT_FOREVER: u32 = u32::MAX;

/// Bytes of a name with its terminating zero.
pub const MEMORY_POOL_NAME_SIZE: usize = 16;

/// A free block.
pub type memory_block_t = Link;

/// A pool: five documented fields and an opaque pointer.
#[repr(C)]
#[derive(Debug)]
pub struct memory_pool_t {
    /// First free block.
    pub memory_free: *mut memory_block_t,
    /// Block 0.
    pub memory: *mut c_void,
    /// Bytes a block may use.
    pub block_size: usize,
    /// All blocks.
    pub num_blocks: usize,
    /// Blocks that are free now.
    pub free_blocks: usize,
    /// The rest.
    pub control: *mut c_void,
}

impl memory_pool_t {
    /// A struct that is no pool yet.
    pub const ZEROED: Self = Self {
        memory_free: core::ptr::null_mut(),
        memory: core::ptr::null_mut(),
        block_size: 0,
        num_blocks: 0,
        free_blocks: 0,
        control: core::ptr::null_mut(),
    };
}

/// The configuration of a pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_config_t {
    /// Bytes, at least a pointer's.
    pub block_size: usize,
    /// At least 1.
    pub num_blocks: usize,
    /// Memory of the blocks.
    pub placement: memory_placement_t,
    /// `MEMORY_POOL_FLAG_*`.
    pub flags: u32,
    /// Copied; may be null.
    pub name: *const c_char,
}

/// A snapshot of a pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "field by field as in the header")]
pub struct memory_pool_info_t {
    pub name: [c_char; MEMORY_POOL_NAME_SIZE],
    pub placement: memory_placement_t,
    pub flags: u32,
    pub block_size: usize,
    pub requested_size: usize,
    pub num_blocks: usize,
    pub free_blocks: usize,
    pub used_blocks: usize,
    pub lowest_free: usize,
    pub storage_bytes: usize,
    pub overhead_bytes: usize,
    pub alloc_failures: u32,
    pub refused_frees: u32,
    pub corruptions: u32,
    pub waiting_tasks: usize,
}

/// What is called for each report.
pub type memory_pool_report_callback_t = Option<unsafe extern "C" fn(*const memory_pool_report_t)>;

/// Classes of a set, at most.
pub const MEMORY_POOL_SET_MAX_CLASSES: usize = 8;

/// The configuration of one class of a set.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_set_class_t {
    /// Bytes, at least a pointer's.
    pub block_size: usize,
    /// At least 1.
    pub num_blocks: usize,
}

/// A set: its pools, smallest blocks first, and what is counted for all of them.
#[repr(C)]
#[derive(Debug)]
pub struct memory_pool_set_t {
    /// The classes.
    pub classes: [memory_pool_t; MEMORY_POOL_SET_MAX_CLASSES],
    /// How many there are.
    pub num_classes: usize,
    /// Requests larger than the largest blocks.
    pub too_large: u32,
    /// Wrong addresses that no class counted.
    pub refused_frees: u32,
    /// Blocks of each class given to requests of the class below.
    pub spilled_in: [u32; MEMORY_POOL_SET_MAX_CLASSES],
    /// Whether a request whose class has no free block is served by the next larger class.
    pub spill: AtomicBool,
}

/// A snapshot of one class.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_set_info_t {
    /// Its pool; `alloc_failures` are the requests that found it empty.
    pub pool: memory_pool_info_t,
    /// Blocks given to requests of the class below.
    pub spilled_in: u32,
}
