//! Making and destroying sets: all classes or none.

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null};
use core::sync::atomic::AtomicBool;

use microusc_pool::{Error, Geometry, check_class_order};

use crate::control::block::Control;
use crate::control::memory;
use crate::control::overlap::Range;
use crate::control::registry::{self, Reservation, ReservationRequest};
use crate::pool::create::{self, Location};
use crate::pool::destroy::{self, DestroyOutcome};
use crate::refusals::{self, Refusal};
use crate::types::*;

use super::classes::is_live;

/// Makes a set. O(blocks of all classes).
///
/// # Safety
///
/// The struct may be written to, and lives as long as the set.
pub(crate) unsafe fn init(
    set: *mut memory_pool_set_t,
    wanted: &[memory_pool_set_class_t],
    placement: memory_placement_t,
) -> Result<(), Refusal> {
    if wanted.is_empty() {
        return Err(refusals::NO_CLASSES);
    }
    let align = memory::heap_request(placement, 0)?.align;
    let stride = |class: &memory_pool_set_class_t| {
        Geometry::new(class.block_size, align, class.num_blocks).map(|geometry| geometry.stride())
    };
    check_class_order(wanted.iter().map(stride)).map_err(|error| match error {
        Error::ClassesUnsorted | Error::ClassesAlike => refusals::CLASSES_UNSORTED,
        geometry => geometry.into(),
    })?;
    if is_live(set) {
        return Err(refusals::STILL_A_SET);
    }
    let place = ReservationRequest {
        place: set.cast_const().cast(),
        place_bytes: size_of::<memory_pool_set_t>(),
        memory: Range::EMPTY,
        inside: null(),
    };
    // SAFETY: the struct is the caller's to give, and no other call creates anything in it meanwhile.
    registry::reserve(&place, || unsafe { make(set, wanted, placement) })
}

/// # Safety
///
/// As [`init`]; the struct is reserved.
unsafe fn make(
    set: *mut memory_pool_set_t,
    wanted: &[memory_pool_set_class_t],
    placement: memory_placement_t,
) -> Result<(), Refusal> {
    // SAFETY: the struct is the caller's to give; its bytes may be any.
    let before: MaybeUninit<memory_pool_set_t> = unsafe { set.cast::<MaybeUninit<_>>().read() };
    let pool_at = |rank: usize| set.cast::<memory_pool_t>().wrapping_add(rank);
    for (rank, class) in wanted.iter().enumerate() {
        let (block_size, num_blocks) = (class.block_size, class.num_blocks);
        let config = memory_pool_config_t { block_size, num_blocks, placement, flags: 0, name: null() };
        let location = Location::Class(pool_at(rank), set.cast_const().cast());
        // SAFETY: inside the struct, which may be written to; there is no name.
        let Err(refusal) = (unsafe { create::create(location, &config) }) else { continue };
        for made in (0..rank).rev() {
            // SAFETY: created just now, and no other code knows the set.
            unsafe { destroy::destroy_class(pool_at(made)) };
        }
        // SAFETY: the struct is the caller's, and as it was.
        unsafe { set.cast::<MaybeUninit<_>>().write(before) };
        return Err(refusal);
    }
    let finish = || {
        // SAFETY: the struct may be written to, and the set is this context's until this returns.
        unsafe {
            for rank in wanted.len()..MEMORY_POOL_SET_MAX_CLASSES {
                pool_at(rank).write(memory_pool_t::ZEROED);
            }
            (&raw mut (*set).too_large).write(0);
            (&raw mut (*set).refused_frees).write(0);
            (&raw mut (*set).spilled_in).write([0; MEMORY_POOL_SET_MAX_CLASSES]);
            (&raw mut (*set).spill).write(AtomicBool::new(false));
            (&raw mut (*set).num_classes).write(wanted.len());
        }
    };
    // SAFETY: the first class was made above.
    unsafe { registry::complete_set(pool_at(0), finish) };
    Ok(())
}

/// Destroys a set. For each class, calls `before_release` with the number of blocks in use while its memory is still there, and
/// `after_release` with the outcome. If a class cannot be destroyed, destroys nothing and returns the outcome for that class.
/// O(pools) for each class, in one critical section.
///
/// # Safety
///
/// A set lives in the struct; nothing uses it meanwhile or afterwards.
pub(crate) unsafe fn destroy_set(
    set: *mut memory_pool_set_t,
    mut before_release: impl FnMut(&mut memory_pool_t, NonNull<Control>, usize),
    mut after_release: impl FnMut(DestroyOutcome),
) -> Result<(), DestroyOutcome> {
    let reservations = [const { Reservation::none() }; MEMORY_POOL_SET_MAX_CLASSES];
    let pools = reservations.iter().enumerate();
    let pools =
        pools.map(|(rank, reservation)| (set.cast::<memory_pool_t>().wrapping_add(rank), reservation));
    let mut classes = [const { None }; MEMORY_POOL_SET_MAX_CLASSES];
    let mut free = classes.iter_mut();
    let agreed = |control: NonNull<Control>, holds_another| {
        // SAFETY: on the registry, which is locked, so it is the live control block of its owner.
        let class = unsafe { DestroyOutcome::of((*control.as_ptr()).owner, control, holds_another) };
        if class.refusal().is_some() { Err(class) } else { Ok(()) }
    };
    let removed = |control, mut fields| {
        if let Some(class) = free.next() {
            // SAFETY: the registry is locked; live until it is released below; the fields are those of its struct.
            let ended = unsafe { DestroyOutcome::of(&mut fields, control, false) };
            *class = Some((control, fields, ended));
        }
    };
    // In the same critical section: then another context may make a set in the struct.
    // SAFETY: the set's struct; all zero is what a struct without a set is.
    let done = || unsafe { set.write_bytes(0, 1) };
    // SAFETY: the reservations live in this frame.
    unsafe { registry::remove_all(set.cast_const().cast(), pools, agreed, removed, done) }?;
    for (control, mut fields, mut ended) in classes.into_iter().flatten() {
        // SAFETY: off the registry, and nothing uses the pool.
        ended.in_use = unsafe { destroy::in_use_of_removed(control) };
        before_release(&mut fields, control, ended.in_use);
        // SAFETY: off the registry, and nothing uses the pool.
        unsafe { destroy::release(control) };
        after_release(ended);
    }
    Ok(())
}
