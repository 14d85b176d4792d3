//! The C functions of `MicroUSC/port/bare.h`, and what they were given.

use core::ffi::{c_char, c_void};
use core::mem::transmute;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use crate::types::{ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE, ESP_OK, esp_err_t};

pub(super) type Write = unsafe extern "C" fn(text: *const c_char, length: usize);
pub(super) type NowUs = unsafe extern "C" fn() -> u64;
pub(super) type Allocate = unsafe extern "C" fn(bytes: usize, align: usize, caps: u32) -> *mut c_void;
pub(super) type Release = unsafe extern "C" fn(memory: *mut c_void);
pub(super) type MayWait = unsafe extern "C" fn() -> bool;
pub(super) type Idle = unsafe extern "C" fn();

/// The program's functions, or null. Loads and stores only: not every core can do more to a word at once.
///
/// Released when it is set and acquired before it is called: what the program wrote before it gave a function is seen by the
/// function, on whichever core that runs. No model checker sees this, since both ends are the program's.
pub(super) struct Hooks {
    writer: AtomicPtr<c_void>,
    clock: AtomicPtr<c_void>,
    allocate: AtomicPtr<c_void>,
    release: AtomicPtr<c_void>,
    may_wait: AtomicPtr<c_void>,
    idle: AtomicPtr<c_void>,
}

pub(super) static HOOKS: Hooks = Hooks {
    writer: AtomicPtr::new(null_mut()),
    clock: AtomicPtr::new(null_mut()),
    allocate: AtomicPtr::new(null_mut()),
    release: AtomicPtr::new(null_mut()),
    may_wait: AtomicPtr::new(null_mut()),
    idle: AtomicPtr::new(null_mut()),
};

impl Hooks {
    pub(super) fn writer(&self) -> Option<Write> {
        // SAFETY: the only values stored are null and functions of this type; null is `None`.
        unsafe { transmute(self.writer.load(Ordering::Acquire)) }
    }

    pub(super) fn clock(&self) -> Option<NowUs> {
        // SAFETY: as above.
        unsafe { transmute(self.clock.load(Ordering::Acquire)) }
    }

    pub(super) fn allocate(&self) -> Option<Allocate> {
        // SAFETY: as above.
        unsafe { transmute(self.allocate.load(Ordering::Acquire)) }
    }

    pub(super) fn release(&self) -> Option<Release> {
        // SAFETY: as above.
        unsafe { transmute(self.release.load(Ordering::Acquire)) }
    }

    pub(super) fn may_wait(&self) -> Option<MayWait> {
        // SAFETY: as above.
        unsafe { transmute(self.may_wait.load(Ordering::Acquire)) }
    }

    pub(super) fn idle(&self) -> Option<Idle> {
        // SAFETY: as above.
        unsafe { transmute(self.idle.load(Ordering::Acquire)) }
    }
}

/// There are live pools. Relaxed: it orders nothing.
static POOLS_EXIST: AtomicBool = AtomicBool::new(false);

pub fn pools_exist(exist: bool) {
    POOLS_EXIST.store(exist, Ordering::Relaxed);
}

/// Microseconds since some moment; 0 without a clock.
pub(super) fn now_us() -> u64 {
    // SAFETY: the program promised that its function can be called from any context.
    HOOKS.clock().map_or(0, |now_us| unsafe { now_us() })
}

/// Where log lines go.
///
/// # Safety
///
/// The function may be called from any context, until another is set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_bare_set_writer(
    write: Option<unsafe extern "C" fn(text: *const c_char, length: usize)>,
) {
    HOOKS.writer.store(write.map_or(null_mut(), |write| write as *mut c_void), Ordering::Release);
}

/// What time it is.
///
/// # Safety
///
/// As [`microusc_bare_set_writer`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_bare_set_clock(now_us: Option<unsafe extern "C" fn() -> u64>) {
    HOOKS.clock.store(now_us.map_or(null_mut(), |now_us| now_us as *mut c_void), Ordering::Release);
}

/// Where memory comes from, while no pools exist.
///
/// # Safety
///
/// The functions may be called from tasks, as long as pools are made; `allocate` returns memory as large and aligned as
/// requested, which nothing else uses until `release`, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_bare_set_heap(
    allocate: Option<unsafe extern "C" fn(bytes: usize, align: usize, caps: u32) -> *mut c_void>,
    release: Option<unsafe extern "C" fn(memory: *mut c_void)>,
) -> esp_err_t {
    if allocate.is_some() != release.is_some() {
        return ESP_ERR_INVALID_ARG;
    }
    if POOLS_EXIST.load(Ordering::Relaxed) {
        return ESP_ERR_INVALID_STATE;
    }
    HOOKS.release.store(release.map_or(null_mut(), |release| release as *mut c_void), Ordering::Release);
    HOOKS.allocate.store(allocate.map_or(null_mut(), |allocate| allocate as *mut c_void), Ordering::Release);
    ESP_OK
}

/// Sets the function that says whether the caller may wait for a block, and the one that runs meanwhile.
///
/// # Safety
///
/// `may_wait` may be called from any context, `idle` wherever that said yes, until others are set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_bare_set_wait(
    may_wait: Option<unsafe extern "C" fn() -> bool>,
    idle: Option<unsafe extern "C" fn()>,
) {
    HOOKS.idle.store(idle.map_or(null_mut(), |idle| idle as *mut c_void), Ordering::Release);
    HOOKS.may_wait.store(may_wait.map_or(null_mut(), |may_wait| may_wait as *mut c_void), Ordering::Release);
}
