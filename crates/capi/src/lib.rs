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
//!   | num_blocks   |                      | lock, owner, name, next     |
//!   | free_blocks  |                      +-----------------------------+
//!   | control      | -------------------> | marks: one byte a block     |
//!   +--------------+                      +-----------------------------+
//! ```
//!
//! | module | what it is |
//! |---|---|
//! | [`types`] | the C types that features share |
//! | [`pool`] | pools: control block, registry, creation, blocks, batches, snapshots |
//! | [`wait`] | waiting for a block |
//! | [`set`] | pools of several block sizes: size to class, address to owner |
//! | [`retained`] | pools that survive a reset |
//! | [`drivers`] | drivers with their stacks from pools |
//! | [`diagnostics`] | call-site records, traces and checks of free blocks |
//! | [`output`] | log lines, prints, dumps, metrics |
//!
//! Obligations that every C function shares, beside those of its own (# Safety):
//!
//! 1. A pointer to a pool is null, or points to a `memory_pool_t` that is zeroed or holds a pool, live or ended.
//!    (Those that make a pool take any bytes.)
//! 2. Other pointers are null or valid for what their type says, strings with a terminating zero.
//! 3. A pool is not used while, or after, another context ends it.
#![allow(non_camel_case_types, reason = "the names are C's")]
#![allow(clippy::missing_safety_doc, reason = "the obligations are one list, above")]

pub mod diagnostics;
pub mod drivers;
pub mod output;
pub mod pool;
pub mod retained;
pub mod set;
pub mod types;
pub mod wait;

pub use diagnostics::api::*;
pub use diagnostics::leaks::*;
pub use diagnostics::leaks_types::*;
pub use diagnostics::trace_types::*;
pub use drivers::types::*;
pub use drivers::*;
pub use output::metrics_api::*;
pub use output::metrics_types::*;
pub use pool::batch::*;
pub use pool::blocks::*;
pub use pool::inspect::*;
pub use pool::lifecycle::*;
pub use retained::types::*;
pub use retained::*;
pub use set::api::*;
pub use set::types::*;
pub use types::*;
pub use wait::api::*;

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
