//! The classes of a set, which are pools like any other. How requests are routed to them is in `microusc_pool::SizeClasses`.

use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use microusc_pool::{ClassPool, Error, Geometry, RawLock, SizeClasses};
use microusc_port::PortLock;

use crate::control::block::{Control, control_of, free_list, lock, modes, with_free_list};
use crate::control::registry;
use crate::diagnostics::{self, CallSite};
use crate::types::*;

/// A class of a set: its rank, its pool, and the pool's control block.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub(crate) rank: usize,
    pub(crate) pool: *mut memory_pool_t,
    control: NonNull<Control>,
}

impl Class {
    #[inline(always)]
    fn geometry(&self) -> &Geometry {
        // SAFETY: a control block, and a geometry does not change.
        unsafe { &(*self.control.as_ptr()).geometry }
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

    /// Why an address that is not a block in use is refused.
    pub(crate) fn refusal(&self, address: usize) -> Error {
        let is_block = self.geometry().index_of(self.offset(address)).is_some();
        if is_block { Error::DoubleFree } else { Error::NotABlock }
    }
}

impl ClassPool for Class {
    type Saved = <PortLock as RawLock>::Saved;

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
    fn alloc_fast(self) -> Result<NonNull<u8>, Self::Saved> {
        // `with_or_stay_locked` written out: its closure may become a function of its own, outside of instruction RAM.
        // SAFETY: `control` is that of `pool`, and the lock is held until the release.
        unsafe {
            let saved = lock(self.control).acquire();
            let Some(block) = free_list(self.pool, self.control).alloc_fast() else { return Err(saved) };
            lock(self.control).release(saved);
            Ok(block)
        }
    }

    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_class_alloc_slow"))]
    unsafe fn alloc_slow(self, saved: Self::Saved, size: usize) -> Result<NonNull<u8>, Error> {
        // SAFETY: as the caller promises; `control` is that of `pool`.
        let (result, modes) =
            unsafe { (free_list(self.pool, self.control).alloc_slow(), modes(self.control)) };
        // SAFETY: as the caller promises.
        unsafe { lock(self.control).release(saved) };
        // SAFETY: `control` is that of `pool`, from which the block was allocated for the caller.
        unsafe { diagnostics::after_alloc(self.pool, self.control, result, modes, CallSite::NONE, size) }
    }
}

/// The set in a struct.
#[derive(Clone, Copy)]
pub(crate) struct Set(*mut memory_pool_set_t);

impl Set {
    /// # Safety
    ///
    /// `set` points to a struct that is zeroed or holds a set, live or destroyed, whatever its number of classes is, as long as the
    /// result is used.
    #[inline(always)]
    pub(crate) unsafe fn at(set: *mut memory_pool_set_t) -> Self {
        Self(set)
    }

    /// How many classes the set says that it has: at most as many as there is room for, also if the number was overwritten.
    #[inline(always)]
    fn count(self) -> usize {
        // SAFETY: as `at` was promised; the number does not change while the set lives.
        unsafe { (*self.0).num_classes }.min(MEMORY_POOL_SET_MAX_CLASSES)
    }

    /// # Safety
    ///
    /// There is room for so many classes.
    #[inline(always)]
    unsafe fn class_at(self, rank: usize) -> Option<Class> {
        // SAFETY: as the caller promises, and `at` was.
        let pool = unsafe { (&raw mut (*self.0).classes).cast::<memory_pool_t>().add(rank) };
        // SAFETY: zeroed or a pool, as the set is.
        let control = unsafe { control_of(pool) }.ok()?;
        Some(Class { rank, pool, control })
    }

    /// Adds one to a counter of the set's own, under the lock of its first class.
    #[cold]
    #[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_set_count"))]
    fn count_one(self, counter: *mut u32) {
        if let Some(first) = self.classes().next() {
            // SAFETY: `control` is that of `pool`; the callers pass counters of this set, written with that lock held only.
            unsafe { with_free_list(first.pool, first.control, |_| *counter = (*counter).saturating_add(1)) };
        }
    }

    /// Counts a free that no class counts. O(1); one critical section.
    pub(crate) fn count_refused_free(self) {
        // SAFETY: as `at` was promised.
        self.count_one(unsafe { &raw mut (*self.0).refused_frees });
    }

    /// Blocks of class `rank`, which exists, that were allocated for requests of the class below. O(1); one critical section.
    pub(crate) fn spilled_in(self, rank: usize) -> u32 {
        let Some(first) = self.classes().next() else { return 0 };
        // SAFETY: `control` is that of `pool`; the index is below the length of the array; read with the lock held with which
        // it is written.
        unsafe {
            with_free_list(first.pool, first.control, |_| {
                let counters = (&raw const (*self.0).spilled_in).cast::<u32>();
                counters.add(rank.min(MEMORY_POOL_SET_MAX_CLASSES - 1)).read()
            })
        }
    }
}

impl SizeClasses for Set {
    type Class = Class;

    /// Counted by the set, not by the room in it: a loop of known length would be written out eight times at every use.
    #[inline(always)]
    fn classes(self) -> impl Iterator<Item = Class> {
        let count = self.count();
        // SAFETY: at most as many as there is room for.
        (0..count).filter_map(move |rank| unsafe { self.class_at(rank) })
    }

    #[inline(always)]
    fn class(self, rank: usize) -> Option<Class> {
        if rank >= self.count() {
            return None;
        }
        // SAFETY: at most as many as there is room for.
        unsafe { self.class_at(rank) }
    }

    #[inline(always)]
    fn spills(self) -> bool {
        // Relaxed: it orders nothing.
        // SAFETY: as `at` was promised; the flag is shared by design.
        unsafe { &(*self.0).spill }.load(Ordering::Relaxed)
    }

    fn count_spilled(self, rank: usize) {
        // SAFETY: the rank of a class, for which there is a counter.
        self.count_one(unsafe { (&raw mut (*self.0).spilled_in).cast::<u32>().add(rank) });
    }

    fn count_no_class(self) {
        // SAFETY: as `at` was promised.
        self.count_one(unsafe { &raw mut (*self.0).too_large });
    }
}

/// Whether a set lives in the struct, whatever its bytes are: whether a pool lives where its classes are, and the set is not just
/// being created. O(pools).
pub(crate) fn is_live(set: *const memory_pool_set_t) -> bool {
    // Addresses only: the struct may hold anything.
    let classes = set.cast::<memory_pool_t>();
    (0..MEMORY_POOL_SET_MAX_CLASSES).any(|rank| registry::contains(classes.wrapping_add(rank)))
        && !registry::is_being_made(set.cast())
}
const _: () = assert!(core::mem::offset_of!(memory_pool_set_t, classes) == 0);
