//! Pools in memory that survives a reset.
//!
//! Beside the obligations of all functions: a pointer to a retained pool is null, or points to a
//! `memory_pool_retained_t` that is zeroed, or open, or closed ([`memory_pool_retained_open`] takes any bytes). The struct of an
//! open pool stays where it is until the pool is closed.

pub(crate) mod table;

mod refusals;

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null, null_mut};

use microusc_port::PortLock;
use microusc_retained::{Fault, Found, RetainedPool, RetainedStats, Shape};

use crate::output::report::{from_task, refuse};
use crate::refusals::Refusal;
use crate::types::*;

/// The reason for a fault of the system crate.
pub const fn reason_of_fault(fault: Fault) -> esp_err_t {
    match fault {
        Fault::Magic => MEMORY_POOL_ERR_RETAINED_NONE,
        Fault::Checksum => MEMORY_POOL_ERR_RETAINED_CHECKSUM,
        Fault::Version => MEMORY_POOL_ERR_RETAINED_VERSION,
        Fault::BlockSize => MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE,
        Fault::BlockCount => MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS,
        Fault::Tag => MEMORY_POOL_ERR_RETAINED_TAG,
        _ => MEMORY_POOL_ERR_RETAINED_MAP,
    }
}

/// Blocks of a retained pool, at most.
pub const MEMORY_POOL_RETAINED_MAX_BLOCKS: usize = microusc_retained::MAX_BLOCKS;

/// Retained pools that are open at one time, at most.
pub const MEMORY_POOL_RETAINED_MAX_OPEN: usize = 16;

/// The configuration of a retained pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_retained_config_t {
    /// Bytes, at least a pointer's.
    pub block_size: usize,
    /// 1 to [`MEMORY_POOL_RETAINED_MAX_BLOCKS`].
    pub num_blocks: usize,
    /// For the meaning of the contents.
    pub tag: u32,
}

/// Words that the header reserves for the part of a retained pool in ordinary memory.
pub const MEMORY_POOL_RETAINED_STATE_WORDS: usize = 24;

/// The part of a retained pool in ordinary memory.
#[repr(C)]
#[derive(Debug)]
pub struct memory_pool_retained_t {
    /// The address of this struct while it is open: zeroed memory and copies are no pool.
    pub(crate) owner: *const memory_pool_retained_t,
    pub(crate) pool: MaybeUninit<RetainedPool<'static, PortLock>>,
}

const _: () = assert!(
    size_of::<memory_pool_retained_t>() <= MEMORY_POOL_RETAINED_STATE_WORDS * size_of::<usize>()
        && align_of::<memory_pool_retained_t>() <= align_of::<usize>(),
    "raise MEMORY_POOL_RETAINED_STATE_WORDS here and in the header"
);

impl memory_pool_retained_t {
    pub(crate) const CLOSED: Self = Self { owner: null(), pool: MaybeUninit::uninit() };
}

/// A snapshot of a retained pool.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "field by field as in the header")]
pub struct memory_pool_retained_info_t {
    pub block_size: usize,
    pub num_blocks: usize,
    pub used_blocks: usize,
    pub lowest_free: usize,
    pub alloc_failures: u32,
    pub refused_frees: u32,
    pub corruptions: u32,
}

/// The pool, or why there is none.
///
/// # Safety
///
/// As every function here; it stays open while the result is used.
unsafe fn given<'a>(
    pool: *const memory_pool_retained_t,
) -> Result<&'a RetainedPool<'static, PortLock>, Refusal> {
    if pool.is_null() {
        return Err(refusals::NULL_POINTER);
    }
    // The table is asked because the bytes may be misleading: a struct may have been closed and copied back, or kept over a reset.
    // SAFETY: as the caller promises.
    if unsafe { (*pool).owner } != pool || !table::is_open(pool) {
        return Err(refusals::NOT_OPEN);
    }
    // SAFETY: open, so the pool was written.
    Ok(unsafe { (*pool).pool.assume_init_ref() })
}

/// Takes over the pool in `memory`, or makes it. O(num_blocks / 16) and O(open retained pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_open(
    pool: *mut memory_pool_retained_t,
    memory: *mut c_void,
    memory_size: usize,
    config: *const memory_pool_retained_config_t,
    found: *mut esp_err_t,
) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_retained_open";
    if let Err(refusal) = from_task(NAME, pool.cast()) {
        return refusal.reason;
    }
    // SAFETY: as for this function.
    let what = match unsafe { open(pool, memory, memory_size, config.as_ref()) } {
        Ok(what) => what,
        Err(refusal) => return refuse(NAME, refusal, pool.cast()),
    };
    let what = match what {
        Found::Intact { .. } => ESP_OK,
        Found::Formatted(fault) => refuse(NAME, refusals::of(reason_of_fault(fault)), pool.cast()),
    };
    if !found.is_null() {
        // SAFETY: obligation 2.
        unsafe { found.write(what) };
    }
    ESP_OK
}

/// # Safety
///
/// As [`memory_pool_retained_open`].
unsafe fn open(
    pool: *mut memory_pool_retained_t,
    memory: *mut c_void,
    memory_size: usize,
    config: Option<&memory_pool_retained_config_t>,
) -> Result<Found, Refusal> {
    let (Some(config), Some(start)) = (config, NonNull::new(memory.cast::<u32>())) else {
        return Err(refusals::NULL_POINTER);
    };
    if pool.is_null() {
        return Err(refusals::NULL_POINTER);
    }
    if !memory.cast::<usize>().is_aligned() {
        return Err(refusals::MISALIGNED);
    }
    let shape = Shape::new(config.block_size, config.num_blocks).map_err(|_| refusals::BAD_SHAPE)?;
    // SAFETY: the struct may be written to, and stays while it is open.
    unsafe { table::enter(pool, start.addr().get(), memory_size) }?;
    // SAFETY: obligation 2: so much memory, aligned. It is the pool's until that is closed, and no other pool's.
    let opened =
        unsafe { RetainedPool::open_at(start, memory_size / size_of::<u32>(), shape.tag(config.tag)) };
    let Ok((open, what)) = opened else {
        // SAFETY: entered above, and not open.
        unsafe { table::leave(pool) };
        return Err(refusals::MEMORY_TOO_SMALL);
    };
    // SAFETY: the struct may be written to.
    unsafe { table::publish(pool, open) };
    Ok(what)
}

/// Lets go of the memory, in which the pool stays as it is. O(open retained pools). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_close(pool: *mut memory_pool_retained_t) -> esp_err_t {
    const NAME: &CStr = c"memory_pool_retained_close";
    if let Err(refusal) = from_task(NAME, pool.cast()) {
        return refusal.reason;
    }
    if pool.is_null() {
        return ESP_ERR_INVALID_ARG;
    }
    // SAFETY: nothing else uses it: obligation 3. It has nothing to drop.
    if unsafe { table::leave(pool) } {
        return ESP_OK;
    }
    // SAFETY: obligation 1: a struct, whatever it holds.
    if unsafe { is_closed(pool) } {
        ESP_ERR_INVALID_STATE
    } else {
        refuse(NAME, refusals::NOT_OPEN, pool.cast())
    }
}

/// Whether a struct was closed, or is zeroed.
///
/// # Safety
///
/// It may be read.
unsafe fn is_closed(pool: *const memory_pool_retained_t) -> bool {
    // SAFETY: as the caller promises; a pointer may hold any bits.
    unsafe { (&raw const (*pool).owner).read() }.is_null()
}

/// Reports that there is no pool; the reason for the caller.
fn none<T>(function: &'static CStr, refusal: Refusal, pool: *const memory_pool_retained_t, answer: T) -> T {
    refuse(function, refusal, pool.cast());
    answer
}

/// Allocates a block, or null. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_alloc(pool: *mut memory_pool_retained_t) -> *mut c_void {
    const NAME: &CStr = c"memory_pool_retained_alloc";
    // SAFETY: as for this function.
    let open = match unsafe { given(pool) } {
        Ok(open) => open,
        Err(refusal) => return none(NAME, refusal, pool, null_mut()),
    };
    match open.alloc() {
        Ok(block) => block.as_ptr().cast(),
        Err(microusc_pool::Error::Exhausted) => null_mut(),
        Err(error) => none(NAME, refusals::of(reason_of(error)), pool, null_mut()),
    }
}

/// Frees a block, or says why not. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_free(
    pool: *mut memory_pool_retained_t,
    block: *mut c_void,
) -> esp_err_t {
    // SAFETY: as for this function; the block is given up by this call.
    let freed = unsafe {
        given(pool).and_then(|open| open.free(block.cast()).map_err(|error| refusals::of(reason_of(error))))
    };
    freed.err().map_or(ESP_OK, |refusal| refuse(c"memory_pool_retained_free", refusal, block))
}

/// The number of a block, or `SIZE_MAX`. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_index_of(
    pool: *mut memory_pool_retained_t,
    block: *const c_void,
) -> usize {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(open) => open.index_of(block.cast()).unwrap_or(usize::MAX),
        Err(refusal) => none(c"memory_pool_retained_index_of", refusal, pool, usize::MAX),
    }
}

/// The block in use of this number, or null. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_at(
    pool: *mut memory_pool_retained_t,
    index: usize,
) -> *mut c_void {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(open) => open.address_of(index).map_or(null_mut(), NonNull::as_ptr).cast(),
        Err(refusal) => none(c"memory_pool_retained_at", refusal, pool, null_mut()),
    }
}

/// The first number of a block in use that is at least `from`, or `SIZE_MAX`. O(num_blocks / 16), a critical section for
/// each 16.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_next_live(
    pool: *mut memory_pool_retained_t,
    from: usize,
) -> usize {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(open) => open.next_live(from).unwrap_or(usize::MAX),
        Err(refusal) => none(c"memory_pool_retained_next_live", refusal, pool, usize::MAX),
    }
}

/// Checks what the next start will check. O(num_blocks / 16) inside one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_validate(pool: *mut memory_pool_retained_t) -> esp_err_t {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(open) => open.validate().map_or_else(reason_of_fault, |()| ESP_OK),
        Err(refusal) => refusal.reason,
    }
}

/// A snapshot. O(1); one critical section.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_retained_get_info(
    pool: *mut memory_pool_retained_t,
    info: *mut memory_pool_retained_info_t,
) -> esp_err_t {
    // SAFETY: as for this function.
    match unsafe { given(pool) } {
        Ok(_) if info.is_null() => ESP_ERR_INVALID_ARG,
        Ok(open) => {
            let RetainedStats {
                stride_bytes, capacity, used, lowest_free, exhausted, refused, damaged, ..
            } = open.stats();
            // SAFETY: obligation 2.
            unsafe {
                info.write(memory_pool_retained_info_t {
                    block_size: stride_bytes,
                    num_blocks: capacity,
                    used_blocks: used,
                    lowest_free,
                    alloc_failures: exhausted,
                    refused_frees: refused,
                    corruptions: damaged,
                });
            }
            ESP_OK
        }
        Err(refusal) => refusal.reason,
    }
}
