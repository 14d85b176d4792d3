//! The list of open retained pools: two over one memory would each believe its own books, and give one block to two.

use core::cell::UnsafeCell;
use core::ptr::{addr_eq, null, null_mut};

use microusc_pool::RawLock;

use crate::abi::memory_pool_retained_t;
use crate::port::PortLock;

struct List {
    lock: PortLock,
    first: UnsafeCell<*mut memory_pool_retained_t>,
}

// SAFETY: the list is touched with the lock held only.
unsafe impl Sync for List {}

static LIST: List = List { lock: PortLock::INIT, first: UnsafeCell::new(null_mut()) };

fn locked<R>(work: impl FnOnce(&mut *mut memory_pool_retained_t) -> R) -> R {
    // SAFETY: with the lock held nobody else has a reference to the list.
    LIST.lock.with(|| work(unsafe { &mut *LIST.first.get() }))
}

/// Enters a pool that is about to be opened over `bytes` bytes at `start`; `false`, and nothing is touched, if an open pool
/// has one of these bytes, or this struct. O(open pools).
///
/// # Safety
///
/// The struct may be written to, and stays until the pool [left](leave). The structs of all pools on the list are there.
pub(crate) unsafe fn enter(pool: *mut memory_pool_retained_t, start: usize, bytes: usize) -> bool {
    locked(|first| {
        let mut at = *first;
        while !at.is_null() {
            // SAFETY: on the locked list, so it is there.
            let (its_start, its_bytes, next) = unsafe { ((*at).start, (*at).bytes, (*at).next) };
            let apart =
                start >= its_start.saturating_add(its_bytes) || its_start >= start.saturating_add(bytes);
            if addr_eq(at, pool) || !apart {
                return false;
            }
            at = next;
        }
        let entered = memory_pool_retained_t { start, bytes, next: *first, ..memory_pool_retained_t::CLOSED };
        // SAFETY: as the caller promises.
        unsafe { pool.write(entered) };
        *first = pool;
        true
    })
}

/// Takes a pool off the list, and its struct is closed. O(open pools).
///
/// # Safety
///
/// The pool is on the list and nobody uses it. The structs of all pools on the list are there.
pub(crate) unsafe fn leave(pool: *mut memory_pool_retained_t) {
    locked(|first| {
        let mut slot: *mut *mut memory_pool_retained_t = first;
        // SAFETY: every slot belongs to the locked list or to a pool on it, and those are there.
        unsafe {
            while !(*slot).is_null() && !addr_eq(*slot, pool) {
                slot = &raw mut (**slot).next;
            }
            if !(*slot).is_null() {
                *slot = (*pool).next;
                (*pool).owner = null();
            }
        }
    });
}
