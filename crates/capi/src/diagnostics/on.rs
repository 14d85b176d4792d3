//! What is on, and what that does to blocks that are taken and returned.

mod poison;
mod sites;
mod trace;

use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicU32, Ordering};

use crate::diagnostics::call_sites_records::Record;
use microusc_pool::{Error, FreeList};

use super::{OF_POOL, Place};
use crate::diagnostics::trace_types::*;
use crate::pool::control::{Control, ControlMap, with_pool};
use crate::types::*;

pub(crate) use poison::{poison_is_whole, set_checks};
pub(crate) use sites::{begin_sites, end_sites, site_at};
pub(crate) use trace::{set_trace, set_trace_callback, trace_new_pools, traces_new_pools};

/// What is on.
pub(crate) type Modes = u32;

/// What can be on: records of who took each block.
const SITES: Modes = 1;
/// Blocks are filled when they are returned.
const FILL: Modes = 2;
/// Blocks are looked at when they are taken: every free one is filled.
const VERIFY: Modes = 4;
/// The program is told of every operation.
const TRACE: Modes = 8;
/// Where the records are, not a mode: in memory of the heap.
const OWN_RECORDS: Modes = 16;
/// A call is about to keep records, and no other may: not a mode either.
const SITES_BEGIN: Modes = 32;
/// All modes. What follows them in their word, 12 bits each: ...
const MODES: u32 = CALL - 1;
/// ... the number of calls that are returning blocks in two steps (of a task, or of an interrupt of it: never so many), ...
const CALL: u32 = 1 << 8;
/// ... and how often [`FILL`] was turned on or off, modulo 4096.
const TURN: u32 = 1 << 20;

/// What is on for one pool, and what that needs.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The modes, the number of [`CALL`]s and that of [`TURN`]s. Changed with the pool's lock held; what is looked at without it
    /// only says whether the lock is worth taking: relaxed, since the lock orders.
    modes: AtomicU32,
    /// A record for each block; null: none. Touched with the pool's lock held.
    records: *mut Record,
}

impl Watch {
    pub(crate) const fn none() -> Self {
        Self { modes: AtomicU32::new(0), records: null_mut() }
    }

    /// What is on now: for [`taken`], in the critical section that takes the block.
    #[inline(always)]
    pub(crate) fn modes(&self) -> Modes {
        self.modes.load(Ordering::Relaxed) & MODES
    }

    /// How often [`FILL`] was turned on or off so far, modulo 4096.
    fn turns(&self) -> u32 {
        self.modes.load(Ordering::Relaxed) / TURN
    }

    /// Whether anything is on: then a block is returned in two steps.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.modes() != 0
    }

    /// Whether blocks are on their way back, each by a call that has to touch the pool once more.
    pub(crate) fn is_retiring(&self) -> bool {
        self.modes.load(Ordering::Relaxed) % TURN / CALL != 0
    }

    /// Whether it is recorded who takes blocks.
    pub(crate) fn keeps_records(&self) -> bool {
        self.modes() & SITES != 0
    }

    /// Where the records of so many blocks are, and their bytes; 0 and 0 without records. With the pool's lock held.
    pub(crate) fn records(&self, blocks: usize) -> (usize, usize) {
        match self.records.is_null() {
            true => (0, 0),
            false => (self.records.addr(), blocks * size_of::<Record>()),
        }
    }

    /// The memory that goes back to the heap when the pool ends, or null.
    pub(crate) fn own_memory(&self) -> *mut u8 {
        if self.modes() & OWN_RECORDS != 0 { self.records.cast() } else { null_mut() }
    }
}

/// Turns modes off, then others on. O(1).
///
/// # Safety
///
/// `raw` is the pool of `control`, with its lock held.
unsafe fn change(control: NonNull<Control>, raw: &mut FreeList<'_, ControlMap>, on: Modes, off: Modes) {
    // SAFETY: a live control block.
    let watch = unsafe { &(*control.as_ptr()).watch };
    let word = watch.modes.load(Ordering::Relaxed);
    let turns = if (on | off) & FILL != 0 { TURN } else { 0 };
    let word = (word & !off | on).wrapping_add(turns);
    watch.modes.store(word, Ordering::Relaxed);
    raw.set_diagnostics(word & MODES != 0);
}

/// What is on that concerns a block which another task handed over: it came from its former owner at once.
pub(crate) fn handed_over(modes: Modes) -> Modes {
    modes & !VERIFY
}

/// Passes on what was taken, or not, after `modes`, which were on then, were done to it. O(1), or O(block size) while blocks are
/// filled.
///
/// # Safety
///
/// `control` is that of `pool`, which just gave the block to the caller; the lock is open.
#[inline(always)]
pub(crate) unsafe fn taken(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    taken: Result<NonNull<u8>, Error>,
    modes: Modes,
    place: Place,
    bytes: usize,
) -> Result<NonNull<u8>, Error> {
    if modes != 0 {
        // SAFETY: as the caller promises.
        unsafe { look(pool, control, taken.ok(), modes, place, bytes) };
    }
    taken
}

/// # Safety
///
/// As [`taken`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_look"))]
unsafe fn look(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: Option<NonNull<u8>>,
    modes: Modes,
    place: Place,
    bytes: usize,
) {
    // SAFETY: a live control block; the block is as the caller promises.
    unsafe {
        if let Some(block) = block {
            if modes & VERIFY != 0 {
                poison::verify(pool, control, block);
            }
            if modes & SITES != 0 {
                sites::note(pool, control, block, place);
            }
        }
        if modes & TRACE != 0 {
            let operation = if block.is_some() { MEMORY_POOL_TRACE_ALLOC } else { MEMORY_POOL_TRACE_REFUSED };
            trace::emit(pool, control, block.map_or(null_mut(), NonNull::as_ptr), bytes, operation);
        }
    }
}

/// Adds the place to what is recorded of `block`. O(1).
///
/// # Safety
///
/// `control` is that of `pool`, which just gave the block to the caller; the lock is open.
pub(crate) unsafe fn place(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    block: NonNull<u8>,
    place: Place,
) {
    // SAFETY: a live control block; the block is as the caller promises.
    unsafe {
        if (*control.as_ptr()).watch.keeps_records() {
            sites::note(pool, control, block, place);
        }
    }
}

/// Takes `blocks` from their owners, all or none: then they are leaving, by this caller. O(n), n being their number.
///
/// # Errors
///
/// As `FreeList::begin_free_batch`.
///
/// # Safety
///
/// `raw` is the pool of `control`, with its lock held, or nobody else uses the pool. If the blocks begin to leave, then they are
/// passed to [`finished`]; those in use, their owners give up.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_begin"))]
pub(crate) unsafe fn begin(
    control: NonNull<Control>,
    raw: &mut FreeList<'_, ControlMap>,
    blocks: &[*mut u8],
) -> Result<(), (usize, Error)> {
    // SAFETY: as the caller promises.
    unsafe {
        let begun = raw.begin_free_batch(blocks);
        count_calls(control, raw, if begun.is_ok() { CALL } else { 0 });
        begun
    }
}

/// Adds to the number of calls that are returning blocks; the fast path is closed while there are any. O(1).
///
/// # Safety
///
/// As [`begin`].
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_count_calls"))]
unsafe fn count_calls(control: NonNull<Control>, raw: &mut FreeList<'_, ControlMap>, by: u32) {
    // SAFETY: a live control block.
    let watch = unsafe { &(*control.as_ptr()).watch };
    watch.modes.store(watch.modes.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
    raw.set_retiring(watch.is_retiring());
}

/// Does to `block`, which is leaving, what was on when it was taken from its owner. O(1), or O(block size) while blocks are filled.
///
/// # Safety
///
/// `control` is that of `pool`; the block is leaving, by this caller; the lock is open.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_leaving"))]
pub(crate) unsafe fn leaving(
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

/// Puts `blocks`, to each of which [`leaving`] did `done`, on the list. O(n), n being their number.
///
/// # Safety
///
/// `raw` is the pool of `control`, with its lock held, or nobody else uses the pool; the blocks are leaving, all by one [`begin`] of
/// this caller.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_finished"))]
pub(crate) unsafe fn finished(
    control: NonNull<Control>,
    raw: &mut FreeList<'_, ControlMap>,
    blocks: &[*mut u8],
    done: Modes,
) {
    // SAFETY: as the caller promises; a live control block.
    unsafe {
        for block in blocks {
            if (*control.as_ptr()).watch.modes() & !done & FILL != 0 {
                poison::fill(control, *block); // turned on in between
            }
            if raw.finish_free(*block) {
                sites::returned(control, raw, *block);
            }
        }
        count_calls(control, raw, CALL.wrapping_neg());
    }
}

/// Turns modes on or off, unless one of `mode` is on, or all are off, already. O(1); one critical section.
///
/// # Safety
///
/// `control` is that of `pool`.
unsafe fn turn(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    mode: Modes,
    modes: Modes,
    on: bool,
) -> Result<(), esp_err_t> {
    // SAFETY: `control` is that of `pool`; the lock is held.
    unsafe {
        with_pool(pool, control, |raw| {
            if ((*control.as_ptr()).watch.modes() & mode != 0) == on {
                return Err(ESP_ERR_INVALID_STATE);
            }
            let (on, off) = if on { (modes, 0) } else { (0, modes) };
            change(control, raw, on, off);
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
