//! The classes of a set, which are pools like any other. The pool crate routes requests to them, by size and by address.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use microusc_pool::{ClassPool, Error, Geometry, RawLock, SizeClasses};
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
}

impl ClassPool for Class {
    type Saved = Saved;

    #[inline(always)]
    fn rank(self) -> usize {
        self.rank
    }

    #[inline(always)]
    fn stride(self) -> usize {
        self.geometry().stride()
    }

    #[inline(always)]
    fn contains(self, address: usize) -> bool {
        self.offset(address) < self.geometry().bytes()
    }

    #[inline(always)]
    #[allow(clippy::let_unit_value, reason = "the lock of a host saves nothing")]
    fn alloc_fast(self) -> Result<NonNull<u8>, Saved> {
        // Without a closure: a compiler may place that of two uses in flash.
        // SAFETY: `control` is that of `pool`, and the lock is held.
        unsafe {
            let lock = lock(self.control);
            let saved = lock.acquire();
            let block = free_list(self.pool, self.control).alloc_fast().ok_or(saved)?;
            lock.release(saved);
            Ok(block)
        }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_class_alloc_slow"))]
    unsafe fn alloc_slow(self, saved: Saved, size: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: as the caller promises; `control` is that of `pool`.
        let (result, modes) =
            unsafe { (free_list(self.pool, self.control).alloc_slow(), modes(self.control)) };
        // SAFETY: as the caller promises.
        unsafe { lock(self.control).release(saved) };
        // SAFETY: `control` is that of `pool`, which allocated the block for the caller.
        unsafe { diagnostics::after_alloc(self.pool, self.control, result, modes, CallSite::NONE, size) }
    }
}

/// A set, by the address of its struct.
#[derive(Clone, Copy)]
struct Set(*mut memory_pool_set_t);

impl Set {
    /// # Safety
    ///
    /// As [`class`], as long as the result is used.
    #[inline(always)]
    unsafe fn new(set: *mut memory_pool_set_t) -> Self {
        Self(set)
    }
}

impl SizeClasses for Set {
    type Class = Class;

    #[inline(always)]
    fn classes(self) -> impl Iterator<Item = Class> {
        // SAFETY: as the caller of `new` promised.
        unsafe { classes(self.0) }
    }

    #[inline(always)]
    fn class(self, rank: usize) -> Option<Class> {
        // SAFETY: as the caller of `new` promised.
        unsafe { class(self.0, rank) }
    }

    #[inline(always)]
    fn spills(self) -> bool {
        // Relaxed: the flag orders nothing.
        // SAFETY: as the caller of `new` promised; the flag is shared by design.
        unsafe { &(*self.0).spill }.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn count_spilled(self, rank: usize) {
        // SAFETY: as the caller of `new` promised; `rank` is that of a class, and the counter is the set's.
        unsafe { count_one(self.0, (&raw mut (*self.0).spilled_in).cast::<u32>().add(rank)) };
    }

    #[inline(always)]
    fn count_no_class(self) {
        // SAFETY: as the caller of `new` promised; the counter is the set's.
        unsafe { count_one(self.0, &raw mut (*self.0).too_large) };
    }
}

/// The class that an address belongs to: the one with a block at or around it.
///
/// # Safety
///
/// As [`class`].
#[inline(always)]
pub(crate) unsafe fn owner(set: *mut memory_pool_set_t, address: usize) -> Option<Class> {
    // SAFETY: as the caller promises.
    unsafe { Set::new(set) }.class_of_address(address)
}

/// The class that serves `size` bytes.
///
/// # Safety
///
/// As [`class`].
#[inline(always)]
pub(crate) unsafe fn for_size(set: *mut memory_pool_set_t, size: usize) -> Option<Class> {
    // SAFETY: as the caller promises.
    unsafe { Set::new(set) }.class_for_size(size)
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

/// Allocates a block for `size` bytes.
///
/// # Safety
///
/// As [`class`].
#[inline(always)]
pub(crate) unsafe fn alloc(set: *mut memory_pool_set_t, size: usize) -> Result<NonNull<u8>, Error> {
    // SAFETY: as the caller promises.
    unsafe { Set::new(set) }.alloc_sized(size)
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
