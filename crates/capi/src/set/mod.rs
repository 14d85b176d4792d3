//! Sets of pools of several block sizes.
//!
//! Beside the obligations of all functions: a pointer to a set is null, or points to a `memory_pool_set_t` that is
//! zeroed or holds a set, live or ended ([`memory_pool_set_init`] takes any bytes); and a set is not used while, or
//! after, another context ends it.

mod classes;
mod create;

use core::ffi::{CStr, c_char, c_void};
use core::ptr::{NonNull, null_mut};
use core::slice;
use core::sync::atomic::Ordering;

use microusc_pool::Error;

use crate::control::block::control_of;
use crate::diagnostics::leaks::print_owners;
use crate::diagnostics::{self, CallSite};
use crate::output::report::{Caller, from_task, refuse, refuse_from_ram, report_error};
use crate::output::snapshot::info_of;
use crate::pool::blocks::free;
use crate::pool::destroy::{DestroyOutcome, is_zeroed};
use crate::refusals::{self, Refusal};
use crate::types::*;

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

/// The live set at this address, whatever its struct holds, or why there is none. O(pools).
fn live(set: *mut memory_pool_set_t) -> Result<*mut memory_pool_set_t, Refusal> {
    if set.is_null() {
        return Err(refusals::NULL_POINTER);
    }
    if classes::is_live(set) { Ok(set) } else { Err(refusals::NOT_A_SET) }
}

/// Refuses an address that no class is asked about, or must not be.
///
/// # Safety
///
/// `set` is a live set.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_refuse"))]
unsafe fn refuse_free(
    caller: Caller,
    set: *mut memory_pool_set_t,
    owner: Option<classes::Class>,
    block: *const c_void,
) -> esp_err_t {
    // SAFETY: the set's own counter.
    unsafe { classes::count_one(set, &raw mut (*set).refused_frees) };
    let error = owner.map_or(Error::NotABlock, |class| class.refusal(block.addr()));
    // SAFETY: the pool of a live set.
    let control = owner.and_then(|class| unsafe { control_of(class.pool) }.ok());
    refuse_from_ram(reason_of_free(error), block, caller, control)
}

/// Makes a set: every class, or nothing. O(blocks of all classes + pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_init(
    set: *mut memory_pool_set_t,
    classes: *const memory_pool_set_class_t,
    num_classes: usize,
    placement: memory_placement_t,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_set_init";
    if let Err(refusal) = from_task(NAME, set.cast()) {
        return refusal.reason;
    }
    let made = if set.is_null() || classes.is_null() {
        Err(refusals::NULL_POINTER)
    } else if num_classes > MEMORY_POOL_SET_MAX_CLASSES {
        Err(refusals::TOO_MANY_CLASSES)
    } else {
        // SAFETY: obligation 2: so many classes, and a struct to write to.
        unsafe { create::init(set, slice::from_raw_parts(classes, num_classes), placement) }
    };
    made.err().map_or(ESP_OK, |why| refuse(NAME, why, set.cast()))
}

/// Ends a set, whatever is in use, unless tasks wait for a block of it or one is just being returned: all of it, or nothing.
/// O(pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_destroy(set: *mut memory_pool_set_t) {
    const CALLER: Caller = Caller::SetDestroy;
    if set.is_null() || from_task(CALLER.name(), set.cast()).is_err() {
        return;
    }
    if !classes::is_live(set) {
        // SAFETY: obligation 1: a struct, whatever it holds.
        if !unsafe { is_zeroed(set) } {
            let _reported = refuse_from_ram(ESP_ERR_INVALID_STATE, set.cast(), CALLER, None);
        }
        return;
    }
    let print = |fields: &mut memory_pool_t, control, in_use| {
        if in_use > 0 {
            // SAFETY: the pool is off the registry, and known to no other code; the fields are those of its struct.
            unsafe { print_owners(fields, control, true) };
        }
    };
    let tell = |ended: DestroyOutcome| {
        if ended.in_use > 0 {
            report_error(
                CALLER.name(),
                MEMORY_POOL_ERR_IN_USE.into(),
                ended.name.as_ptr(),
                set.cast(),
                ended.in_use,
            );
        }
    };
    // SAFETY: live, and nothing else uses it.
    if let Err(class) = unsafe { create::destroy_set(set, print, tell) }
        && let Some(refusal) = class.refusal()
    {
        report_error(CALLER.name(), refusal, class.name.as_ptr(), set.cast(), 0);
    }
}

/// Lets requests whose class is empty go one class up, or not. O(1), no critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_set_spill(set: *mut memory_pool_set_t, spill: bool) -> esp_err_t {
    match live(set) {
        Ok(set) => {
            // SAFETY: a live set; the flag is shared by design.
            unsafe { &(*set).spill }.store(spill, Ordering::Relaxed);
            ESP_OK
        }
        Err(refusal) => refuse(c"memory_pool_set_spill", refusal, set.cast()),
    }
}

/// Allocates a block for `size` bytes, or null. O(classes); one critical section, with spill at most three.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_alloc"))]
pub unsafe extern "C" fn memory_pool_set_alloc(set: *mut memory_pool_set_t, size: usize) -> *mut c_void {
    // SAFETY: as for this function.
    unsafe { alloc(Caller::SetAlloc, set, size) }
}

/// # Safety
///
/// As [`memory_pool_set_alloc`].
#[inline(always)]
pub(crate) unsafe fn alloc(caller: Caller, set: *mut memory_pool_set_t, size: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    let set = match unsafe { given(set) } {
        Ok(set) => set,
        Err(reason) => return no_set(reason, set, caller),
    };
    // SAFETY: a live set.
    match unsafe { classes::alloc(set, size) } {
        Ok(block) => block.as_ptr().cast(),
        // SAFETY: a live set.
        Err(error) => unsafe { not_taken(error, set, size, caller) },
    }
}

/// No set, no block, and a report.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_no_set"))]
fn no_set(reason: esp_err_t, set: *mut memory_pool_set_t, caller: Caller) -> *mut c_void {
    let _reported = refuse_from_ram(reason, set.cast(), caller, None);
    core::hint::black_box(null_mut())
}

/// No block, with a report if a class is damaged; an empty class and a size beyond every class are counted.
///
/// # Safety
///
/// `set` is a live set.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_not_taken"))]
unsafe fn not_taken(error: Error, set: *mut memory_pool_set_t, size: usize, caller: Caller) -> *mut c_void {
    // SAFETY: a live set, or a struct that says so and has no class.
    if unsafe { classes::classes(set) }.next().is_none() {
        return no_set(ESP_ERR_INVALID_STATE, set, caller);
    }
    if error != Error::Exhausted && error != Error::NoClass {
        // SAFETY: a live set.
        let class = unsafe { classes::for_size(set, size) };
        let _reported =
            refuse_from_ram(reason_of_alloc(error), set.cast(), caller, class.map(|class| class.control()));
    }
    core::hint::black_box(null_mut())
}

/// As [`memory_pool_set_alloc`], and says why not.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_alloc_reason"))]
pub unsafe extern "C" fn memory_pool_set_alloc_reason(
    set: *mut memory_pool_set_t,
    size: usize,
    reason: *mut esp_err_t,
) -> *mut c_void {
    const CALLER: Caller = Caller::SetAllocReason;
    // SAFETY: as for this function.
    let (block, why) = match unsafe { given(set) } {
        // SAFETY: what is given is a live set, here and below.
        Ok(set) => match unsafe { classes::alloc(set, size) } {
            Ok(block) => (block.as_ptr().cast(), ESP_OK),
            // SAFETY: as above.
            Err(error) => (unsafe { not_taken(error, set, size, CALLER) }, reason_of_alloc(error)),
        },
        Err(reason) => (no_set(reason, set, CALLER), reason),
    };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(why) };
    }
    block
}

/// Allocates a block for `size` bytes, and records the file and line of the call. As `memory_pool_set_alloc`, and with records
/// another critical section.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_alloc_at"))]
pub unsafe extern "C" fn memory_pool_set_alloc_at(
    set: *mut memory_pool_set_t,
    size: usize,
    line: u32,
    file: *const c_char,
) -> *mut c_void {
    // SAFETY: as for this function.
    let block = unsafe { alloc(Caller::SetAllocAt, set, size) };
    if let Some(allocated) = NonNull::new(block.cast::<u8>())
        // SAFETY: a block was allocated, so there is a set.
        && let Some(class) = unsafe { classes::owner(set, block.addr()) }
        // SAFETY: a pool of the set.
        && let Ok(control) = unsafe { control_of(class.pool) }
    {
        // SAFETY: the pool just gave the block to the caller.
        unsafe {
            diagnostics::add_call_site(
                class.pool,
                control,
                allocated,
                CallSite { address: file.cast(), line },
            )
        };
    }
    block
}

/// Frees a block, or says why not. O(classes); one critical section.
#[unsafe(no_mangle)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_free"))]
pub unsafe extern "C" fn memory_pool_set_free(set: *mut memory_pool_set_t, block: *mut c_void) -> esp_err_t {
    const CALLER: Caller = Caller::SetFree;
    // SAFETY: as for this function.
    let set = match unsafe { given(set) } {
        Ok(set) => set,
        Err(reason) => return refuse_from_ram(reason, block, CALLER, None),
    };
    // SAFETY: a live set.
    match unsafe { classes::owner(set, block.addr()) } {
        // SAFETY: a pool of the set; if `block` is one in use, its owner gives it up by this call.
        Some(class) => unsafe { free(CALLER, class.pool, block) },
        // SAFETY: a live set.
        None => unsafe { refuse_free(CALLER, set, None, block) },
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
    let set = match unsafe { given(set) } {
        Ok(set) => set,
        Err(reason) => {
            let _reported = refuse_from_ram(reason, set.cast(), Caller::SetUsableSize, None);
            return 0;
        }
    };
    // SAFETY: a live set.
    let owner = unsafe { classes::owner(set, block.addr()) }.filter(|class| class.owns(block.cast()));
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
            let _reported = refuse_from_ram(reason, block, CALLER, None);
            return null_mut();
        }
    };
    if block.is_null() {
        // SAFETY: a live set.
        return unsafe { alloc(CALLER, set, size) };
    }
    // SAFETY: a live set.
    let owner = unsafe { classes::owner(set, block.addr()) };
    let Some(class) = owner.filter(|class| class.owns(block.cast())) else {
        // SAFETY: a live set.
        let _reported = unsafe { refuse_free(CALLER, set, owner, block) };
        return null_mut();
    };
    if size <= class.stride() {
        return block;
    }
    // SAFETY: a live set.
    let moved = match unsafe { classes::alloc(set, size) } {
        Ok(moved) => moved,
        // SAFETY: as above.
        Err(error) => return unsafe { not_taken(error, set, size, CALLER) },
    };
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
    let set = match live(set) {
        Ok(set) => set,
        Err(refusal) => return refusal.reason,
    };
    // SAFETY: a live set.
    let Some(class) = unsafe { classes::class(set, index) }.filter(|_| !info.is_null()) else {
        return ESP_ERR_INVALID_ARG;
    };
    // SAFETY: a pool of the set.
    match unsafe { info_of(class.pool) } {
        Ok(pool) => {
            // SAFETY: a live set; `index` is that of a class.
            let spilled_in = unsafe { classes::spilled_in(set, class.rank) };
            // SAFETY: obligation 2.
            unsafe { info.write(memory_pool_set_info_t { pool, spilled_in }) };
            ESP_OK
        }
        Err(refusal) => refusal.reason,
    }
}
