//! Optional observation of pools, switched on at run time: call-site records, traces, and a pattern in free blocks.
//!
//! ```text
//!   nothing on:    the fast path is used; the other paths test one number
//!   a mode is on:  the fast path limit is 0, so every operation takes a slow path, or tests the number
//!
//!      alloc | lock held: block off the free list,  | lock released: its pattern is checked (poison), the call site recorded,
//!            |            modes read                |                the program's callback called (trace); then the owner gets it
//!      free  | lock held: block retires             | lock released: traced, filled | lock held: record cleared, block listed
//! ```
//!
//! The modes are read in the critical section that allocates the block: a block that was allocated before free blocks were filled
//! is not checked.
//!
//! Kernel, clock and program are called with the lock released, and blocks are filled and checked with the lock released: at
//! these moments a block belongs to this call alone.

pub mod leaks;
pub mod poison;
pub mod trace;

mod call_sites;

use core::ffi::c_void;
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::{Error, FreeList};

use crate::control::block::{Control, ControlMap, with_free_list};
use crate::control::modes::{CALL, FILL, Modes, RECORDS, TRACE, VERIFY};
use crate::control::registry;
use crate::diagnostics::trace::{MEMORY_POOL_TRACE_ALLOC, MEMORY_POOL_TRACE_FREE, MEMORY_POOL_TRACE_REFUSED};
use crate::output::report::{name_of, report_error};
use crate::refusals::Refusal;
use crate::types::*;

/// Where an alloc was called: a line of a file, or (line 0) the return address of the call, or (null) unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallSite {
    pub(crate) address: *const c_void,
    pub(crate) line: u32,
}

impl CallSite {
    /// The caller did not say.
    pub(crate) const NONE: Self = Self { address: null(), line: 0 };
}

/// The requested size of an alloc that asks for a block of the pool, whatever its size. (A number and a call site are passed, not
/// a struct of both: that would be passed by the address of a constant in flash.)
pub(crate) const OF_POOL: usize = 0;

/// Switches modes off, then others on. O(1).
///
/// # Safety
///
/// `list` is the free list of `control`, with its lock held.
unsafe fn set_modes(control: NonNull<Control>, list: &mut FreeList<'_, ControlMap>, on: Modes, off: Modes) {
    // SAFETY: a live control block.
    let is_on = unsafe { &(*control.as_ptr()).diagnostics }.set_modes(on, off);
    list.set_diagnostics(is_on);
}

/// Switches `modes` on or off; refused if one of `mode` is on, or all are off, already. O(1); one critical section.
///
/// # Safety
///
/// `control` is that of `pool`.
unsafe fn switch(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    mode: Modes,
    modes: Modes,
    on: bool,
) -> Result<(), esp_err_t> {
    // SAFETY: `control` is that of `pool`; the lock is held.
    unsafe {
        with_free_list(pool, control, |list| {
            if ((*control.as_ptr()).diagnostics.modes() & mode != 0) == on {
                return Err(ESP_ERR_INVALID_STATE);
            }
            let (on, off) = if on { (modes, 0) } else { (0, modes) };
            set_modes(control, list, on, off);
            Ok(())
        })
    }
}

/// The modes that apply to a block which another task handed over: it was never on the free list.
pub(crate) fn handed_over(modes: Modes) -> Modes {
    modes & !VERIFY
}

/// After an alloc, before its result reaches the caller: does what `modes` ask, and passes the result on. O(1), or O(block size)
/// while blocks are filled.
///
/// # Safety
///
/// `control` is that of `pool`, from which the block was just allocated for the caller; the lock is released.
#[inline(always)]
pub(crate) unsafe fn after_alloc(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    result: Result<NonNull<u8>, Error>,
    modes: Modes,
    site: CallSite,
    bytes: usize,
) -> Result<NonNull<u8>, Error> {
    if modes != 0 {
        // SAFETY: as the caller promises.
        unsafe { after_alloc_slow(pool, control, result.ok(), modes, site, bytes) };
    }
    result
}

/// # Safety
///
/// As [`after_alloc`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_after_alloc"))]
unsafe fn after_alloc_slow(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: Option<NonNull<u8>>,
    modes: Modes,
    site: CallSite,
    bytes: usize,
) {
    // SAFETY: a live control block; the block is as the caller promises.
    unsafe {
        if let Some(block) = block {
            if modes & VERIFY != 0 {
                poison::verify(pool, control, block);
            }
            if modes & RECORDS != 0 {
                call_sites::record(pool, control, block, site);
            }
        }
        if modes & TRACE != 0 {
            let operation = if block.is_some() { MEMORY_POOL_TRACE_ALLOC } else { MEMORY_POOL_TRACE_REFUSED };
            trace::emit(pool, control, block.map_or(null_mut(), NonNull::as_ptr), bytes, operation);
        }
    }
}

/// Adds the call site to the record of `block`, if records are kept. O(1).
///
/// # Safety
///
/// `control` is that of `pool`, from which the block was just allocated for the caller; the lock is released.
pub(crate) unsafe fn add_call_site(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: NonNull<u8>,
    site: CallSite,
) {
    // SAFETY: a live control block; the block is as the caller promises.
    unsafe {
        if (*control.as_ptr()).diagnostics.keeps_records() {
            call_sites::record(pool, control, block, site);
        }
    }
}

/// The first phase of freeing `blocks`, all or none: takes them from their owners. O(n), n being their number.
///
/// # Errors
///
/// As `FreeList::begin_free_batch`.
///
/// # Safety
///
/// `list` is the free list of `control`, with its lock held, or nothing else uses the pool. If this succeeds, the same blocks are
/// passed to [`finish_free`]. The owners of blocks in use give them up.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_begin_free"))]
pub(crate) unsafe fn begin_free(
    control: NonNull<Control>,
    list: &mut FreeList<'_, ControlMap>,
    blocks: &[*mut u8],
) -> Result<(), (usize, Error)> {
    // SAFETY: as the caller promises.
    unsafe {
        let begun = list.begin_free_batch(blocks);
        count_calls(control, list, if begun.is_ok() { CALL } else { 0 });
        begun
    }
}

/// Adds to the number of calls that are freeing blocks in two phases; while there are any, the fast path is not used. O(1).
///
/// # Safety
///
/// As [`begin_free`].
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_count_calls"))]
unsafe fn count_calls(control: NonNull<Control>, list: &mut FreeList<'_, ControlMap>, by: u32) {
    // SAFETY: a live control block.
    list.set_retiring(unsafe { &(*control.as_ptr()).diagnostics }.count_calls(by));
}

/// Between the two phases of a free: traces and fills `block`, as the modes of the first phase ask. O(1), or O(block size) while
/// blocks are filled.
///
/// # Safety
///
/// `control` is that of `pool`; the block is retiring, by this caller; the lock is released.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_retire"))]
pub(crate) unsafe fn retire(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: *mut u8,
    modes: Modes,
) {
    // SAFETY: a live control block; the block is as the caller promises.
    unsafe {
        if modes & TRACE != 0 {
            trace::emit(pool, control, block, OF_POOL, MEMORY_POOL_TRACE_FREE);
        }
        if modes & FILL != 0 {
            poison::fill(control, block);
        }
    }
}

/// The second phase: puts `blocks` on the free list, each of which [`retire`] treated as `done` asked. O(n), n being their number.
///
/// # Safety
///
/// `list` is the free list of `control`, with its lock held, or nothing else uses the pool; the blocks are retiring, all by one
/// [`begin_free`] of this caller.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_finish_free"))]
pub(crate) unsafe fn finish_free(
    control: NonNull<Control>,
    list: &mut FreeList<'_, ControlMap>,
    blocks: &[*mut u8],
    done: Modes,
) {
    // SAFETY: as the caller promises; a live control block.
    unsafe {
        for block in blocks {
            if (*control.as_ptr()).diagnostics.modes() & !done & FILL != 0 {
                poison::fill(control, *block); // switched on between the phases
            }
            if list.finish_free(*block) {
                call_sites::clear(control, list, *block);
            }
        }
        count_calls(control, list, CALL.wrapping_neg());
    }
}

/// The reason of a result, with a report of a refusal. O(pools) if it is one.
fn report_result(
    pool: *mut memory_pool_t,
    result: Result<(), Refusal>,
    function: &'static core::ffi::CStr,
) -> esp_err_t {
    let Err(refusal) = result else { return ESP_OK };
    // SAFETY: live, so there is a name, unless another task destroys the pool now: obligation 3.
    report_error(function, refusal, unsafe { name_of(registry::live(pool).ok()) }, pool.cast(), 0);
    refusal.reason
}

#[cfg(all(test, feature = "diagnostics"))]
mod tests;
