//! What a pool can be told to do besides, at run time: record who takes each block, tell of every operation, fill blocks that
//! are free and look at them again. One variant that can, one that has no code for it.
//!
//! ```text
//!   nothing on:    the gate stays as it is               the usual paths know nothing, the others test one number
//!   something on:  the gate is closed, so every operation ends on its rare path, or on one that tests the number
//!
//!      take | lock: block off the list, | open: what was left in it is looked at (poison), who has it is noted (sites),
//!           |       and what is on        |       the program is told (trace); then its owner gets it
//!      put  | lock: block from its owner, on no list | open: told, filled | lock: its record cleared, block on the list
//! ```
//!
//! What is on is asked in the critical section that takes the block: a block that was taken before free ones were filled is not
//! looked at.
//!
//! Kernel, clock and program are asked with the lock open, and a block is filled and looked at with the lock open: at these
//! moments it belongs to nobody else.

#[cfg_attr(feature = "diagnostics", path = "on.rs")]
#[cfg_attr(not(feature = "diagnostics"), path = "off.rs")]
mod variant;

pub mod api;
pub(crate) mod call_sites_records;
pub mod leaks;
pub mod leaks_types;
pub mod trace_types;

use core::ffi::c_void;

pub(crate) use variant::{
    Modes, Watch, begin, begin_sites, end_sites, finished, handed_over, leaving, place, poison_is_whole,
    set_checks, set_trace, set_trace_callback, site_at, taken, trace_new_pools, traces_new_pools,
};

/// What a caller says of the place it calls from: a line of a file, or (line 0) an address that a call returns to, or
/// (null) nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) at: *const c_void,
    pub(crate) line: u32,
}

impl Place {
    /// Nothing is said.
    pub(crate) const UNSAID: Self = Self { at: core::ptr::null(), line: 0 };
}

/// The bytes that are asked for: those that the pool was made for. (A number and a place, not a struct of both: that would be handed
/// over as an address, of a constant in flash.)
pub(crate) const OF_POOL: usize = 0;
