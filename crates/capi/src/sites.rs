//! Records of who took each block of a pool, for leak reports: one variant that keeps them, one that has no code for it.
//!
//! ```text
//!   off:  the gate stays as it is                          the usual paths know nothing, the others test one pointer
//!   on:   the gate is closed, so every operation ends on its rare path, or on one that tests the pointer
//!           taken     the block has an owner who does not know it yet: a record is written into the block's slot
//!           returned  the slot is cleared, in the critical section that returns the block
//! ```
//!
//! Where and when the caller runs is asked with the lock open, since a kernel and a clock have to be asked; then the record
//! is written with the lock held, if the block is still in use.

#[cfg_attr(feature = "call-sites", path = "sites/kept.rs")]
#[cfg_attr(not(feature = "call-sites"), path = "sites/none.rs")]
mod variant;

use core::ffi::c_void;

pub(crate) use variant::{Records, begin, end, returned, site_at, taken};

/// What a caller says of the place it calls from: a line of a file, or (line 0) an address that a call returns to, or
/// (null) nothing.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "call-sites"), expect(dead_code, reason = "only records look at it"))]
pub(crate) struct Place {
    pub(crate) at: *const c_void,
    pub(crate) line: u32,
}

impl Place {
    /// Nothing is said.
    pub(crate) const UNSAID: Self = Self { at: core::ptr::null(), line: 0 };
}
