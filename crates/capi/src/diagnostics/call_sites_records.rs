//! Call-site records: who took each block, when, and from where. What a leak report is made of.
//!
//! ```text
//!   pool:     | block 0 | block 1 | block 2 | ...         nothing is kept in the blocks
//!   records:  | site    | -       | site    | ...         one for each block, found by its number: O(1)
//! ```
//!
//! A record is written when its block is taken and cleared when it is returned, so it lives exactly as long as its block,
//! there is always room for it, and a report needs no search. Times have 64 bits: they do not wrap.

use core::ffi::c_void;

/// Where and when a block was taken. A file name and a return address are both an address: which of them is known from
/// `line`, which is 0 for a return address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Site {
    /// Microseconds since the start.
    pub(crate) time_us: u64,
    /// The file's name, a C string that lives for ever; or the address that the call returns to.
    pub(crate) place: *const c_void,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub(crate) task: *const c_void,
    /// The line in that file, or 0.
    pub(crate) line: u32,
    /// The core.
    pub(crate) core: u8,
    /// Taken by an interrupt.
    pub(crate) in_interrupt: bool,
}

/// What is kept for each block: a site, or nothing.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Record(pub(crate) Option<Site>);

/// What the C header reserves for each record; a few bytes fewer in fact.
const _: () = assert!(size_of::<Record>() <= 16 + 2 * size_of::<usize>() && align_of::<Record>() <= 8);

impl Record {
    /// No site.
    #[cfg_attr(not(feature = "diagnostics"), expect(dead_code, reason = "no record is cleared"))]
    pub(crate) const NONE: Self = Self(None);
}
