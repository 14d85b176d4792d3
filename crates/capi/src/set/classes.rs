//! Sets of pools: which class serves a size, which owns an address. The classes are pools like any other.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use microusc_pool::{Error, Geometry, RawLock};
use microusc_port::PortLock;

use crate::control::block::{Control, control_of, free_list, lock, modes, with_free_list};
use crate::control::registry;
use crate::diagnostics::{self, CallSite};
use crate::types::*;

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
        unsafe { with_free_list(self.pool, self.control, |list| list.is_live(block)) }
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
        unsafe { lock(self.control).with_or_stay_locked(|| free_list(self.pool, self.control).alloc_fast()) }
    }

    /// The other cases, of a request for `size` bytes.
    ///
    /// # Safety
    ///
    /// The lock is held with `saved`.
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_class_alloc_slow"))]
    unsafe fn alloc_slow(&self, saved: Saved, size: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: as the caller promises; `control` is that of `pool`.
        let (result, modes) =
            unsafe { (free_list(self.pool, self.control).alloc_slow(), modes(self.control)) };
        // SAFETY: as the caller promises.
        unsafe { lock(self.control).release(saved) };
        // SAFETY: `control` is that of `pool`, which gave the block to the caller.
        unsafe { diagnostics::after_alloc(self.pool, self.control, result, modes, CallSite::NONE, size) }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_class_alloc"))]
    fn alloc(&self, size: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: the lock is held.
        self.alloc_fast().or_else(|saved| unsafe { self.alloc_slow(saved, size) })
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
        unsafe { with_free_list(first.pool, first.control, |_| *counter = (*counter).saturating_add(1)) };
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
        with_free_list(first.pool, first.control, |_| {
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
pub(crate) unsafe fn alloc(set: *mut memory_pool_set_t, size: usize) -> Result<NonNull<u8>, Error> {
    // SAFETY: as the caller promises, here and below.
    let Some(class) = unsafe { classes(set) }.find(|class| class.stride() >= size) else {
        // SAFETY: as above.
        return unsafe { too_large(set) };
    };
    match class.alloc_fast() {
        Ok(block) => Ok(block),
        // SAFETY: as above; the lock of the class is still held.
        Err(saved) => unsafe { alloc_slow(set, class.rank, saved, size) },
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
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_alloc_slow"))]
unsafe fn alloc_slow(
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
    let error = match unsafe { first.alloc_slow(saved, size) } {
        Err(Error::Exhausted) if spill() => Error::Exhausted,
        answer => return answer,
    };
    // SAFETY: as the caller promises.
    let next = unsafe { class(set, rank + 1) }.ok_or(error)?;
    let block = next.alloc(size)?;
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
