//! The list of live pools, which alone decides whether a struct holds a pool.
//!
//! The list is linked through the control blocks. A program that overwrites its structs does not change it.
//!
//! It also has the structs and memory that an initialisation has [reserved](reserve), so that
//! two initialisations that begin at the same time cannot both succeed.

use core::cell::UnsafeCell;
use core::ffi::{c_char, c_void};
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::RawLock;
use microusc_port::{self as port, PortLock};

use crate::control::block::{Control, Pools, with_free_list};
use crate::control::overlap::{self, FIRST_OF_SET, Range};
use crate::refusals::{self, Refusal};
use crate::types::*;

/// What the registry's lock protects.
pub(crate) struct List {
    first: *mut Control,
    /// What is reserved now.
    reserved: *mut Reserved,
    /// Memory that belongs to something else than pools.
    other_memory: Option<&'static OtherMemory>,
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

static REGISTRY: Registry = Registry {
    lock: PortLock::INIT,
    list: UnsafeCell::new(List {
        first: null_mut(),
        reserved: null_mut(),
        other_memory: None,
        made: 0,
        changes: 0,
    }),
};

/// What is asked about memory that is no pool's, with the registry locked.
pub(crate) struct OtherMemory {
    /// Whether some of this memory is not for others to give.
    pub(crate) takes: fn(Range) -> bool,
    /// Whether something lies inside this memory.
    pub(crate) lies_in: fn(Range) -> bool,
}

/// What an initialisation needs for itself until its pool is on the list. In the frame of [`reserve`].
struct Reserved {
    by: *const (),
    place: Range,
    memory: Range,
    next: *mut Reserved,
}

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

    /// Takes the pool in `pool` off the list: its control block. O(pools).
    fn unlink(&mut self, pool: *const memory_pool_t) -> Option<NonNull<Control>> {
        let slot = self.slot_of(pool);
        // SAFETY: a slot of the list; every control block on it is a live one, and the registry is locked.
        unsafe {
            let control = NonNull::new(*slot)?;
            *slot = (*control.as_ptr()).next;
            self.changes = self.changes.wrapping_add(1);
            port::pools_exist(!self.first.is_null());
            Some(control)
        }
    }

    /// Whether something else that lives, or is about to, lies in the blocks of this live pool. O(pools).
    fn holds_another(&self, control: NonNull<Control>) -> bool {
        // SAFETY: on the list, so live.
        let (blocks, holds) =
            unsafe { (overlap::blocks_of(control), overlap::holds_another(self.pools(), control)) };
        holds
            || self.other_memory.is_some_and(|other_memory| (other_memory.lies_in)(blocks))
            || self.is_reserved(|other| other.place.is_inside(blocks) || other.memory.is_inside(blocks))
    }

    fn pools(&self) -> Pools<'_> {
        // SAFETY: every control block on the list is a live one, and the registry is locked while the list is borrowed.
        unsafe { Pools::from_first(self.first) }
    }

    /// Whether a reservation for which `wanted` says so is there. O(reservations).
    fn is_reserved(&self, wanted: impl Fn(&Reserved) -> bool) -> bool {
        let mut at = self.reserved;
        // SAFETY: every reservation on the list is in a frame that waits in `reserve`, and the registry is locked.
        while let Some(reserved) = unsafe { at.as_ref() } {
            if wanted(reserved) {
                return true;
            }
            at = reserved.next;
        }
        false
    }

    /// Whether a caller may give this memory; `refused` is the reason if a pool has some of it. O(pools).
    pub(crate) fn may_give(&self, range: Range, refused: Refusal) -> Result<(), Refusal> {
        self.may_give_inside(null(), range, refused)
    }

    /// The same for what was reserved by `by` itself.
    fn may_give_inside(&self, by: *const (), range: Range, refused: Refusal) -> Result<(), Refusal> {
        let reserved = self.is_reserved(|other| {
            (by.is_null() || other.by != by) && (other.place.meets(range) || other.memory.meets(range))
        });
        if reserved {
            return Err(refusals::BEING_MADE);
        }
        let other_memory = self.other_memory.is_some_and(|other_memory| (other_memory.takes)(range));
        if other_memory || !overlap::is_free(self.pools(), range) { Err(refused) } else { Ok(()) }
    }

    /// Asks there about memory that is given from now on.
    pub(crate) fn set_other_memory(&mut self, other_memory: &'static OtherMemory) {
        self.other_memory = Some(other_memory);
    }
}

/// Runs `work` in one critical section, in which locks of pools may be taken.
pub(crate) fn locked<R>(work: impl FnOnce(&mut List) -> R) -> R {
    // SAFETY: with the lock held nothing else has a reference to the list.
    REGISTRY.lock.with(|| work(unsafe { &mut *REGISTRY.list.get() }))
}

/// What an initialisation writes to: the struct that it fills in, and memory of the caller's, if there is any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReservationRequest {
    pub(crate) place: *const (),
    pub(crate) place_bytes: usize,
    pub(crate) memory: Range,
    /// The reservation of the set that the pool is a class of, by its address, or null.
    pub(crate) inside: *const (),
}

/// Runs `work` while struct and memory are reserved for it. O(pools) before and O(reservations) after `work`, which runs with the
/// registry released. From tasks.
///
/// Nothing was written when this refuses: both are compared with every live pool and every other reservation first, in the
/// critical section that reserves them.
pub(crate) fn reserve<R>(
    wanted: &ReservationRequest,
    work: impl FnOnce() -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let ReservationRequest { place: by, place_bytes, memory, inside } = *wanted;
    let place = Range::at(by.addr(), place_bytes);
    let reservation = Reservation::none();
    locked(|list| {
        // SAFETY: a slot of the locked list.
        if unsafe { !(*list.slot_of(by.cast())).is_null() } {
            return Err(refusals::STILL_A_POOL);
        }
        if place.meets(memory) {
            return Err(refusals::STRUCT_IN_OWN_MEMORY);
        }
        list.may_give_inside(inside, place, refusals::STRUCT_TAKEN)?;
        list.may_give_inside(inside, memory, refusals::MEMORY_TAKEN)?;
        // SAFETY: it stays in this frame until it ends.
        unsafe { reservation.begin(list, by, place, memory) };
        Ok(())
    })?;
    work()
}

/// A reservation in the frame of the call that it is for; it ends with that, also if the call unwinds.
pub(crate) struct Reservation(UnsafeCell<Reserved>);

impl Reservation {
    /// Of nothing yet.
    pub(crate) const fn none() -> Self {
        let reserved = Reserved { by: null(), place: Range::EMPTY, memory: Range::EMPTY, next: null_mut() };
        Self(UnsafeCell::new(reserved))
    }

    /// # Safety
    ///
    /// The reservation is of nothing yet, and is not moved from now on. The list is locked.
    unsafe fn begin(&self, list: &mut List, by: *const (), place: Range, memory: Range) {
        // SAFETY: not on the list yet, so nothing else uses it.
        unsafe { self.0.get().write(Reserved { by, place, memory, next: list.reserved }) };
        list.reserved = self.0.get();
    }

    /// Reserves the memory that the caller gave to a pool; memory from the heap needs no reservation.
    ///
    /// # Safety
    ///
    /// As [`begin`](Self::begin). `control` is live.
    unsafe fn keep(&self, list: &mut List, control: NonNull<Control>) {
        // SAFETY: as the caller promises.
        unsafe {
            let (books, records) = overlap::given_by_caller(control);
            self.begin(list, null(), books, records);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        locked(|list| {
            let mut slot: *mut *mut Reserved = &mut list.reserved;
            // SAFETY: reservations of the locked list, to the one that is there until this takes it off.
            unsafe {
                while !(*slot).is_null() && !core::ptr::eq(*slot, self.0.get()) {
                    slot = &raw mut (**slot).next;
                }
                if !(*slot).is_null() {
                    *slot = (**slot).next;
                }
            }
        });
    }
}

/// Whether an initialisation of the struct at this address is under way. O(reservations).
pub(crate) fn is_being_made(by: *const ()) -> bool {
    locked(|list| list.is_reserved(|reserved| reserved.by == by))
}

/// Enters a pool at the end, with what its struct is to hold; `false` if that holds a pool already. O(pools).
///
/// A struct of the caller's was reserved, so it holds none. A struct from the heap was not: a program may have freed memory in
/// which the struct of a live pool still lies, and the heap gives it out again.
///
/// The struct is written in the same critical section, so a pool that is on the list is complete.
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
            port::pools_exist(true);
        }
        vacant
    })
}

/// Says that the pool of `first` is the first of a set, whose struct is complete once `finish` returned: both in one critical
/// section.
///
/// # Safety
///
/// `first` is the struct of a live pool, and the first part of a set's.
pub(crate) unsafe fn complete_set(first: *const memory_pool_t, finish: impl FnOnce()) {
    locked(|list| {
        // SAFETY: a slot of the locked list; flags change with the registry locked.
        if let Some(control) = unsafe { (*list.slot_of(first)).as_mut() } {
            control.flags |= FIRST_OF_SET;
        }
        finish();
    });
}

/// Takes the pool in `pool` off the list and zeroes the struct, if `agreed` says so; `None` if it holds none. `agreed` also gets
/// whether another pool lies in the blocks of this one. O(pools).
///
/// Returns what the struct held. All of it is one critical section: another task that makes a pool in the same struct comes
/// before or after. Control block, blocks and records in memory of the caller's are reserved until `reservation` ends: until then
/// no other pool is made there.
///
/// # Safety
///
/// The reservation is of nothing yet, and is not moved from now on.
pub(crate) unsafe fn remove<E>(
    pool: *mut memory_pool_t,
    reservation: &Reservation,
    agreed: impl FnOnce(NonNull<Control>, bool) -> Result<(), E>,
) -> Option<Result<(NonNull<Control>, memory_pool_t), E>> {
    locked(|list| {
        // SAFETY: a slot of the locked list.
        let control = NonNull::new(unsafe { *list.slot_of(pool) })?;
        let holds_another = list.holds_another(control);
        Some(agreed(control, holds_another).map(|()| {
            list.unlink(pool);
            // SAFETY: live until a moment ago, and as the caller promises.
            unsafe { reservation.keep(list, control) };
            // SAFETY: the struct of a live pool may be read and written to.
            (control, unsafe { pool.replace(memory_pool_t::ZEROED) })
        }))
    })
}

/// Takes the pools in `structs` off the list, all that there are, if `agreed` says so of each; otherwise none. In the same
/// critical section it then runs `removed` for each, and `done`. While the struct at `by` is being initialised there is nothing
/// to take off. O(pools) for each struct. Each struct comes with a reservation, as for [`remove`].
///
/// # Safety
///
/// As [`remove`].
pub(crate) unsafe fn remove_all<'a, E>(
    by: *const (),
    structs: impl Iterator<Item = (*mut memory_pool_t, &'a Reservation)> + Clone,
    mut agreed: impl FnMut(NonNull<Control>, bool) -> Result<(), E>,
    mut removed: impl FnMut(NonNull<Control>, memory_pool_t),
    done: impl FnOnce(),
) -> Result<(), E> {
    locked(|list| {
        if list.is_reserved(|reserved| reserved.by == by) {
            return Ok(());
        }
        for (pool, _) in structs.clone() {
            // SAFETY: a slot of the locked list.
            if let Some(control) = NonNull::new(unsafe { *list.slot_of(pool) }) {
                agreed(control, list.holds_another(control))?;
            }
        }
        for (pool, reservation) in structs {
            if let Some(control) = list.unlink(pool) {
                // SAFETY: live until a moment ago, and as the caller promises.
                unsafe { reservation.keep(list, control) };
                // SAFETY: the struct of a live pool may be read and written to.
                removed(control, unsafe { pool.replace(memory_pool_t::ZEROED) });
            }
        }
        done();
        Ok(())
    })
}

/// The control block of the live pool at this address, or why there is none. The struct is not read. O(pools); one critical section.
pub(crate) fn live(pool: *const memory_pool_t) -> Result<NonNull<Control>, Refusal> {
    if pool.is_null() {
        return Err(refusals::NULL_POINTER);
    }
    // SAFETY: a slot of the locked list.
    locked(|list| NonNull::new(unsafe { *list.slot_of(pool) })).ok_or(refusals::NOT_A_POOL)
}

/// Runs `work` with the registry locked if this is still the live pool of this control block, so that it is not destroyed
/// meanwhile. O(pools) and what `work` does.
pub(crate) fn while_live<R>(
    pool: *const memory_pool_t,
    control: NonNull<Control>,
    work: impl FnOnce() -> R,
) -> Option<R> {
    // SAFETY: a slot of the locked list.
    locked(|list| unsafe { core::ptr::eq(*list.slot_of(pool), control.as_ptr()) }.then(work))
}

/// Whether this is the struct, or an address in the blocks, of a live pool whose struct does not lead to its control block any
/// more. O(pools).
pub(crate) fn is_overwritten(address: *const c_void) -> bool {
    locked(|list| {
        list.pools().any(|control| {
            // SAFETY: on the list, so live, with its struct.
            unsafe {
                let owner = (*control.as_ptr()).owner;
                let means =
                    core::ptr::addr_eq(owner, address) || overlap::blocks_of(control).contains(address);
                means && !core::ptr::addr_eq((*owner).control, control.as_ptr())
            }
        })
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

/// How often pools came, went or were named so far.
pub(crate) fn changes() -> u32 {
    locked(|list| list.changes)
}

/// Pools came, went or were named: what was seen before may no longer be so.
#[derive(Debug)]
pub(crate) struct Changed;

/// Shows `work` all pools. O(pools) and what `work` does, in one critical section, in which locks of pools may be taken.
pub(crate) fn view<R>(work: impl FnOnce(Pools<'_>) -> R) -> R {
    locked(|list| work(list.pools()))
}

/// The same, if they are still those there were when [`changes`] said `changes`.
pub(crate) fn view_unchanged<R>(changes: u32, work: impl FnOnce(Pools<'_>) -> R) -> Result<R, Changed> {
    locked(|list| if list.changes == changes { Ok(work(list.pools())) } else { Err(Changed) })
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
        unsafe { with_free_list(pool, control, |_| (&raw mut (*control.as_ptr()).name).write(name)) };
    });
}
