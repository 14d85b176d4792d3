//! Sets of pools of several block sizes.
//!
//! Beside the obligations of all functions: a pointer to a set is null, or points to a `memory_pool_set_t` that is
//! zeroed or holds a set, live or ended ([`memory_pool_set_init`] takes any bytes); and a set is not used while, or
//! after, another context ends it.

use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::slice;
use core::sync::atomic::Ordering;

use microusc_pool::Error;

use super::blocks::free;
use super::leaks::print_owners;
use crate::abi::*;
use crate::census::info_of;
use crate::report::{Caller, refused, report};
use crate::set;

/// The set, or why there is none.
///
/// # Safety
///
/// As every function here.
unsafe fn given(set: *mut memory_pool_set_t) -> Result<*mut memory_pool_set_t, esp_err_t> {
    if set.is_null() {
        return Err(ESP_ERR_INVALID_ARG);
    }
    // SAFETY: not null, so it points to a struct.
    if unsafe { (*set).num_classes } == 0 { Err(ESP_ERR_INVALID_STATE) } else { Ok(set) }
}

/// Refuses an address that no class is asked about, or must not be.
///
/// # Safety
///
/// `set` is a live set.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_refuse"))]
unsafe fn refuse(
    caller: Caller,
    set: *mut memory_pool_set_t,
    owner: Option<set::Class>,
    block: *const c_void,
) -> esp_err_t {
    // SAFETY: the set's own counter.
    unsafe { set::count(set, &raw mut (*set).refused_frees) };
    let error = owner.map_or(Error::NotABlock, |class| class.refusal(block.addr()));
    // SAFETY: the pool of a live set.
    let control = owner.and_then(|class| NonNull::new(unsafe { (*class.pool).control }));
    refused(reason_not_returned(error), block, caller, control)
}

/// Makes a set: every class, or nothing. O(blocks of all classes + pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_init(
    set: *mut memory_pool_set_t,
    classes: *const memory_pool_set_class_t,
    num_classes: usize,
    placement: memory_placement_t,
) -> esp_err_t {
    let made = if set.is_null() || classes.is_null() {
        Err(ESP_ERR_INVALID_ARG)
    } else if num_classes > MEMORY_POOL_SET_MAX_CLASSES {
        Err(ESP_ERR_INVALID_SIZE)
    } else {
        // SAFETY: obligation 2: so many classes, and a struct to write to.
        unsafe { set::init(set, slice::from_raw_parts(classes, num_classes), placement) }
    };
    made.err().map_or(ESP_OK, |reason| refused(reason, set.cast(), Caller::SetInit, None))
}

/// Ends a set, whatever is in use, unless tasks wait for a block of it or one is just being returned: all of it, or nothing.
/// O(pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_destroy(set: *mut memory_pool_set_t) {
    const CALLER: Caller = Caller::SetDestroy;
    if set.is_null() {
        return;
    }
    if !set::is_live(set) {
        let _reported = refused(ESP_ERR_INVALID_STATE, set.cast(), CALLER, None);
        return;
    }
    // SAFETY: live.
    for class in unsafe { set::classes(set) } {
        // SAFETY: a pool of the set.
        unsafe { print_owners(class.pool) };
    }
    let tell = |ended: crate::create::Ended| {
        if ended.in_use > 0 {
            report(CALLER.name(), MEMORY_POOL_ERR_IN_USE, ended.name.as_ptr(), set.cast(), ended.in_use);
        }
    };
    // SAFETY: live, and nobody else uses it.
    if let Err(class) = unsafe { set::end(set, tell) } {
        report(CALLER.name(), ESP_ERR_INVALID_STATE, class.name.as_ptr(), set.cast(), 0);
    }
}

/// Lets requests whose class is empty go one class up, or not. O(1), no critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_spill(set: *mut memory_pool_set_t, spill: bool) -> esp_err_t {
    // SAFETY: as for this function.
    match unsafe { given(set) } {
        Ok(set) => {
            // SAFETY: a live set; the flag is shared by design.
            unsafe { &(*set).spill }.store(spill, Ordering::Relaxed);
            ESP_OK
        }
        Err(reason) => refused(reason, set.cast(), Caller::SetSpill, None),
    }
}

/// Takes a block for `size` bytes, or null. O(classes); one critical section, with spill at most three.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_alloc"))]
pub unsafe extern "C" fn memory_pool_set_alloc(set: *mut memory_pool_set_t, size: usize) -> *mut c_void {
    // SAFETY: as for this function.
    let Ok(set) = (unsafe { given(set) }) else { return null_mut() };
    // SAFETY: a live set.
    unsafe { set::take(set, size) }.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// As [`memory_pool_set_alloc`], and says why not.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_alloc_reason"))]
pub unsafe extern "C" fn memory_pool_set_alloc_reason(
    set: *mut memory_pool_set_t,
    size: usize,
    reason: *mut esp_err_t,
) -> *mut c_void {
    // SAFETY: as for this function; what is given is a live set.
    let taken = unsafe { given(set).and_then(|set| set::take(set, size).map_err(reason_not_taken)) };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(taken.err().unwrap_or(ESP_OK)) };
    }
    taken.map_or(null_mut(), |block| block.as_ptr().cast())
}

/// Returns a block, or says why not. O(classes); one critical section.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_free"))]
pub unsafe extern "C" fn memory_pool_set_free(set: *mut memory_pool_set_t, block: *mut c_void) -> esp_err_t {
    const CALLER: Caller = Caller::SetFree;
    // SAFETY: as for this function.
    let set = match unsafe { given(set) } {
        Ok(set) => set,
        Err(reason) => return refused(reason, block, CALLER, None),
    };
    // SAFETY: a live set.
    match unsafe { set::owner(set, block.addr()) } {
        // SAFETY: a pool of the set; if `block` is one in use, its owner gives it up by this call.
        Some(class) => unsafe { free(CALLER, class.pool, block) },
        // SAFETY: a live set.
        None => unsafe { refuse(CALLER, set, None, block) },
    }
}

/// Bytes that the owner of `block` may use, or 0. O(classes); one critical section.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_usable_size"))]
pub unsafe extern "C" fn memory_pool_set_usable_size(
    set: *mut memory_pool_set_t,
    block: *const c_void,
) -> usize {
    // SAFETY: as for this function.
    let Ok(set) = (unsafe { given(set) }) else { return 0 };
    // SAFETY: a live set.
    let owner = unsafe { set::owner(set, block.addr()) }.filter(|class| class.owns(block.cast()));
    owner.map_or(0, |class| class.stride())
}

/// Makes a block one of at least `size` bytes, in place if that fits. O(classes), or O(its size) if it moves, outside
/// of every lock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_realloc(
    set: *mut memory_pool_set_t,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    const CALLER: Caller = Caller::SetRealloc;
    // SAFETY: as for this function.
    let set = match unsafe { given(set) } {
        Ok(set) => set,
        Err(reason) => {
            let _reported = refused(reason, block, CALLER, None);
            return null_mut();
        }
    };
    if block.is_null() {
        // SAFETY: a live set.
        return unsafe { memory_pool_set_alloc(set, size) };
    }
    // SAFETY: a live set.
    let owner = unsafe { set::owner(set, block.addr()) };
    let Some(class) = owner.filter(|class| class.owns(block.cast())) else {
        // SAFETY: a live set.
        let _reported = unsafe { refuse(CALLER, set, owner, block) };
        return null_mut();
    };
    if size <= class.stride() {
        return block;
    }
    // SAFETY: a live set.
    let Ok(moved) = (unsafe { set::take(set, size) }) else { return null_mut() };
    let (from, to) = (block.cast::<u32>(), moved.as_ptr().cast::<u32>());
    for word in 0..class.stride() / size_of::<u32>() {
        // SAFETY: inside both blocks, the new one of a larger class; both are the caller's. Volatile, so that it stays
        // a load and a store a word: this may be memory that faults on any other access.
        unsafe { to.add(word).write_volatile(from.add(word).read_volatile()) };
    }
    // SAFETY: a pool of the set; the block is in use, and its owner gives it up by this call.
    let _accepted = unsafe { free(CALLER, class.pool, block) };
    to.cast()
}

/// A snapshot of one class. O(blocks of the class), in critical sections of O(64), and one of O(1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_get_info(
    set: *mut memory_pool_set_t,
    index: usize,
    info: *mut memory_pool_set_info_t,
) -> esp_err_t {
    // SAFETY: as for this function.
    let set = match unsafe { given(set) } {
        Ok(set) => set,
        Err(reason) => return reason,
    };
    // SAFETY: a live set.
    let Some(class) = unsafe { set::class(set, index) }.filter(|_| !info.is_null()) else {
        return ESP_ERR_INVALID_ARG;
    };
    // SAFETY: a pool of the set.
    match unsafe { info_of(class.pool) } {
        Ok(pool) => {
            // SAFETY: a live set; `index` is that of a class.
            let spilled_in = unsafe { set::spilled_in(set, class.rank) };
            // SAFETY: obligation 2.
            unsafe { info.write(memory_pool_set_info_t { pool, spilled_in }) };
            ESP_OK
        }
        Err(reason) => reason,
    }
}
