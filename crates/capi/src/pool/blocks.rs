//! Alloc and free of one block: the hot path. Nothing here waits for a block; `wait.rs` has the alloc that does.

use core::ffi::{c_char, c_void};
use core::ptr::{NonNull, null_mut};

use microusc_pool::{Error, RawLock};
use microusc_port::PortLock;

use crate::control::block::{
    Control, control_of, found, free_list, free_list_unlocked, lock, modes, with_free_list,
};
use crate::control::registry;
use crate::diagnostics::{self, CallSite, OF_POOL};
use crate::output::report::{Caller, refuse_from_ram};
use crate::types::*;
use crate::wait::{serve, wake};

type Saved = <PortLock as RawLock>::Saved;

/// Allocates a block, or null. O(1); one critical section; never waits. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc"))]
pub unsafe extern "C" fn memory_pool_alloc(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: as for this function.
    unsafe { alloc(pool, CallSite::NONE, no_pool_to_alloc) }
}

/// The fast path of every alloc. `no_pool` returns the result if the struct holds no pool.
///
/// # Safety
///
/// Obligations 1 and 3.
#[inline(always)]
pub(crate) unsafe fn alloc(
    pool: *mut memory_pool_t,
    site: CallSite,
    no_pool: impl FnOnce(*mut memory_pool_t) -> *mut c_void,
) -> *mut c_void {
    // SAFETY: obligation 1.
    let Some(control) = (unsafe { found(pool) }) else { return no_pool(pool) };
    // SAFETY: `control` is that of `pool`, and the lock is held.
    match unsafe { lock(control).with_or_stay_locked(|| free_list(pool, control).alloc_fast()) } {
        Ok(block) => block.as_ptr().cast(),
        // SAFETY: as above; the lock is still held.
        Err(saved) => unsafe { alloc_slow(pool, saved, site) },
    }
}

/// Allocates a block, or writes the reason for a null. O(1); one critical section; never waits. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_reason"))]
pub unsafe extern "C" fn memory_pool_alloc_reason(
    pool: *mut memory_pool_t,
    reason: *mut esp_err_t,
) -> *mut c_void {
    // SAFETY: as for this function.
    let (block, why) = unsafe { alloc_with_reason(pool, Caller::AllocReason) };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(why) };
    }
    block
}

/// A block, or null, with the reason.
///
/// # Safety
///
/// Obligations 1 and 3.
#[inline(always)]
unsafe fn alloc_with_reason(pool: *mut memory_pool_t, caller: Caller) -> (*mut c_void, esp_err_t) {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return (no_pool(reason, pool, caller), reason),
    };
    // SAFETY: `control` is that of `pool`; its lock is released before `after_alloc`.
    unsafe {
        let (allocated, modes) = with_free_list(pool, control, |list| (list.alloc(), modes(control)));
        let allocated = diagnostics::after_alloc(pool, control, allocated, modes, CallSite::NONE, OF_POOL);
        let why = allocated.map_or_else(reason_of_alloc, |_| ESP_OK);
        (block_or_report(allocated, pool, control, caller), why)
    }
}

/// Allocates a block and zeroes it, by words. O(block size), outside the critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_zeroed(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: as for this function.
    let (block, _) = unsafe { alloc_with_reason(pool, Caller::AllocZeroed) };
    if let Some(words) = NonNull::new(block.cast::<u32>()) {
        // SAFETY: a block was allocated, so there is a control block; a stride is a whole number of words.
        let count = unsafe { (*(*pool).control.cast::<Control>()).geometry.stride() } / size_of::<u32>();
        for word in 0..count {
            // SAFETY: inside the block, which is the caller's. Volatile, so that it stays one store a word: this may
            // be memory that faults on any other access, and `memset` may lie in flash.
            unsafe { words.add(word).write_volatile(0) };
        }
    }
    block
}

/// Frees a block. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free"))]
pub unsafe extern "C" fn memory_pool_free(pool: *mut memory_pool_t, block: *mut c_void) {
    // SAFETY: as for this function.
    let _reported = unsafe { free(Caller::Free, pool, block) };
}

/// Frees a block, or returns the reason why it is refused. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free_reason"))]
pub unsafe extern "C" fn memory_pool_free_reason(pool: *mut memory_pool_t, block: *mut c_void) -> esp_err_t {
    // SAFETY: as for this function.
    unsafe { free(Caller::FreeReason, pool, block) }
}

/// # Safety
///
/// Obligations 1 and 3; if `block` is one in use, its owner gives it up.
#[inline(always)]
pub(crate) unsafe fn free(caller: Caller, pool: *mut memory_pool_t, block: *mut c_void) -> esp_err_t {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return refuse_from_ram(reason, block, caller, None),
    };
    // SAFETY: `control` is that of `pool`, and the lock is held; the block is as the caller promises.
    match unsafe { lock(control).with_or_stay_locked(|| free_list(pool, control).free_fast(block.cast())) } {
        Ok(()) => ESP_OK,
        // SAFETY: as above; the lock is still held.
        Err(saved) => unsafe { free_slow(pool, block, control, saved, caller) },
    }
}

/// Allocates a block without the lock. O(1). For a pool that only one context ever uses.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_unsynchronized"))]
pub unsafe extern "C" fn memory_pool_alloc_unsynchronized(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: obligation 1.
    let Some(control) = (unsafe { found(pool) }) else { return no_pool_to_alloc_unsynchronized(pool) };
    // SAFETY: `control` is that of `pool`, which no other context uses, as the function's name demands.
    match unsafe { free_list_unlocked(pool, control).alloc_fast() } {
        Some(block) => block.as_ptr().cast(),
        // SAFETY: as above.
        None => unsafe { alloc_slow_unsynchronized(pool, control) },
    }
}

/// Frees a block without the lock, or returns the reason why it is refused. O(1). For a pool that only one context ever uses.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free_unsynchronized"))]
pub unsafe extern "C" fn memory_pool_free_unsynchronized(
    pool: *mut memory_pool_t,
    block: *mut c_void,
) -> esp_err_t {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return refuse_from_ram(reason, block, Caller::FreeUnsynchronized, None),
    };
    // SAFETY: `control` is that of `pool`, which no other context uses, as the function's name demands; if `block` is one in
    // use, its owner gives it up by this call.
    match unsafe { free_list_unlocked(pool, control).free_fast(block.cast()) } {
        Some(()) => ESP_OK,
        // SAFETY: as above.
        None => unsafe { free_slow_unsynchronized(pool, block, control) },
    }
}

/// Whether `address` is a block of the pool that is in use. O(pools); two critical sections. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_owns(pool: *mut memory_pool_t, address: *const c_void) -> bool {
    let Ok(control) = registry::live(pool) else { return false };
    // SAFETY: `control` is that of `pool`.
    unsafe { with_free_list(pool, control, |list| list.is_live(address.cast())) }
}

/// Allocates a block, and records the file and line of the call. O(1); with records two critical sections, otherwise one.
/// Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_at"))]
pub unsafe extern "C" fn memory_pool_alloc_at(
    pool: *mut memory_pool_t,
    line: u32,
    file: *const c_char,
) -> *mut c_void {
    // SAFETY: as for this function.
    unsafe {
        alloc(pool, CallSite { address: file.cast(), line }, |pool| {
            no_pool(reason_of_none(pool), pool, Caller::AllocAt)
        })
    }
}

/// Allocates a block, and records the return address of the call. As [`memory_pool_alloc_at`].
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_from"))]
pub unsafe extern "C" fn memory_pool_alloc_from(
    pool: *mut memory_pool_t,
    caller: *const c_void,
) -> *mut c_void {
    // SAFETY: as for this function.
    unsafe {
        alloc(pool, CallSite { address: caller, line: 0 }, |pool| {
            no_pool(reason_of_none(pool), pool, Caller::AllocFrom)
        })
    }
}

/// The slow path of [`alloc`], with the lock held, which it releases. The control block is looked up again: with five arguments some
/// cores would need the stack for the last, on the fast path as well.
///
/// # Safety
///
/// `pool` is live; its lock was acquired with `saved`.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_slow"))]
unsafe fn alloc_slow(pool: *mut memory_pool_t, saved: Saved, site: CallSite) -> *mut c_void {
    // SAFETY: a live pool has a control block; the lock is held until the release.
    unsafe {
        let control = NonNull::new_unchecked((*pool).control).cast::<Control>();
        let (allocated, modes) = (free_list(pool, control).alloc_slow(), modes(control));
        lock(control).release(saved);
        block_or_report(
            diagnostics::after_alloc(pool, control, allocated, modes, site, OF_POOL),
            pool,
            control,
            caller_of(site),
        )
    }
}

/// The slow path of [`memory_pool_alloc_unsynchronized`].
///
/// # Safety
///
/// `control` is that of `pool`, which nothing else uses.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_slow_unsynchronized"))]
unsafe fn alloc_slow_unsynchronized(pool: *mut memory_pool_t, control: NonNull<Control>) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe {
        let allocated = free_list_unlocked(pool, control).alloc_slow();
        let allocated =
            diagnostics::after_alloc(pool, control, allocated, modes(control), CallSite::NONE, OF_POOL);
        block_or_report(allocated, pool, control, Caller::AllocUnsynchronized)
    }
}

/// Reports that there is no pool, and returns null. It is called as the last step of an alloc, so that the compiler makes it a jump,
/// and the fast path needs no instruction to get past it.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_no_pool"))]
pub(crate) fn no_pool(reason: esp_err_t, pool: *mut memory_pool_t, caller: Caller) -> *mut c_void {
    let _reported = refuse_from_ram(reason, pool.cast(), caller, None);
    core::hint::black_box(null_mut())
}

/// [`no_pool`] for [`memory_pool_alloc`]. The argument alone is passed: any other would cost the fast path a register.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_no_pool_to_alloc"))]
fn no_pool_to_alloc(pool: *mut memory_pool_t) -> *mut c_void {
    no_pool(reason_of_none(pool), pool, Caller::Alloc)
}

/// [`no_pool`] for [`memory_pool_alloc_unsynchronized`], likewise with its argument alone.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_no_pool_to_alloc_unsynchronized"))]
fn no_pool_to_alloc_unsynchronized(pool: *mut memory_pool_t) -> *mut c_void {
    no_pool(reason_of_none(pool), pool, Caller::AllocUnsynchronized)
}

/// The reason that [`control_of`] gives for a struct that holds no pool.
#[inline(always)]
pub(crate) fn reason_of_none(pool: *mut memory_pool_t) -> esp_err_t {
    if pool.is_null() { ESP_ERR_INVALID_ARG } else { ESP_ERR_INVALID_STATE }
}

/// The block, or null. Every error is reported, except that no block is free for this caller: that is counted only.
///
/// # Safety
///
/// `control` is that of the live pool `pool`, and its lock is released.
#[inline(always)]
pub(crate) unsafe fn block_or_report(
    allocated: Result<NonNull<u8>, Error>,
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    caller: Caller,
) -> *mut c_void {
    match allocated {
        Ok(block) => block.as_ptr().cast(),
        Err(Error::Exhausted) => null_mut(),
        Err(error) => {
            let _reported = refuse_from_ram(reason_of_alloc(error), pool.cast(), caller, Some(control));
            null_mut()
        }
    }
}

/// The C function that passes this call site to [`alloc`].
#[inline(always)]
fn caller_of(site: CallSite) -> Caller {
    if site.line != 0 {
        Caller::AllocAt
    } else if site.address.is_null() {
        Caller::Alloc
    } else {
        Caller::AllocFrom
    }
}

/// The slow path of [`free`], with the lock held, which it releases before it reports.
///
/// # Safety
///
/// `control` is that of `pool`; its lock was acquired with `saved`; the block is as for [`free`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free_slow"))]
unsafe fn free_slow(
    pool: *mut memory_pool_t,
    block: *mut c_void,
    control: NonNull<Control>,
    saved: Saved,
    caller: Caller,
) -> esp_err_t {
    // SAFETY: a live control block.
    if unsafe { (*control.as_ptr()).diagnostics.is_on() } {
        // SAFETY: as the caller promises.
        return unsafe { free_in_two_phases(pool, block, control, saved, caller) };
    }
    // SAFETY: the lock is held until the release; the block is as the caller promises. Pool and queue are different
    // fields.
    let (answer, served) = unsafe {
        let mut list = free_list(pool, control);
        let answer = list.free_slow(block.cast());
        let served = serve(control, &mut list);
        lock(control).release(saved);
        (answer, served)
    };
    if let Some(waker) = served {
        wake(waker);
    }
    result_of_free(caller, answer, control, block)
}

/// [`free_slow`] while diagnostics are on: in two phases, with the lock released between them.
///
/// # Safety
///
/// As [`free_slow`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free_in_two_phases"))]
unsafe fn free_in_two_phases(
    pool: *mut memory_pool_t,
    block: *mut c_void,
    control: NonNull<Control>,
    saved: Saved,
    caller: Caller,
) -> esp_err_t {
    // SAFETY: the lock is held until the release. Then the block is retiring, if it was one in use, by this caller alone.
    let (answer, served) = unsafe {
        let begun = diagnostics::begin_free(control, &mut free_list(pool, control), &[block.cast()]);
        let (answer, modes) = (begun.map_err(|(_, error)| error), modes(control));
        lock(control).release(saved);
        if answer.is_ok() {
            diagnostics::retire(pool, control, block.cast(), modes);
        }
        let served = lock(control).with(|| {
            let mut list = free_list(pool, control);
            if answer.is_ok() {
                diagnostics::finish_free(control, &mut list, &[block.cast()], modes);
            }
            serve(control, &mut list)
        });
        (answer, served)
    };
    if let Some(waker) = served {
        wake(waker);
    }
    result_of_free(caller, answer, control, block)
}

/// The slow path of [`memory_pool_free_unsynchronized`].
///
/// # Safety
///
/// `control` is that of `pool`, which nothing else uses; the block is as for [`free`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free_slow_unsynchronized"))]
unsafe fn free_slow_unsynchronized(
    pool: *mut memory_pool_t,
    block: *mut c_void,
    control: NonNull<Control>,
) -> esp_err_t {
    // SAFETY: as the caller promises.
    let answer = unsafe {
        let mut list = free_list_unlocked(pool, control);
        if (*control.as_ptr()).diagnostics.is_on() {
            let begun =
                diagnostics::begin_free(control, &mut list, &[block.cast()]).map_err(|(_, error)| error);
            if begun.is_ok() {
                let modes = modes(control);
                diagnostics::retire(pool, control, block.cast(), modes);
                diagnostics::finish_free(control, &mut list, &[block.cast()], modes);
            }
            begun
        } else {
            list.free_slow(block.cast())
        }
    };
    result_of_free(Caller::FreeUnsynchronized, answer, control, block)
}

/// What a free returns. A refusal is reported.
fn result_of_free(
    caller: Caller,
    answer: Result<(), Error>,
    control: NonNull<Control>,
    block: *mut c_void,
) -> esp_err_t {
    match answer {
        Ok(()) => ESP_OK,
        Err(error) => refuse_from_ram(reason_of_free(error), block, caller, Some(control)),
    }
}
