//! A pattern in free blocks, which shows later writes, also by code that does not own the block.
//!
//! ```text
//!   free block   | link | 0xFEE1DEAD | 0xFEE1DEAD | 0xFEE1DEAD | ...    all of it but the link, which is always checked
//! ```
//!
//! By aligned words, since blocks may lie in memory that takes no other accesses.

use core::ffi::CStr;
use core::ptr::NonNull;

use crate::control::block::{Control, modes, with_free_list};
use crate::control::modes::{ENABLED, FILL, VERIFY};
use crate::control::registry;
use crate::output::report::{Caller, from_task, refuse_from_ram};
use crate::refusals;
use crate::types::*;

use super::{report_result, set_modes};

const PATTERN: u32 = 0xFEE1_DEAD;
/// Words of the link.
const LINK: usize = size_of::<usize>() / size_of::<u32>();

/// Words of a block.
///
/// # Safety
///
/// A live control block.
unsafe fn words(control: NonNull<Control>) -> usize {
    // SAFETY: as the caller promises; a geometry does not change.
    unsafe { (*control.as_ptr()).geometry.stride() / size_of::<u32>() }
}

/// Fills a block. O(block size).
///
/// # Safety
///
/// The block is one of `control`'s pool, and nothing else uses it.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_fill"))]
pub(super) unsafe fn fill(control: NonNull<Control>, block: *mut u8) {
    let at = block.cast::<u32>();
    // SAFETY: as the caller promises.
    for word in LINK..unsafe { words(control) } {
        // SAFETY: inside the block. Volatile, so that it stays one store a word.
        unsafe { at.add(word).write_volatile(PATTERN) };
    }
}

/// The first word of a block that does not hold the pattern. O(block size).
///
/// # Safety
///
/// As [`fill`].
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_first_wrong"))]
unsafe fn first_wrong(control: NonNull<Control>, block: *mut u8) -> Option<*mut u32> {
    let at = block.cast::<u32>();
    // SAFETY: as the caller promises; inside the block, word by word.
    unsafe {
        let end = at.add(words(control));
        let mut at = at.add(LINK);
        while at != end {
            if at.read_volatile() != PATTERN {
                return Some(at);
            }
            at = at.add(1);
        }
    }
    None
}

/// Checks a block that was just allocated, and reports a write to it while it was free. O(block size).
///
/// # Safety
///
/// `control` is that of `pool`; the block is the caller's; the lock is released.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_verify"))]
pub(super) unsafe fn verify(pool: *mut memory_pool_t, control: NonNull<Control>, block: NonNull<u8>) {
    // SAFETY: as the caller promises.
    if let Some(wrong) = unsafe { first_wrong(control, block.as_ptr()) } {
        // SAFETY: `control` is that of `pool`.
        unsafe { with_free_list(pool, control, |list| list.count_damage()) };
        let _reported = refuse_from_ram(MEMORY_POOL_ERR_WRITTEN, wrong.cast(), Caller::Alloc, Some(control));
    }
}

/// Switches filling and checking on or off. O(bytes of the pool), with the lock held for one block at a time. From tasks.
///
/// # Safety
///
/// `control` is that of `pool`.
pub(crate) unsafe fn set_checks(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    on: bool,
) -> Result<(), esp_err_t> {
    if !ENABLED {
        return if on { Err(ESP_ERR_NOT_SUPPORTED) } else { Ok(()) };
    }
    // SAFETY: a live control block, here and below.
    let diagnostics = unsafe { &(*control.as_ptr()).diagnostics };
    // Both are switched off at once: blocks that are not filled any more are not checked any more.
    // SAFETY: `control` is that of `pool`, here and below.
    let switched = unsafe {
        with_free_list(pool, control, |list| {
            let switches = (diagnostics.modes() & FILL != 0) != on;
            if switches {
                let (on, off) = if on { (FILL, 0) } else { (0, FILL | VERIFY) };
                set_modes(control, list, on, off);
            }
            switches.then(|| diagnostics.switches())
        })
    };
    let Some(switch) = switched.filter(|_| on) else { return Ok(()) }; // it was on already, or it is off now
    // Blocks that are freed from now on are filled; so, one by one, are those that are free now.
    // SAFETY: as above; a free block has no owner while the lock is held.
    unsafe {
        for index in 0..(*control.as_ptr()).geometry.capacity() {
            with_free_list(pool, control, |list| {
                if let Some(block) = list.free_block_at(index) {
                    fill(control, block.as_ptr());
                }
            });
        }
        with_free_list(pool, control, |list| {
            // Unless it was switched off meanwhile: blocks that were freed then are not filled, even if it is on again.
            if diagnostics.switches() == switch {
                set_modes(control, list, VERIFY, 0);
            }
        });
    }
    Ok(())
}

/// An error with the first wrong word of any free block. Always `Ok` while free blocks are not checked. O(bytes of the pool), with
/// the lock held for one block at a time.
///
/// # Safety
///
/// `control` is that of `pool`.
pub(crate) unsafe fn poison_is_whole(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
) -> Result<(), *const u32> {
    if !ENABLED {
        return Ok(());
    }
    // SAFETY: `control` is that of `pool`; a free block has no owner while the lock is held.
    unsafe {
        for index in 0..(*control.as_ptr()).geometry.capacity() {
            let wrong = with_free_list(pool, control, |list| {
                // Read for each block: once checking is off, blocks are freed that are not filled.
                let block = list.free_block_at(index).filter(|_| modes(control) & VERIFY != 0)?;
                first_wrong(control, block.as_ptr())
            });
            if let Some(wrong) = wrong {
                return Err(wrong);
            }
        }
    }
    Ok(())
}

/// Which checks are made from now on. O(bytes of the pool), the lock held for one block at a time. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_checks(
    pool: *mut memory_pool_t,
    level: memory_pool_checks_t,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_set_checks";
    if let Err(refusal) = from_task(NAME, pool.cast()) {
        return refusal.reason;
    }
    let set = registry::live(pool).and_then(|control| match level {
        MEMORY_POOL_CHECKS_BASIC | MEMORY_POOL_CHECKS_POISON => {
            // SAFETY: `control` is that of `pool`.
            Ok(unsafe { set_checks(pool, control, level == MEMORY_POOL_CHECKS_POISON) }?)
        }
        _ => Err(refusals::UNKNOWN_LEVEL),
    });
    report_result(pool, set, NAME)
}
