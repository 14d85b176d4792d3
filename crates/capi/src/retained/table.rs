//! The table of open retained pools: two over one memory would each believe its own books, and give one block to two owners.
//!
//! It is no list through the structs: one that was overwritten would hide the others.

use core::cell::UnsafeCell;
use core::ptr::{addr_eq, null};

use microusc_port::PortLock;
use microusc_retained::RetainedPool;

use crate::control::overlap::Range;
use crate::control::registry::{self, OtherMemory};
use crate::refusals::{self, Refusal};

use super::refusals as retained_refusals;
use super::{MEMORY_POOL_RETAINED_MAX_OPEN, memory_pool_retained_t};

/// An open pool: the address of its struct, or null, and the memory that it was given.
#[derive(Clone, Copy)]
struct Open {
    place: *mut memory_pool_retained_t,
    memory: Range,
}

struct Table(UnsafeCell<[Open; MEMORY_POOL_RETAINED_MAX_OPEN]>);

// SAFETY: the table is touched with the registry locked only.
unsafe impl Sync for Table {}

const NONE: Open = Open { place: core::ptr::null_mut(), memory: Range::EMPTY };
static TABLE: Table = Table(UnsafeCell::new([NONE; MEMORY_POOL_RETAINED_MAX_OPEN]));

static QUESTIONS: OtherMemory = OtherMemory { takes, lies_in };

/// # Safety
///
/// The registry is locked, and there is no other reference to the table.
unsafe fn table<'a>() -> &'a mut [Open; MEMORY_POOL_RETAINED_MAX_OPEN] {
    // SAFETY: as the caller promises.
    unsafe { &mut *TABLE.0.get() }
}

/// Enters a pool that is about to be opened over `bytes` bytes at `start`. O(open pools + pools). Nothing is touched if this refuses:
/// because an open pool has this struct, or something that lives has a byte of struct or memory.
///
/// # Safety
///
/// The struct may be written to, and stays until the pool [left](leave).
pub(crate) unsafe fn enter(
    pool: *mut memory_pool_retained_t,
    start: usize,
    bytes: usize,
) -> Result<(), Refusal> {
    let (place, memory) = (Range::of(pool), Range::at(start, bytes));
    registry::locked(|list| {
        list.set_other_memory(&QUESTIONS);
        // SAFETY: the registry is locked, here and below.
        if unsafe { table() }.iter().any(|open| addr_eq(open.place, pool)) {
            return Err(retained_refusals::STILL_OPEN);
        }
        if place.meets(memory) {
            return Err(retained_refusals::STRUCT_IN_OWN_MEMORY);
        }
        list.may_give(place, refusals::STRUCT_TAKEN)?;
        list.may_give(memory, retained_refusals::MEMORY_TAKEN)?;
        // SAFETY: as above.
        let vacant = unsafe { table() }.iter_mut().find(|open| open.place.is_null());
        *vacant.ok_or(retained_refusals::TOO_MANY_OPEN)? = Open { place: pool, memory };
        // SAFETY: as the caller promises.
        unsafe { pool.write(memory_pool_retained_t::CLOSED) };
        Ok(())
    })
}

/// Says that the struct of a pool that was [entered](enter) holds it from now on.
///
/// # Safety
///
/// The struct may be written to.
pub(crate) unsafe fn publish(pool: *mut memory_pool_retained_t, open: RetainedPool<'static, PortLock>) {
    // With the registry locked, since the pool is looked for there.
    registry::locked(|_| {
        // SAFETY: as the caller promises.
        unsafe {
            (*pool).pool.write(open);
            (*pool).owner = pool;
        }
    });
}

/// Takes a pool out of the table, and its struct is closed, whatever it holds; `false` if it is not in the table. O(open pools).
///
/// # Safety
///
/// Nothing uses the pool. The struct of an open pool is there.
pub(crate) unsafe fn leave(pool: *mut memory_pool_retained_t) -> bool {
    registry::locked(|_| {
        // SAFETY: the registry is locked.
        let Some(open) = unsafe { table() }.iter_mut().find(|open| addr_eq(open.place, pool)) else {
            return false;
        };
        *open = NONE;
        // SAFETY: as the caller promises.
        unsafe { (*pool).owner = null() };
        true
    })
}

/// Whether this is the struct of an open pool, as the table says. The struct is not read. O(open pools); one critical section.
pub(crate) fn is_open(pool: *const memory_pool_retained_t) -> bool {
    // SAFETY: the registry is locked.
    registry::locked(|_| unsafe { table() }.iter().any(|open| addr_eq(open.place, pool)))
}

/// Whether some of this memory is that of an open pool, and not inside one block of it that is in use.
fn takes(range: Range) -> bool {
    // SAFETY: the registry is locked, as `OtherMemory` says.
    unsafe { table() }.iter().filter(|open| !open.place.is_null()).any(|open| {
        let place = Range::of(open.place);
        // SAFETY: the struct of an open pool is there.
        place.meets(range)
            || open.memory.meets(range)
                && !unsafe { pool_of(open.place) }.is_some_and(|pool| in_one_block(pool, range))
    })
}

/// The pool in an open struct, unless that was overwritten.
///
/// # Safety
///
/// The struct may be read.
unsafe fn pool_of<'a>(place: *const memory_pool_retained_t) -> Option<&'a RetainedPool<'static, PortLock>> {
    // SAFETY: as the caller promises; opening wrote the pool before the owner.
    unsafe { addr_eq((*place).owner, place).then(|| (*place).pool.assume_init_ref()) }
}

/// O(blocks), a critical section for each 16 and each block in use.
fn in_one_block(pool: &RetainedPool<'static, PortLock>, range: Range) -> bool {
    let stride = pool.block_bytes();
    pool.live()
        .filter_map(|index| pool.address_of(index))
        .any(|block| range.is_inside(Range::at(block.addr().get(), stride)))
}

/// Whether memory or struct of an open pool lies in this memory.
fn lies_in(range: Range) -> bool {
    // SAFETY: the registry is locked, as `OtherMemory` says.
    let open = unsafe { table() }.iter().filter(|open| !open.place.is_null());
    open.into_iter().any(|open| Range::of(open.place).is_inside(range) || open.memory.is_inside(range))
}
