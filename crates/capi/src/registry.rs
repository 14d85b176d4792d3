//! The list of live pools: the only witness of whether a struct holds a pool.

use core::cell::UnsafeCell;
use core::ffi::c_char;
use core::marker::PhantomData;
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::RawLock;

use crate::abi::{MEMORY_POOL_NAME_SIZE, memory_pool_t};
use crate::control::{Control, with_pool};
use crate::port::PortLock;

struct List {
    first: *mut Control,
    /// Pools made so far, for default names.
    made: u32,
    /// Times that pools were entered, removed or named so far.
    changes: u32,
}

struct Registry {
    lock: PortLock,
    list: UnsafeCell<List>,
}

// SAFETY: the list is touched with the lock held only.
unsafe impl Sync for Registry {}

static REGISTRY: Registry =
    Registry { lock: PortLock::INIT, list: UnsafeCell::new(List { first: null_mut(), made: 0, changes: 0 }) };

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

/// Enters a pool at the end, with what its struct is to hold; `false` if that holds a pool already. O(pools).
///
/// The struct is written in the same critical section: who finds the pool on the list finds all of it.
///
/// # Safety
///
/// `control` is complete, with its owner, which may be written to, and lives until it is removed.
pub(crate) unsafe fn insert(control: NonNull<Control>, fields: memory_pool_t) -> bool {
    locked(|list| {
        // SAFETY: complete, and not on the list yet.
        let slot = list.slot_of(unsafe { (*control.as_ptr()).owner });
        // SAFETY: a slot of the locked list.
        let vacant = unsafe { (*slot).is_null() };
        if vacant {
            // SAFETY: as above.
            unsafe {
                *slot = control.as_ptr();
                (*control.as_ptr()).owner.write(fields);
            }
            list.changes = list.changes.wrapping_add(1);
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
            list.changes = list.changes.wrapping_add(1);
            // SAFETY: as above; the control block is live.
            unsafe { *slot = (*control.as_ptr()).next };
            control
        }))
    })
}

/// Takes the pools in `structs` off the list, all that there are, if `agreed` says so of each; otherwise none. In the same
/// critical section it then runs `removed` for each, and `done`. O(pools) for each struct.
pub(crate) fn remove_all<E>(
    structs: impl Iterator<Item = *const memory_pool_t> + Clone,
    mut agreed: impl FnMut(NonNull<Control>) -> Result<(), E>,
    mut removed: impl FnMut(NonNull<Control>),
    done: impl FnOnce(),
) -> Result<(), E> {
    locked(|list| {
        for pool in structs.clone() {
            // SAFETY: a slot of the locked list.
            if let Some(control) = NonNull::new(unsafe { *list.slot_of(pool) }) {
                agreed(control)?;
            }
        }
        for pool in structs {
            let slot = list.slot_of(pool);
            // SAFETY: a slot of the locked list.
            if let Some(control) = NonNull::new(unsafe { *slot }) {
                list.changes = list.changes.wrapping_add(1);
                // SAFETY: as above; the control block is live.
                unsafe { *slot = (*control.as_ptr()).next };
                removed(control);
            }
        }
        done();
        Ok(())
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

/// Every pool in the order they were made, while the registry is locked: none ends meanwhile.
///
/// A pool that another task is just making is on the list before its struct is written: the list seems to end before it.
#[derive(Clone)]
pub(crate) struct Pools<'a>(*mut Control, PhantomData<&'a List>);

impl Iterator for Pools<'_> {
    type Item = NonNull<Control>;

    fn next(&mut self) -> Option<NonNull<Control>> {
        let control = NonNull::new(self.0)?;
        // SAFETY: every control block on the list is a live one, as is the struct of its owner.
        unsafe {
            if !core::ptr::eq((*(*self.0).owner).control, self.0) {
                return None;
            }
            self.0 = (*self.0).next;
        }
        Some(control)
    }
}

/// How often pools came, went or were named so far.
pub(crate) fn changes() -> u32 {
    locked(|list| list.changes)
}

/// Pools came, went or were named: what was seen before may no longer be so.
#[derive(Debug)]
pub(crate) struct Changed;

/// Shows `work` all pools. O(pools) and what `work` does, in one critical section, in which locks of pools may be taken.
pub(crate) fn view<R>(work: impl FnOnce(Pools<'_>) -> R) -> R {
    locked(|list| work(Pools(list.first, PhantomData)))
}

/// The same, if they are still those there were when [`changes`] said `changes`.
pub(crate) fn view_unchanged<R>(changes: u32, work: impl FnOnce(Pools<'_>) -> R) -> Result<R, Changed> {
    locked(
        |list| if list.changes == changes { Ok(work(Pools(list.first, PhantomData))) } else { Err(Changed) },
    )
}

/// Names a pool. O(1).
///
/// # Safety
///
/// `control` is that of the live pool `pool`.
pub(crate) unsafe fn rename(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    name: [c_char; MEMORY_POOL_NAME_SIZE],
) {
    locked(|list| {
        list.changes = list.changes.wrapping_add(1);
        // SAFETY: as the caller promises; the name is written with both locks held.
        unsafe { with_pool(pool, control, |_| (&raw mut (*control.as_ptr()).name).write(name)) };
    });
}
