//! The list of live pools: the only witness of whether a struct holds a pool.

use core::cell::UnsafeCell;
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::RawLock;

use crate::abi::memory_pool_t;
use crate::control::Control;
use crate::port::PortLock;

struct List {
    first: *mut Control,
    /// Pools made so far, for default names.
    made: u32,
}

struct Registry {
    lock: PortLock,
    list: UnsafeCell<List>,
}

// SAFETY: the list is touched with the lock held only.
unsafe impl Sync for Registry {}

static REGISTRY: Registry =
    Registry { lock: PortLock::INIT, list: UnsafeCell::new(List { first: null_mut(), made: 0 }) };

impl List {
    /// The slot that points to the pool in `pool`, or the empty slot at the end. O(pools).
    fn slot_of(&mut self, pool: *const memory_pool_t) -> *mut *mut Control {
        let mut slot: *mut *mut Control = &mut self.first;
        // SAFETY: every control block on the list is a live one, and the registry is locked.
        unsafe {
            while !(*slot).is_null() && !core::ptr::eq((**slot).owner, pool) {
                slot = &raw mut (**slot).next;
            }
        }
        slot
    }

    /// The control block behind that of `previous`, or the first for null. O(pools).
    fn after(&mut self, previous: *const memory_pool_t) -> Option<NonNull<Control>> {
        if previous.is_null() {
            return NonNull::new(self.first);
        }
        // SAFETY: a slot of the list; every control block on it is a live one, and the registry is locked.
        unsafe { (*self.slot_of(previous)).as_ref().and_then(|control| NonNull::new(control.next)) }
    }
}

fn locked<R>(work: impl FnOnce(&mut List) -> R) -> R {
    // SAFETY: with the lock held nobody else has a reference to the list.
    REGISTRY.lock.with(|| work(unsafe { &mut *REGISTRY.list.get() }))
}

/// Enters a pool at the end; `false` if its struct holds a pool already. O(pools).
///
/// # Safety
///
/// `control` is complete, with its owner, and lives until it is removed.
pub(crate) unsafe fn insert(control: NonNull<Control>) -> bool {
    locked(|list| {
        // SAFETY: complete, and not on the list yet.
        let slot = list.slot_of(unsafe { (*control.as_ptr()).owner });
        // SAFETY: a slot of the locked list.
        let vacant = unsafe { (*slot).is_null() };
        if vacant {
            // SAFETY: as above.
            unsafe { *slot = control.as_ptr() };
        }
        vacant
    })
}

/// Takes the pool in `pool` off the list, if `agreed` says so; `None` if it holds none. O(pools).
pub(crate) fn remove<E>(
    pool: *const memory_pool_t,
    agreed: impl FnOnce(NonNull<Control>) -> Result<(), E>,
) -> Option<Result<NonNull<Control>, E>> {
    locked(|list| {
        let slot = list.slot_of(pool);
        // SAFETY: a slot of the locked list.
        let control = NonNull::new(unsafe { *slot })?;
        Some(agreed(control).map(|()| {
            // SAFETY: as above; the control block is live.
            unsafe { *slot = (*control.as_ptr()).next };
            control
        }))
    })
}

/// Whether `pool` holds a live pool. O(pools).
pub(crate) fn contains(pool: *const memory_pool_t) -> bool {
    // SAFETY: a slot of the locked list.
    locked(|list| unsafe { !(*list.slot_of(pool)).is_null() })
}

/// The pool after `previous`, or the first; null at the end, or if `previous` holds none. O(pools).
pub(crate) fn next(previous: *const memory_pool_t) -> *mut memory_pool_t {
    // SAFETY: a control block on the list is a live one, and the registry is locked.
    locked(|list| list.after(previous).map_or(null_mut(), |control| unsafe { (*control.as_ptr()).owner }))
}

/// Runs `work` on every pool that is there throughout, each in a critical section of its own. O(pools²). From tasks.
pub(crate) fn each(mut work: impl FnMut(NonNull<Control>)) {
    let mut after = null();
    loop {
        let next = locked(|list| {
            let control = list.after(after)?;
            work(control);
            // SAFETY: on the list, which is locked.
            Some(unsafe { (*control.as_ptr()).owner }.cast_const())
        });
        match next {
            Some(pool) => after = pool,
            None => return,
        }
    }
}

/// The first pool for which `wanted` says so, or null. O(pools).
pub(crate) fn find(wanted: impl Fn(&Control) -> bool) -> *mut memory_pool_t {
    locked(|list| {
        let mut at = list.first;
        // SAFETY: every control block on the list is a live one, and the registry is locked.
        while let Some(control) = unsafe { at.as_ref() } {
            if wanted(control) {
                return control.owner;
            }
            at = control.next;
        }
        null_mut()
    })
}

/// A number that no pool had before.
pub(crate) fn next_number() -> u32 {
    locked(|list| {
        list.made = list.made.wrapping_add(1);
        list.made
    })
}
