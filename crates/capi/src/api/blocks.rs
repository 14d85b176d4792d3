//! Taking and returning blocks: the hot path.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

use microusc_pool::{Error, RawLock};

use crate::abi::*;
use crate::control::{Control, alone, control_of, lock, modes, raw, with_pool};
use crate::port::PortLock;
use crate::report::{Caller, refused};
use crate::wait::{serve, wake};
use crate::watch::{self, OF_POOL, Place};

type Saved = <PortLock as RawLock>::Saved;

/// Takes a block, or null. O(1); one critical section; never waits. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc"))]
pub unsafe extern "C" fn memory_pool_alloc(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: as for this function.
    unsafe { alloc(pool, Place::UNSAID) }
}

/// # Safety
///
/// Obligations 1 and 3.
#[inline(always)]
pub(super) unsafe fn alloc(pool: *mut memory_pool_t, place: Place) -> *mut c_void {
    // SAFETY: obligation 1.
    let Ok(control) = (unsafe { control_of(pool) }) else { return nothing() };
    // SAFETY: `control` is that of `pool`, and the lock is held.
    match unsafe { lock(control).try_with(|| raw(pool, control).try_take()) } {
        Ok(block) => block.as_ptr().cast(),
        // SAFETY: as above; the lock is still held.
        Err(saved) => unsafe { take_otherwise(pool, saved, place) },
    }
}

/// Takes a block, and says why not. O(1); one critical section; never waits. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_reason"))]
pub unsafe extern "C" fn memory_pool_alloc_reason(
    pool: *mut memory_pool_t,
    reason: *mut esp_err_t,
) -> *mut c_void {
    // SAFETY: obligation 1.
    let taken = unsafe { control_of(pool) }.and_then(|control| {
        // SAFETY: `control` is that of `pool`.
        let (taken, modes) = unsafe { with_pool(pool, control, |raw| (raw.take(), modes(control))) };
        // SAFETY: as above.
        unsafe { watch::taken(pool, control, taken, modes, Place::UNSAID, OF_POOL) }.map_err(reason_not_taken)
    });
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(taken.err().unwrap_or(ESP_OK)) };
    }
    taken.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// Takes a block and zeroes it, by words. O(block size), outside the critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_alloc_zeroed(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: as for this function.
    let block = unsafe { memory_pool_alloc(pool) };
    if let Some(words) = NonNull::new(block.cast::<u32>()) {
        // SAFETY: a block was taken, so there is a control block; a stride is a whole number of words.
        let count = unsafe { (*(*pool).control).geometry.stride() } / size_of::<u32>();
        for word in 0..count {
            // SAFETY: inside the block, which is the caller's. Volatile, so that it stays one store a word: this may
            // be memory that faults on any other access, and `memset` may lie in flash.
            unsafe { words.add(word).write_volatile(0) };
        }
    }
    block
}

/// Returns a block. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free"))]
pub unsafe extern "C" fn memory_pool_free(pool: *mut memory_pool_t, block: *mut c_void) {
    // SAFETY: as for this function.
    let _reported = unsafe { free(Caller::Free, pool, block) };
}

/// Returns a block, or says why not. O(1); one critical section. Tasks, interrupts, both cores.
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
pub(super) unsafe fn free(caller: Caller, pool: *mut memory_pool_t, block: *mut c_void) -> esp_err_t {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return refused(reason, block, caller, None),
    };
    // SAFETY: `control` is that of `pool`, and the lock is held; the block is as the caller promises.
    match unsafe { lock(control).try_with(|| raw(pool, control).try_put(block.cast())) } {
        Ok(()) => ESP_OK,
        // SAFETY: as above; the lock is still held.
        Err(saved) => unsafe { put_otherwise(pool, block, control, saved, caller) },
    }
}

/// Takes a block without the lock. O(1). For a pool that only one context ever uses.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_alloc_unsynchronized"))]
pub unsafe extern "C" fn memory_pool_alloc_unsynchronized(pool: *mut memory_pool_t) -> *mut c_void {
    // SAFETY: obligation 1.
    let Ok(control) = (unsafe { control_of(pool) }) else { return nothing() };
    // SAFETY: `control` is that of `pool`, which nobody else uses, as the function's name asks.
    match unsafe { alone(pool, control).try_take() } {
        Some(block) => block.as_ptr().cast(),
        // SAFETY: as above.
        None => unsafe { take_otherwise_alone(pool, control) },
    }
}

/// Returns a block without the lock, or says why not. O(1). For a pool that only one context ever uses.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_free_unsynchronized"))]
pub unsafe extern "C" fn memory_pool_free_unsynchronized(
    pool: *mut memory_pool_t,
    block: *mut c_void,
) -> esp_err_t {
    // SAFETY: obligation 1.
    let control = match unsafe { control_of(pool) } {
        Ok(control) => control,
        Err(reason) => return refused(reason, block, Caller::FreeUnsynchronized, None),
    };
    // SAFETY: `control` is that of `pool`, which nobody else uses, as the function's name asks; if `block` is one in
    // use, its owner gives it up by this call.
    match unsafe { alone(pool, control).try_put(block.cast()) } {
        Some(()) => ESP_OK,
        // SAFETY: as above.
        None => unsafe { put_otherwise_alone(pool, block, control) },
    }
}

/// Whether `address` is a block of the pool that is in use. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_owns(pool: *mut memory_pool_t, address: *const c_void) -> bool {
    // SAFETY: obligation 1.
    let Ok(control) = (unsafe { control_of(pool) }) else { return false };
    // SAFETY: `control` is that of `pool`.
    unsafe { with_pool(pool, control, |raw| raw.is_live(address.cast())) }
}

/// The rare end of [`alloc`], with the lock held, which it opens. The control block is looked up again: with five arguments some
/// cores would need the stack for the last, in the usual path as well.
///
/// # Safety
///
/// `pool` is live; its lock was acquired with `saved`.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_take_otherwise"))]
unsafe fn take_otherwise(pool: *mut memory_pool_t, saved: Saved, place: Place) -> *mut c_void {
    // SAFETY: a live pool has a control block; the lock is held until the release.
    unsafe {
        let control = NonNull::new_unchecked((*pool).control);
        let (taken, modes) = (raw(pool, control).take_otherwise(), modes(control));
        lock(control).release(saved);
        pointer(watch::taken(pool, control, taken, modes, place, OF_POOL))
    }
}

/// The rare end of [`memory_pool_alloc_unsynchronized`].
///
/// # Safety
///
/// `control` is that of `pool`, which nobody else uses.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_take_otherwise_alone"))]
unsafe fn take_otherwise_alone(pool: *mut memory_pool_t, control: NonNull<Control>) -> *mut c_void {
    // SAFETY: as the caller promises.
    unsafe {
        let taken = alone(pool, control).take_otherwise();
        pointer(watch::taken(pool, control, taken, modes(control), Place::UNSAID, OF_POOL))
    }
}

/// No pool, no block. A call at the end, so that the usual path need not meet this one at a common return.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_nothing"))]
fn nothing() -> *mut c_void {
    core::hint::black_box(null_mut())
}

fn pointer(taken: Result<NonNull<u8>, Error>) -> *mut c_void {
    taken.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// The rare end of [`free`], with the lock held, which it opens before it reports.
///
/// # Safety
///
/// `control` is that of `pool`; its lock was acquired with `saved`; the block is as for [`free`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_put_otherwise"))]
unsafe fn put_otherwise(
    pool: *mut memory_pool_t,
    block: *mut c_void,
    control: NonNull<Control>,
    saved: Saved,
    caller: Caller,
) -> esp_err_t {
    // SAFETY: a live control block.
    if unsafe { (*control.as_ptr()).watch.is_on() } {
        // SAFETY: as the caller promises.
        return unsafe { put_watched(pool, block, control, saved, caller) };
    }
    // SAFETY: the lock is held until the release; the block is as the caller promises. Pool and queue are different
    // fields.
    let (answer, served) = unsafe {
        let mut raw = raw(pool, control);
        let answer = raw.put_otherwise(block.cast());
        let served = serve(control, &mut raw);
        lock(control).release(saved);
        (answer, served)
    };
    if let Some(waker) = served {
        wake(waker);
    }
    told(caller, answer, control, block)
}

/// The same in two steps, with the lock open in between.
///
/// # Safety
///
/// As [`put_otherwise`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_put_watched"))]
unsafe fn put_watched(
    pool: *mut memory_pool_t,
    block: *mut c_void,
    control: NonNull<Control>,
    saved: Saved,
    caller: Caller,
) -> esp_err_t {
    // SAFETY: the lock is held until the release. Then the block is leaving, if it was one in use, by this caller alone.
    let (answer, served) = unsafe {
        let begun = watch::begin(control, &mut raw(pool, control), &[block.cast()]);
        let (answer, modes) = (begun.map_err(|(_, error)| error), modes(control));
        lock(control).release(saved);
        if answer.is_ok() {
            watch::leaving(pool, control, block.cast(), modes);
        }
        let served = lock(control).with(|| {
            let mut raw = raw(pool, control);
            if answer.is_ok() {
                watch::finished(control, &mut raw, &[block.cast()], modes);
            }
            serve(control, &mut raw)
        });
        (answer, served)
    };
    if let Some(waker) = served {
        wake(waker);
    }
    told(caller, answer, control, block)
}

/// The rare end of [`memory_pool_free_unsynchronized`].
///
/// # Safety
///
/// `control` is that of `pool`, which nobody else uses; the block is as for [`free`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_put_otherwise_alone"))]
unsafe fn put_otherwise_alone(
    pool: *mut memory_pool_t,
    block: *mut c_void,
    control: NonNull<Control>,
) -> esp_err_t {
    // SAFETY: as the caller promises.
    let answer = unsafe {
        let mut raw = alone(pool, control);
        if (*control.as_ptr()).watch.is_on() {
            let begun = watch::begin(control, &mut raw, &[block.cast()]).map_err(|(_, error)| error);
            if begun.is_ok() {
                let modes = modes(control);
                watch::leaving(pool, control, block.cast(), modes);
                watch::finished(control, &mut raw, &[block.cast()], modes);
            }
            begun
        } else {
            raw.put_otherwise(block.cast())
        }
    };
    told(Caller::FreeUnsynchronized, answer, control, block)
}

fn told(
    caller: Caller,
    answer: Result<(), Error>,
    control: NonNull<Control>,
    block: *mut c_void,
) -> esp_err_t {
    match answer {
        Ok(()) => ESP_OK,
        Err(error) => refused(reason_not_returned(error), block, caller, Some(control)),
    }
}
