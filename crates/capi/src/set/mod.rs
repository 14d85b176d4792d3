//! Sets of pools: which class serves a size, which owns an address. The classes are pools like any other.

pub mod api;
pub mod types;

use core::mem::MaybeUninit;
use core::ptr::{NonNull, null};
use core::sync::atomic::{AtomicBool, Ordering};

use microusc_pool::{Error, Geometry, RawLock};

use crate::diagnostics as watch;
use crate::pool::control::{Control, control_of, lock, modes, raw, with_pool};
use crate::pool::create::{self, Ended, Home};
use crate::pool::overlap::Range;
use crate::pool::placement;
use crate::pool::refusal::{self, Refusal};
use crate::pool::registry::{self, Reservation, Wanted};
use crate::set::types::*;
use crate::types::*;
use microusc_port::PortLock;

type Saved = <PortLock as RawLock>::Saved;

/// A class of a set: its index, its pool, and the pool's control block.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub(crate) rank: usize,
    pub(crate) pool: *mut memory_pool_t,
    control: NonNull<Control>,
}

/// Class `rank` of the set, if there is one.
///
/// # Safety
///
/// `set` points to a struct that is zeroed or holds a set, live or ended, whatever its number of classes is.
#[inline(always)]
pub(crate) unsafe fn class(set: *mut memory_pool_set_t, rank: usize) -> Option<Class> {
    // SAFETY: as the caller promises.
    if rank >= unsafe { count(set) } {
        return None;
    }
    // SAFETY: as the caller promises; there is room for so many.
    unsafe { class_at(set, rank) }
}

/// How many classes the set says that it has: at most as many as there is room for, also if the number was overwritten.
///
/// # Safety
///
/// As [`class`].
#[inline(always)]
unsafe fn count(set: *const memory_pool_set_t) -> usize {
    // SAFETY: as the caller promises; what is read does not change while the set lives.
    unsafe { (*set).num_classes }.min(MEMORY_POOL_SET_MAX_CLASSES)
}

/// # Safety
///
/// As [`class`]; there is room for so many classes.
#[inline(always)]
unsafe fn class_at(set: *mut memory_pool_set_t, rank: usize) -> Option<Class> {
    // SAFETY: as the caller promises.
    let pool = unsafe { (&raw mut (*set).classes).cast::<memory_pool_t>().add(rank) };
    // SAFETY: zeroed or a pool, as the set is.
    let control = unsafe { control_of(pool) }.ok()?;
    Some(Class { rank, pool, control })
}

/// The classes of the set, smallest blocks first.
///
/// Counted by the set, not by the room in it: a loop of known length would be written out eight times at every use.
///
/// # Safety
///
/// As [`class`], as long as the result is used.
#[inline(always)]
pub(crate) unsafe fn classes(set: *mut memory_pool_set_t) -> impl Iterator<Item = Class> {
    // SAFETY: as the caller promises, here and below; what is read does not change while the set lives.
    let count = unsafe { count(set) };
    // SAFETY: as above.
    (0..count).filter_map(move |rank| unsafe { class_at(set, rank) })
}

impl Class {
    #[inline(always)]
    fn geometry(&self) -> &Geometry {
        // SAFETY: a control block, and a geometry does not change.
        unsafe { &(*self.control.as_ptr()).geometry }
    }

    /// Bytes that a block may use.
    #[inline(always)]
    pub(crate) fn stride(&self) -> usize {
        self.geometry().stride()
    }

    /// From the start of the class to `address`; not below the bytes of the class if it lies elsewhere.
    #[inline(always)]
    fn offset(&self, address: usize) -> usize {
        // SAFETY: a control block, and a base does not change.
        address.wrapping_sub(unsafe { (*self.control.as_ptr()).base }.addr())
    }

    pub(crate) fn control(&self) -> NonNull<Control> {
        self.control
    }

    /// Whether `block` is in use.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_owns"))]
    pub(crate) fn owns(&self, block: *const u8) -> bool {
        // SAFETY: `control` is that of `pool`.
        unsafe { with_pool(self.pool, self.control, |raw| raw.is_live(block)) }
    }

    /// Why an address that is no block in use is refused.
    pub(crate) fn refusal(&self, address: usize) -> Error {
        let is_block = self.geometry().index_of(self.offset(address)).is_some();
        if is_block { Error::DoubleFree } else { Error::NotABlock }
    }

    /// The usual case; otherwise the lock is handed over, still held.
    #[inline(always)]
    fn alloc_fast(&self) -> Result<NonNull<u8>, Saved> {
        // SAFETY: `control` is that of `pool`, and the lock is held.
        unsafe { lock(self.control).with_or_stay_locked(|| raw(self.pool, self.control).alloc_fast()) }
    }

    /// The other cases, of a request for `size` bytes.
    ///
    /// # Safety
    ///
    /// The lock is held with `saved`.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_class_take_held"))]
    unsafe fn take_held(&self, saved: Saved, size: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: as the caller promises; `control` is that of `pool`.
        let (taken, modes) = unsafe { (raw(self.pool, self.control).alloc_slow(), modes(self.control)) };
        // SAFETY: as the caller promises.
        unsafe { lock(self.control).release(saved) };
        // SAFETY: `control` is that of `pool`, which gave the block to the caller.
        unsafe { watch::taken(self.pool, self.control, taken, modes, watch::Place::UNSAID, size) }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_class_take"))]
    fn take(&self, size: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: the lock is held.
        self.alloc_fast().or_else(|saved| unsafe { self.take_held(saved, size) })
    }
}

/// The class in whose blocks the address lies.
///
/// # Safety
///
/// As [`class`].
#[inline(always)]
pub(crate) unsafe fn owner(set: *mut memory_pool_set_t, address: usize) -> Option<Class> {
    // SAFETY: as the caller promises.
    unsafe { classes(set) }.find(|class| class.offset(address) < class.geometry().bytes())
}

/// Adds one to a counter of the set's own, under the lock of its first class.
///
/// # Safety
///
/// As [`class`]; `counter` is one of this set's.
#[cold]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_count"))]
pub(crate) unsafe fn count_one(set: *mut memory_pool_set_t, counter: *mut u32) {
    // SAFETY: as the caller promises.
    if let Some(first) = unsafe { classes(set) }.next() {
        // SAFETY: `control` is that of `pool`; the counter is written to with that lock held only.
        unsafe { with_pool(first.pool, first.control, |_| *counter = (*counter).saturating_add(1)) };
    }
}

/// Blocks of class `rank` that were given to requests of the class below.
///
/// # Safety
///
/// As [`class`]; `rank` is that of a class.
pub(crate) unsafe fn spilled_in(set: *mut memory_pool_set_t, rank: usize) -> u32 {
    // SAFETY: as the caller promises.
    let Some(first) = (unsafe { classes(set) }).next() else { return 0 };
    // SAFETY: `control` is that of `pool`; `rank` is below the length of the array; read with the lock held with which
    // it is written.
    unsafe {
        with_pool(first.pool, first.control, |_| {
            (&raw const (*set).spilled_in).cast::<u32>().add(rank).read()
        })
    }
}

/// Takes a block for `size` bytes.
///
/// # Safety
///
/// As [`class`].
#[inline(always)]
pub(crate) unsafe fn take(set: *mut memory_pool_set_t, size: usize) -> Result<NonNull<u8>, Error> {
    // SAFETY: as the caller promises, here and below.
    let Some(class) = unsafe { classes(set) }.find(|class| class.stride() >= size) else {
        // SAFETY: as above.
        return unsafe { too_large(set) };
    };
    match class.alloc_fast() {
        Ok(block) => Ok(block),
        // SAFETY: as above; the lock of the class is still held.
        Err(saved) => unsafe { take_otherwise(set, class.rank, saved, size) },
    }
}

/// No class is for so many bytes.
///
/// # Safety
///
/// As [`class`].
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_too_large"))]
unsafe fn too_large(set: *mut memory_pool_set_t) -> Result<NonNull<u8>, Error> {
    // SAFETY: as the caller promises; the set's own counter.
    unsafe { count_one(set, &raw mut (*set).too_large) };
    Err(Error::NoClass)
}

/// The usual path of class `rank` led to no block: its other one, and the next class, if that is wanted.
///
/// # Safety
///
/// As [`class`]; `rank` is that of a class, whose lock is held with `saved`.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_take_otherwise"))]
unsafe fn take_otherwise(
    set: *mut memory_pool_set_t,
    rank: usize,
    saved: Saved,
    size: usize,
) -> Result<NonNull<u8>, Error> {
    // SAFETY: as the caller promises, here and below.
    let first = unsafe { class(set, rank) }.ok_or(Error::NoClass)?;
    // Relaxed: it stands for nothing but itself.
    // SAFETY: as the caller promises; the flag is shared by design.
    let spill = || unsafe { &(*set).spill }.load(Ordering::Relaxed);
    // SAFETY: as the caller promises.
    let error = match unsafe { first.take_held(saved, size) } {
        Err(Error::Exhausted) if spill() => Error::Exhausted,
        answer => return answer,
    };
    // SAFETY: as the caller promises.
    let next = unsafe { class(set, rank + 1) }.ok_or(error)?;
    let block = next.take(size)?;
    // SAFETY: its own counter; `rank` is that of a class.
    unsafe { count_one(set, (&raw mut (*set).spilled_in).cast::<u32>().add(next.rank)) };
    Ok(block)
}

/// Whether a set lives in the struct, whatever its bytes are: whether a pool lives where its classes are, and the set is not just
/// being made. O(pools).
pub(crate) fn is_live(set: *const memory_pool_set_t) -> bool {
    // Addresses only: the struct may hold anything.
    let classes = set.cast::<memory_pool_t>();
    (0..MEMORY_POOL_SET_MAX_CLASSES).any(|rank| registry::contains(classes.wrapping_add(rank)))
        && !registry::is_being_made(set.cast())
}
const _: () = assert!(core::mem::offset_of!(memory_pool_set_t, classes) == 0);

/// Makes a set. O(blocks of all classes).
///
/// # Safety
///
/// The struct may be written to, and lives as long as the set.
pub(crate) unsafe fn init(
    set: *mut memory_pool_set_t,
    wanted: &[memory_pool_set_class_t],
    placement: memory_placement_t,
) -> Result<(), Refusal> {
    if wanted.is_empty() {
        return Err(refusal::NO_CLASSES);
    }
    let align = placement::terms(placement, 0)?.align;
    let mut below = 0;
    for class in wanted {
        let stride = Geometry::new(class.block_size, align, class.num_blocks)?.stride();
        if stride <= below {
            return Err(refusal::CLASSES_UNSORTED);
        }
        below = stride;
    }
    if is_live(set) {
        return Err(refusal::STILL_A_SET);
    }
    let place = Wanted {
        place: set.cast_const().cast(),
        place_bytes: size_of::<memory_pool_set_t>(),
        memory: Range::EMPTY,
        inside: null(),
    };
    // SAFETY: the struct is the caller's to give, and nobody else makes anything in it meanwhile.
    registry::reserve(&place, || unsafe { make(set, wanted, placement) })
}

/// # Safety
///
/// As [`init`]; the struct is reserved.
unsafe fn make(
    set: *mut memory_pool_set_t,
    wanted: &[memory_pool_set_class_t],
    placement: memory_placement_t,
) -> Result<(), Refusal> {
    // SAFETY: the struct is the caller's to give; its bytes may be any.
    let before: MaybeUninit<memory_pool_set_t> = unsafe { set.cast::<MaybeUninit<_>>().read() };
    let pool_at = |rank: usize| set.cast::<memory_pool_t>().wrapping_add(rank);
    for (rank, class) in wanted.iter().enumerate() {
        let (block_size, num_blocks) = (class.block_size, class.num_blocks);
        let config = memory_pool_config_t { block_size, num_blocks, placement, flags: 0, name: null() };
        let home = Home::Class(pool_at(rank), set.cast_const().cast());
        // SAFETY: inside the struct, which may be written to; there is no name.
        let Err(refusal) = (unsafe { create::create(home, &config) }) else { continue };
        for made in (0..rank).rev() {
            // SAFETY: made just now, and nobody else knows the set.
            unsafe { create::end_class(pool_at(made)) };
        }
        // SAFETY: the struct is the caller's, and as it was.
        unsafe { set.cast::<MaybeUninit<_>>().write(before) };
        return Err(refusal);
    }
    let finish = || {
        // SAFETY: the struct may be written to, and the set is this context's until this returns.
        unsafe {
            for rank in wanted.len()..MEMORY_POOL_SET_MAX_CLASSES {
                pool_at(rank).write(memory_pool_t::ZEROED);
            }
            (&raw mut (*set).too_large).write(0);
            (&raw mut (*set).refused_frees).write(0);
            (&raw mut (*set).spilled_in).write([0; MEMORY_POOL_SET_MAX_CLASSES]);
            (&raw mut (*set).spill).write(AtomicBool::new(false));
            (&raw mut (*set).num_classes).write(wanted.len());
        }
    };
    // SAFETY: the first class was made above.
    unsafe { registry::complete_set(pool_at(0), finish) };
    Ok(())
}

/// Ends a set, and tells what was in use of each class, which `show` is shown before; or, if a class cannot end, ends nothing and
/// returns what is known of that class. O(pools) for each class, in one critical section.
///
/// # Safety
///
/// A set lives in the struct; nobody uses it meanwhile or afterwards.
pub(crate) unsafe fn end(
    set: *mut memory_pool_set_t,
    mut show: impl FnMut(&mut memory_pool_t, NonNull<Control>, usize),
    mut tell: impl FnMut(Ended),
) -> Result<(), Ended> {
    let reservations = [const { Reservation::none() }; MEMORY_POOL_SET_MAX_CLASSES];
    let pools = reservations.iter().enumerate();
    let pools =
        pools.map(|(rank, reservation)| (set.cast::<memory_pool_t>().wrapping_add(rank), reservation));
    let mut classes = [const { None }; MEMORY_POOL_SET_MAX_CLASSES];
    let mut free = classes.iter_mut();
    let agreed = |control: NonNull<Control>, holds_another| {
        // SAFETY: on the registry, which is locked, so it is the live control block of its owner.
        let class = unsafe { Ended::of((*control.as_ptr()).owner, control, holds_another) };
        if class.refusal().is_some() { Err(class) } else { Ok(()) }
    };
    let removed = |control, mut fields| {
        if let Some(class) = free.next() {
            // SAFETY: the registry is locked; live until it is released below; the fields are those of its struct.
            let ended = unsafe { Ended::of(&mut fields, control, false) };
            *class = Some((control, fields, ended));
        }
    };
    // In the same critical section: then another context may make a set in the struct.
    // SAFETY: the set's struct; all zero is what a struct without a set is.
    let done = || unsafe { set.write_bytes(0, 1) };
    // SAFETY: the reservations stay in this frame.
    unsafe { registry::remove_all(set.cast_const().cast(), pools, agreed, removed, done) }?;
    for (control, mut fields, mut ended) in classes.into_iter().flatten() {
        // SAFETY: off the registry, and nobody uses the pool.
        ended.in_use = unsafe { create::in_use_of_ended(control) };
        show(&mut fields, control, ended.in_use);
        // SAFETY: off the registry, and nobody uses the pool.
        unsafe { create::release(control) };
        tell(ended);
    }
    Ok(())
}
