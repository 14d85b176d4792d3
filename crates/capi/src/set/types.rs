//! The C types and numbers of `memory_pool_set.h`.

use core::sync::atomic::AtomicBool;

use crate::types::{memory_pool_info_t, memory_pool_t};

/// Classes of a set, at most.
pub const MEMORY_POOL_SET_MAX_CLASSES: usize = 8;

/// What one class of a set shall be.
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
    /// A request whose class is empty goes one class up.
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
