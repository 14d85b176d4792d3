//! Blocks that are free hold a pattern, so that whoever writes to one is found out, wherever he writes.
//!
//! ```text
//!   free block   | link | 0xFEE1DEAD | 0xFEE1DEAD | 0xFEE1DEAD | ...    all of it but the link, which is checked anyway
//! ```
//!
//! By aligned words, since blocks may lie in memory that takes nothing else.

use core::ptr::NonNull;

use crate::output::report::{Caller, refused};
use crate::pool::control::{Control, modes, with_pool};
use crate::types::*;

use super::{FILL, VERIFY, change};

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
/// The block is one of `control`'s pool, and nobody else uses it.
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

/// Looks at a block that was just taken, and tells of a write to it while it was free. O(block size).
///
/// # Safety
///
/// `control` is that of `pool`; the block is the caller's; the lock is open.
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_verify"))]
pub(super) unsafe fn verify(pool: *mut memory_pool_t, control: NonNull<Control>, block: NonNull<u8>) {
    // SAFETY: as the caller promises.
    if let Some(wrong) = unsafe { first_wrong(control, block.as_ptr()) } {
        // SAFETY: `control` is that of `pool`.
        unsafe { with_pool(pool, control, |raw| raw.count_damage()) };
        let _reported = refused(MEMORY_POOL_ERR_WRITTEN, wrong.cast(), Caller::Alloc, Some(control));
    }
}

/// Turns filling and looking on or off. O(bytes of the pool), with the lock held for one block at a time. From tasks.
///
/// # Safety
///
/// `control` is that of `pool`.
pub(crate) unsafe fn set_checks(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    on: bool,
) -> Result<(), esp_err_t> {
    // SAFETY: a live control block, here and below.
    let watch = unsafe { &(*control.as_ptr()).watch };
    // Both end in one moment: what is not filled any more is not looked at any more.
    // SAFETY: `control` is that of `pool`, here and below.
    let turned = unsafe {
        with_pool(pool, control, |raw| {
            let turns = (watch.modes() & FILL != 0) != on;
            if turns {
                let (on, off) = if on { (FILL, 0) } else { (0, FILL | VERIFY) };
                change(control, raw, on, off);
            }
            turns.then(|| watch.turns())
        })
    };
    let Some(turn) = turned.filter(|_| on) else { return Ok(()) }; // as it was, or off
    // What is returned from now on is filled; so, one by one, is what was free.
    // SAFETY: as above; a free block is nobody's while the lock is held.
    unsafe {
        for index in 0..(*control.as_ptr()).geometry.capacity() {
            with_pool(pool, control, |raw| {
                if let Some(block) = raw.free_block_at(index) {
                    fill(control, block.as_ptr());
                }
            });
        }
        with_pool(pool, control, |raw| {
            // Unless it was turned off meanwhile: blocks that were returned then are not filled, even if it is on again.
            if watch.turns() == turn {
                change(control, raw, VERIFY, 0);
            }
        });
    }
    Ok(())
}

/// The first wrong word of any free block, or null; null if nothing is looked at. O(bytes of the pool), with the lock held for one
/// block at a time.
///
/// # Safety
///
/// `control` is that of `pool`.
pub(crate) unsafe fn poison_is_whole(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
) -> Result<(), *const u32> {
    // SAFETY: `control` is that of `pool`; a free block is nobody's while the lock is held.
    unsafe {
        for index in 0..(*control.as_ptr()).geometry.capacity() {
            let wrong = with_pool(pool, control, |raw| {
                // Asked for each block: once it is off, blocks are returned that are not filled.
                let block = raw.free_block_at(index).filter(|_| modes(control) & VERIFY != 0)?;
                first_wrong(control, block.as_ptr())
            });
            if let Some(wrong) = wrong {
                return Err(wrong);
            }
        }
    }
    Ok(())
}
