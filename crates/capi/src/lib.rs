#![cfg_attr(not(feature = "host"), no_std)]
//! The C ABI of MicroUSC memory pools: `libmicrousc_memory.a` for `MicroUSC/system/memory_pool.h`.
//!
//! The header is the reference for C; this crate is the code behind it. No allocation logic lives here: a call is
//! checked for null, converted, and handed to [`microusc_pool::FreeList`].
//!
//! ```text
//!   memory_pool_t (the caller's)          control block (internal RAM)            storage (DRAM, PSRAM or IRAM)
//!   +--------------+                      +-----------------------------+         +---------+---------+----
//!   | memory_free  | -------------------------------------------------------------> block k | ...
//!   | memory       | -------------------------------------------------------------> block 0
//!   | block_size   |                      | base, geometry, counters    |         +---------+---------+----
//!   | num_blocks   |                      | lock, queue, name, next     |
//!   | free_blocks  |                      +-----------------------------+
//!   | control      | -------------------> | allocation map: 1 byte/block|
//!   +--------------+                      +-----------------------------+
//! ```
//!
//! ```text
//!   set   retained   drivers          features that stand on pools
//!           pool                      the functions on one pool: create, destroy, blocks, batch, inspect
//!           wait                      waiting for a block
//!        diagnostics                  call-site records, traces, checks of free blocks
//!          output                     log lines, prints, dumps, metrics
//!          control                    control block, list of live pools, memory
//!         refusals                    reasons and next steps
//!           types                     the C types that features share
//! ```
//!
//! Dependencies point down. Each feature has its C types, its C functions and its logic in one file or folder.
//!
//! Obligations that every C function shares, beside those of its own (# Safety):
//!
//! 1. A pointer to a pool is null, or points to a `memory_pool_t` that is zeroed or holds a pool, live or ended.
//!    (Those that make a pool take any bytes.)
//! 2. Other pointers are null or valid for what their type says, strings with a terminating zero.
//! 3. A pool is not used while, or after, another context ends it.
#![allow(non_camel_case_types, reason = "the names are C's")]
#![allow(clippy::missing_safety_doc, reason = "the obligations are one list, above")]

mod control;
pub mod diagnostics;
pub mod drivers;
pub mod output;
pub mod pool;
mod refusals;
pub mod retained;
pub mod set;
pub mod types;
pub mod wait;

pub use diagnostics::leaks::*;
pub use diagnostics::poison::*;
pub use diagnostics::trace::*;
pub use drivers::*;
pub use output::metrics::*;
pub use pool::batch::*;
pub use pool::blocks::*;
pub use pool::create::*;
pub use pool::destroy::*;
pub use pool::inspect::*;
pub use retained::*;
pub use set::*;
pub use types::*;
pub use wait::*;

#[cfg(feature = "freertos")]
pub use microusc_port::microusc_freertos_set_writer;
#[cfg(feature = "bare")]
pub use microusc_port::{
    microusc_bare_set_clock, microusc_bare_set_heap, microusc_bare_set_wait, microusc_bare_set_writer,
};
#[cfg(feature = "host")]
pub use microusc_port::{
    microusc_host_chip_address, microusc_host_fail_allocation, microusc_host_free_bytes,
    microusc_host_interrupt_at_release, microusc_host_misplace_allocation, microusc_host_select_chip,
    microusc_host_set_context,
};
