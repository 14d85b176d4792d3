//! Destroying pools. From tasks only.

use core::ffi::{CStr, c_char};
use core::ptr::NonNull;

use microusc_pool::{AllocationMap, RawLock};
use microusc_port as port;

use crate::control::block::{Control, ControlMap, lock, with_queue};
use crate::control::overlap::OF_SET;
use crate::control::registry::{self, Reservation};
use crate::diagnostics::leaks::print_owners;
use crate::output::report::{from_task, refuse, report_error};
use crate::refusals::{self, Refusal};
use crate::types::*;
use crate::wait;

/// Destroys a pool, whatever is in use. O(pools + num_blocks), in critical sections of O(pools) and O(64).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_destroy(pool: *mut memory_pool_t) {
    // SAFETY: obligation 3.
    let _reported = unsafe { destroy(c"memory_pool_destroy", pool, false) };
}

/// Destroys a pool of which nothing is in use. O(pools * num_blocks / 64), in critical sections of O(pools + 64).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_destroy_unused(pool: *mut memory_pool_t) -> esp_err_t {
    // SAFETY: obligation 3.
    unsafe { destroy(c"memory_pool_destroy_unused", pool, true) }
}

/// # Safety
///
/// As [`destroy_pool`].
unsafe fn destroy(function: &'static CStr, pool: *mut memory_pool_t, only_unused: bool) -> esp_err_t {
    if pool.is_null() {
        return if only_unused { ESP_ERR_INVALID_ARG } else { ESP_OK };
    }
    if let Err(refusal) = from_task(function, pool.cast()) {
        return refusal.reason;
    }
    let show = |fields: &mut memory_pool_t, control, in_use| {
        if in_use > 0 {
            // SAFETY: the pool is off the registry, and known to no other code; the fields are those of its struct.
            unsafe { print_owners(fields, control, true) };
        }
    };
    // SAFETY: as the caller promises.
    let ended = unsafe { destroy_pool(pool, only_unused, show) };
    let Some(ended) = ended else {
        // SAFETY: obligation 1: a struct, whatever it holds.
        return if unsafe { is_zeroed(pool) } {
            ESP_ERR_INVALID_STATE
        } else {
            refuse(function, refusals::NOT_A_POOL, pool.cast())
        };
    };
    if let Some(refusal) = ended.refusal() {
        report_error(function, refusal, ended.name.as_ptr(), pool.cast(), 0);
        return refusal.reason;
    }
    if ended.in_use == 0 {
        return ESP_OK;
    }
    if only_unused && let Ok(control) = registry::live(pool) {
        // SAFETY: a live pool, which is left as it is.
        unsafe { print_owners(pool, control, false) };
    }
    report_error(function, MEMORY_POOL_ERR_IN_USE.into(), ended.name.as_ptr(), pool.cast(), ended.in_use);
    MEMORY_POOL_ERR_IN_USE
}

/// Whether every byte of a struct is zero: it never was a pool, or was one and ended.
///
/// # Safety
///
/// `place` may be read.
pub(crate) unsafe fn is_zeroed<T>(place: *const T) -> bool {
    // SAFETY: as the caller promises, byte by byte: they may be any.
    (0..size_of::<T>()).all(|at| unsafe { place.cast::<u8>().add(at).read() } == 0)
}

/// Destroys the pool in `pool`: takes it off the registry, returns its memory, zeroes a caller's struct. Returns the outcome, or
/// `None` if the struct holds no pool. O(pools).
///
/// Four kinds of pools are left as they are: those that tasks wait for, those of which a call is freeing a block, those with
/// another pool inside a block, and classes of a set. With `only_unused`, pools with blocks in use are left as well.
///
/// `before_release` is called when the pool is off the registry, where no other task finds it, and its memory is still there: with
/// the fields of its struct, its control block, and the number of blocks in use.
///
/// # Safety
///
/// Nothing uses the pool meanwhile or afterwards.
pub(crate) unsafe fn destroy_pool(
    pool: *mut memory_pool_t,
    only_unused: bool,
    before_release: impl FnOnce(&mut memory_pool_t, NonNull<Control>, usize),
) -> Option<DestroyOutcome> {
    let seen = if only_unused { in_use(pool) } else { 0 };
    let is_kept = |left: &mut DestroyOutcome, control: NonNull<Control>| {
        // SAFETY: live, with the registry locked, with which flags change.
        left.of_set = unsafe { (*control.as_ptr()).flags } & OF_SET != 0;
        left.in_use = left.in_use.max(seen);
        left.refusal().is_some() || only_unused && left.in_use > 0
    };
    // SAFETY: as the caller promises.
    unsafe { destroy_unless(pool, is_kept, before_release) }
}

/// Destroys a class of a set that could not be created.
///
/// # Safety
///
/// As [`destroy_pool`]; the caller is the call that creates the set.
pub(crate) unsafe fn destroy_class(pool: *mut memory_pool_t) {
    // SAFETY: as the caller promises.
    unsafe { destroy_unless(pool, |left, _| left.refusal().is_some(), |_, _, _| {}) };
}

/// # Safety
///
/// As [`destroy_pool`].
unsafe fn destroy_unless(
    pool: *mut memory_pool_t,
    is_kept: impl FnOnce(&mut DestroyOutcome, NonNull<Control>) -> bool,
    before_release: impl FnOnce(&mut memory_pool_t, NonNull<Control>, usize),
) -> Option<DestroyOutcome> {
    let mut ended = None;
    let agreed = |control, holds_another| {
        // SAFETY: on the registry, which is locked, so it is the live control block of `pool`.
        let left = ended.insert(unsafe { DestroyOutcome::of(pool, control, holds_another) });
        if is_kept(left, control) { Err(()) } else { Ok(()) }
    };
    let reservation = Reservation::none();
    // SAFETY: the reservation lives in this frame.
    let removed = unsafe { registry::remove(pool, &reservation, agreed) }?;
    if let Ok((control, mut fields)) = removed
        && let Some(ended) = &mut ended
    {
        // SAFETY: off the registry, and nothing uses the pool.
        ended.in_use = unsafe { in_use_of_removed(control) };
        before_release(&mut fields, control, ended.in_use);
        // SAFETY: off the registry, and nothing uses the pool.
        unsafe { release(control) };
    }
    ended
}

/// Blocks that a step of [`in_use`] looks at.
const STEP: usize = 64;

/// How many blocks of the pool at this address are in use, as the map says, which no stray write into a struct reaches. O(num_blocks),
/// in critical sections of O(pools + 64). 0 if there is no pool, also if another task ends it meanwhile.
fn in_use(pool: *const memory_pool_t) -> usize {
    let Ok(control) = registry::live(pool) else { return 0 };
    let mut found = 0;
    for first in (0..).step_by(STEP) {
        // SAFETY: live, as `while_live` says.
        match registry::while_live(pool, control, || unsafe { in_use_from(control, first) }).flatten() {
            Some(more) => found += more,
            None => break,
        }
    }
    found
}

/// The same of a pool that is off the registry. O(num_blocks), with its lock held for 64 blocks at a time.
///
/// # Safety
///
/// `control` is that of a pool that nothing uses.
pub(crate) unsafe fn in_use_of_removed(control: NonNull<Control>) -> usize {
    // SAFETY: as the caller promises.
    (0..).step_by(STEP).map_while(|first| unsafe { in_use_from(control, first) }).sum()
}

/// How many of the blocks from `first` on are in use; `None` if there is no such block. O(64); one critical section.
///
/// # Safety
///
/// `control` is live.
unsafe fn in_use_from(control: NonNull<Control>, first: usize) -> Option<usize> {
    // SAFETY: live, as the caller promises; a geometry does not change.
    let blocks = unsafe { (*control.as_ptr()).geometry.capacity() };
    let step = first..blocks.min(first.saturating_add(STEP));
    // SAFETY: the allocation map is behind the control block, a byte for each block, and the lock is held.
    (!step.is_empty()).then(|| unsafe {
        lock(control).with(|| {
            let marks = ControlMap::new(control.as_ptr().cast());
            step.filter(|index| marks.is_claimed(*index)).count()
        })
    })
}

/// Returns what a pool owns to the heap, the control block as well.
///
/// # Safety
///
/// The pool of `control` is off the registry, and nothing uses it.
pub(crate) unsafe fn release(control: NonNull<Control>) {
    // SAFETY: as the caller promises; what it owns was allocated for it.
    unsafe {
        let (memory, storage) = ((*control.as_ptr()).own_memory, (*control.as_ptr()).own_storage);
        let records = (*control.as_ptr()).diagnostics.own_memory();
        for owned in [records, storage, memory].into_iter().filter(|owned| !owned.is_null()) {
            port::release(owned);
        }
    }
}

/// What a destroyed pool leaves, or why it was not destroyed.
#[derive(Clone, Copy)]
pub(crate) struct DestroyOutcome {
    pub(crate) in_use: usize,
    /// Not destroyed: tasks wait for a block, or were granted one and have not returned from their call yet.
    waited_for: bool,
    /// Not destroyed: a call is freeing a block in two phases.
    being_freed: bool,
    /// Not destroyed: another pool lies in one of its blocks.
    holds_another: bool,
    /// Not destroyed: it is a class of a set, which is not destroyed by this call.
    of_set: bool,
    pub(crate) name: [c_char; MEMORY_POOL_NAME_SIZE],
}

impl DestroyOutcome {
    /// The outcome if the pool were destroyed now, or its whole set if it is a class of one. O(waiting calls); one critical section.
    ///
    /// # Safety
    ///
    /// `control` is that of `pool`. The registry is locked.
    pub(crate) unsafe fn of(
        pool: *mut memory_pool_t,
        control: NonNull<Control>,
        holds_another: bool,
    ) -> Self {
        // SAFETY: `control` is that of `pool`.
        unsafe {
            let (in_use, waited_for, being_freed) = with_queue(pool, control, |list, queue| {
                (list.used(), queue.waiting() > 0, (*control.as_ptr()).diagnostics.has_retiring_blocks())
            });
            let waited_for = waited_for || wait::has_waiting_call(control);
            Self {
                in_use,
                waited_for,
                being_freed,
                holds_another,
                of_set: false,
                name: (*control.as_ptr()).name,
            }
        }
    }

    /// Why the pool was not destroyed, unless it is that blocks are in use.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self { waited_for: true, .. } => Some(refusals::WAITED_FOR),
            Self { being_freed: true, .. } => Some(refusals::BEING_RETURNED),
            Self { holds_another: true, .. } => Some(refusals::HOLDS_A_POOL),
            Self { of_set: true, .. } => Some(refusals::IN_A_SET),
            _ => None,
        }
    }
}
