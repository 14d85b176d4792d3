//! The C functions: null-check, convert, delegate. One file for each section of the header.
//!
//! Obligations that every function shares, beside those of its own (# Safety):
//!
//! 1. A pointer to a pool is null, or points to a `memory_pool_t` that is zeroed or holds a pool, live or ended.
//!    (Those that make a pool take any bytes.)
//! 2. Other pointers are null or valid for what their type says, strings with a terminating zero.
//! 3. A pool is not used while, or after, another context ends it.
#![allow(clippy::missing_safety_doc, reason = "the obligations are one list, above")]

mod batch;
mod blocks;
mod inspect;
mod leaks;
mod lifecycle;
mod metrics;
mod retained;
mod set;
mod system;
mod wait;
mod watch;

pub use batch::*;
pub use blocks::*;
pub use inspect::*;
pub use leaks::*;
pub use lifecycle::*;
pub use metrics::*;
pub use retained::*;
pub use set::*;
pub use system::*;
pub use wait::*;
pub use watch::*;

#[cfg(feature = "freertos")]
pub use crate::port::microusc_freertos_set_writer;
#[cfg(feature = "bare")]
pub use crate::port::{
    microusc_bare_set_clock, microusc_bare_set_heap, microusc_bare_set_wait, microusc_bare_set_writer,
};
#[cfg(feature = "host")]
pub use crate::port::{
    microusc_host_chip_address, microusc_host_fail_allocation, microusc_host_free_bytes,
    microusc_host_interrupt_at_release, microusc_host_misplace_allocation, microusc_host_select_chip,
    microusc_host_set_context,
};
