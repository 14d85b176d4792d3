//! The control block, and the way from a `memory_pool_t` to a pool.

use core::ffi::{c_char, c_void};
use core::marker::PhantomData;
use core::ptr::NonNull;

use microusc_pool::{ByteMap, Counters, FreeList, Geometry, RawLock, WaitQueue};
use microusc_port::{PortLock, Signal};

use crate::control::modes::{Diagnostics, Modes, Record};
use crate::types::*;

/// What wakes a task: the signal on its stack. And which task, as the kernel names it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waker {
    pub(crate) signal: NonNull<Signal>,
    pub(crate) task: *const c_void,
}

/// What a pool keeps besides the documented struct and its blocks. The allocation map follows it in memory.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Control {
    pub(crate) base: *mut u8,
    pub(crate) geometry: Geometry,
    pub(crate) counters: Counters,
    pub(crate) lock: PortLock,
    pub(crate) queue: WaitQueue<Waker>,
    /// The struct that this pool was made for.
    pub(crate) owner: *mut memory_pool_t,
    /// The pool made after this one.
    pub(crate) next: *mut Control,
    pub(crate) requested_size: usize,
    pub(crate) placement: memory_placement_t,
    pub(crate) flags: u32,
    pub(crate) name: [c_char; MEMORY_POOL_NAME_SIZE],
    /// Which diagnostics are on, and their records.
    pub(crate) diagnostics: Diagnostics,
    /// What is returned to the heap in the end: the memory this control block lies in (which may begin with the struct), and the
    /// storage. Null: the caller's.
    pub(crate) own_memory: *mut u8,
    pub(crate) own_storage: *mut u8,
}

/// Bytes that the header reserves for a control block in a buffer of the caller's.
pub(crate) const CONTROL_SIZE: usize = 17 * size_of::<usize>() + 48;
const _: () = assert!(size_of::<Control>() <= CONTROL_SIZE, "raise MEMORY_POOL_CONTROL_SIZE in the header");

/// The allocation map of a pool, right behind its control block.
pub(crate) type ControlMap = ByteMap<{ size_of::<Control>() }>;

impl Control {
    /// RAM of this pool besides its blocks, in bytes.
    pub(crate) fn overhead_bytes(&self) -> usize {
        let records =
            if self.diagnostics.keeps_records() { self.geometry.capacity() * size_of::<Record>() } else { 0 };
        size_of::<memory_pool_t>() + size_of::<Control>() + self.geometry.capacity() + records
    }
}

/// The control block of `pool`, if there is one. For callers that need no reason: a reason that is computed and dropped again costs
/// the fast path an instruction or two.
///
/// # Safety
///
/// As [`control_of`].
#[inline(always)]
pub(crate) unsafe fn found(pool: *mut memory_pool_t) -> Option<NonNull<Control>> {
    // SAFETY: not null, so it points to a struct.
    if pool.is_null() { None } else { NonNull::new(unsafe { (*pool).control }.cast()) }
}

/// The control block of `pool`, or why there is none.
///
/// # Safety
///
/// `pool` is null, or points to a struct that is zeroed or holds a pool, live or ended.
#[inline(always)]
pub(crate) unsafe fn control_of(pool: *mut memory_pool_t) -> Result<NonNull<Control>, esp_err_t> {
    if pool.is_null() {
        return Err(ESP_ERR_INVALID_ARG);
    }
    // SAFETY: not null, so it points to a struct.
    NonNull::new(unsafe { (*pool).control }.cast()).ok_or(ESP_ERR_INVALID_STATE)
}

/// The pool, for one operation with its lock held.
///
/// # Safety
///
/// `control` is that of `pool`; the lock is held as long as the result is used.
#[inline(always)]
pub(crate) unsafe fn free_list<'a>(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
) -> FreeList<'a, ControlMap> {
    // SAFETY: as the caller promises.
    unsafe {
        lock(control).assert_held();
        free_list_unlocked(pool, control)
    }
}

/// The pool, for one operation of the one context that uses it.
///
/// # Safety
///
/// `control` is that of `pool`, and nothing else uses the pool while the result is used: the lock is held, or the pool
/// is a single context's.
#[inline(always)]
pub(crate) unsafe fn free_list_unlocked<'a>(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
) -> FreeList<'a, ControlMap> {
    let at = control.as_ptr();
    // SAFETY: the four parts were made for each other when the pool was created. No other code uses them meanwhile, as the
    // caller promises. Only single fields are borrowed, so that another context may use the lock beside them.
    unsafe {
        FreeList::new(
            (&mut (*pool).memory_free, &mut (*pool).free_blocks),
            &mut (*at).counters,
            (*at).base,
            &(*at).geometry,
            ControlMap::new(at.cast()),
        )
    }
}

/// The diagnostics that are on now, to be read in the critical section of an operation.
///
/// # Safety
///
/// `control` is live.
#[inline(always)]
pub(crate) unsafe fn modes(control: NonNull<Control>) -> Modes {
    // SAFETY: as the caller promises; the field is shared by design.
    unsafe { (*control.as_ptr()).diagnostics.modes() }
}

/// The lock of a pool.
///
/// # Safety
///
/// `control` is live for as long as the result is used.
#[inline(always)]
pub(crate) unsafe fn lock<'a>(control: NonNull<Control>) -> &'a PortLock {
    // SAFETY: live, as the caller promises; the lock is shared by design.
    unsafe { &(*control.as_ptr()).lock }
}

/// Runs `work` on the pool with its lock held.
///
/// # Safety
///
/// `control` is that of `pool`.
#[inline(always)]
pub(crate) unsafe fn with_free_list<R>(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    work: impl FnOnce(&mut FreeList<'_, ControlMap>) -> R,
) -> R {
    // SAFETY: the lock is held; `control` is as the caller promises.
    unsafe { lock(control).with(|| work(&mut free_list(pool, control))) }
}

/// Runs `work` on the pool and its wait queue with the lock held.
///
/// # Safety
///
/// `control` is that of `pool`, and `work` uses the pool through its arguments only.
#[inline(always)]
pub(crate) unsafe fn with_queue<R>(
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    work: impl FnOnce(&mut FreeList<'_, ControlMap>, &mut WaitQueue<Waker>) -> R,
) -> R {
    // SAFETY: the lock is held; pool and queue are different fields, which `work` uses by its arguments only.
    unsafe { lock(control).with(|| work(&mut free_list(pool, control), &mut (*control.as_ptr()).queue)) }
}

/// Every pool in the order they were made, while the registry is locked: none ends meanwhile.
#[derive(Clone)]
pub(crate) struct Pools<'a>(*mut Control, PhantomData<&'a Control>);

impl Pools<'_> {
    /// # Safety
    ///
    /// Null, or the first of the linked control blocks, all of which live as long as the result is used.
    pub(crate) unsafe fn from_first(first: *mut Control) -> Self {
        Self(first, PhantomData)
    }
}

impl Iterator for Pools<'_> {
    type Item = NonNull<Control>;

    fn next(&mut self) -> Option<NonNull<Control>> {
        let control = NonNull::new(self.0)?;
        // SAFETY: every control block on the list is a live one.
        self.0 = unsafe { (*self.0).next };
        Some(control)
    }
}
