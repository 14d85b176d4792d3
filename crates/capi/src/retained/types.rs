//! The C types and numbers of `memory_pool_retained.h`.

use core::mem::MaybeUninit;
use core::ptr::null;

use microusc_retained::{Fault, RetainedPool};

use crate::types::*;
use microusc_port::PortLock;

/// The reason for a fault of the system crate.
pub const fn reason_of_fault(fault: Fault) -> esp_err_t {
    match fault {
        Fault::Magic => MEMORY_POOL_ERR_RETAINED_NONE,
        Fault::Checksum => MEMORY_POOL_ERR_RETAINED_CHECKSUM,
        Fault::Version => MEMORY_POOL_ERR_RETAINED_VERSION,
        Fault::BlockSize => MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE,
        Fault::BlockCount => MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS,
        Fault::Tag => MEMORY_POOL_ERR_RETAINED_TAG,
        _ => MEMORY_POOL_ERR_RETAINED_MAP,
    }
}

/// Blocks of a retained pool, at most.
pub const MEMORY_POOL_RETAINED_MAX_BLOCKS: usize = microusc_retained::MAX_BLOCKS;

/// Retained pools that are open at one time, at most.
pub const MEMORY_POOL_RETAINED_MAX_OPEN: usize = 16;

/// What a retained pool shall be.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_retained_config_t {
    /// Bytes, at least a pointer's.
    pub block_size: usize,
    /// 1 to [`MEMORY_POOL_RETAINED_MAX_BLOCKS`].
    pub num_blocks: usize,
    /// For the meaning of the contents.
    pub tag: u32,
}

/// Words that the header reserves for the part of a retained pool in ordinary memory.
pub const MEMORY_POOL_RETAINED_STATE_WORDS: usize = 24;

/// The part of a retained pool in ordinary memory.
#[repr(C)]
#[derive(Debug)]
pub struct memory_pool_retained_t {
    /// The address of this struct while it is open: zeroed memory and copies are no pool.
    pub(crate) owner: *const memory_pool_retained_t,
    pub(crate) pool: MaybeUninit<RetainedPool<'static, PortLock>>,
}

const _: () = assert!(
    size_of::<memory_pool_retained_t>() <= MEMORY_POOL_RETAINED_STATE_WORDS * size_of::<usize>()
        && align_of::<memory_pool_retained_t>() <= align_of::<usize>(),
    "raise MEMORY_POOL_RETAINED_STATE_WORDS here and in the header"
);

impl memory_pool_retained_t {
    pub(crate) const CLOSED: Self = Self { owner: null(), pool: MaybeUninit::uninit() };
}

/// A snapshot of a retained pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "field by field as in the header")]
pub struct memory_pool_retained_info_t {
    pub block_size: usize,
    pub num_blocks: usize,
    pub used_blocks: usize,
    pub lowest_free: usize,
    pub alloc_failures: u32,
    pub refused_frees: u32,
    pub corruptions: u32,
}
