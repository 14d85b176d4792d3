//! The C types of `memory_pool_trace.h`.

use core::ffi::c_void;

use crate::types::memory_pool_t;

/// What was done.
pub type memory_pool_trace_op_t = u32;
/// A block was taken.
pub const MEMORY_POOL_TRACE_ALLOC: memory_pool_trace_op_t = 0;
/// A block is returned.
pub const MEMORY_POOL_TRACE_FREE: memory_pool_trace_op_t = 1;
/// There was no block to take.
pub const MEMORY_POOL_TRACE_REFUSED: memory_pool_trace_op_t = 2;

/// An operation on a pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_event_t {
    /// Microseconds since the start.
    pub time_us: u64,
    /// The pool.
    pub pool: *mut memory_pool_t,
    /// The block, or null.
    pub block: *const c_void,
    /// Bytes that were asked for: of a set, or when the pool was made.
    pub size: usize,
    /// What was done.
    pub operation: memory_pool_trace_op_t,
}

/// What is called for each operation.
pub type memory_pool_trace_callback_t = Option<unsafe extern "C" fn(event: *const memory_pool_event_t)>;
