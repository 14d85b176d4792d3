//! Reports of misuse, damage and refusals: a log line, and a call of the program's callback.
//!
//! ```text
//!   free_slow --> refuse_from_ram | --> report_from_flash --> report_error --> port::log, callback
//!       code that may run         |   code and texts in flash
//!       while flash is off        |
//!                                   every other function: refuse --> report_error
//! ```
//!
//! `port::log` composes the line in `crates/port/src/log.rs`, on ESP-IDF in `port_esp_idf.c`. Its words, the reasons and next
//! steps, are in `refusals.rs`.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use microusc_port as port;

use crate::control::block::Control;
use crate::control::registry;
use crate::refusals::{self, Refusal};
use crate::types::*;

/// The program's callback, or null.
///
/// Stored with release and loaded with acquire: the callback sees what the program wrote before it set the callback, on
/// whichever core it runs. No model checker sees this, since both ends are the program's.
static CALLBACK: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Calls `callback` for each report from now on.
pub(crate) fn set_callback(callback: memory_pool_report_callback_t) {
    let address = callback.map_or(null_mut(), |function| function as *mut c_void);
    CALLBACK.store(address, Ordering::Release);
}

/// The function that refuses. A number rather than its name: code that runs while flash cannot be read must not hold the address
/// of a text in flash.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Alloc,
    AllocReason,
    AllocZeroed,
    AllocFromIsr,
    AllocUnsynchronized,
    AllocAt,
    AllocFrom,
    Free,
    FreeReason,
    FreeUnsynchronized,
    SetDestroy,
    SetAlloc,
    SetAllocReason,
    SetAllocAt,
    SetFree,
    SetUsableSize,
    SetRealloc,
}

impl Caller {
    /// The refusal for `reason`, if the struct holds no pool or no set.
    fn refusal(self, reason: esp_err_t) -> Refusal {
        match (reason, self) {
            (
                ESP_ERR_INVALID_STATE,
                Self::SetDestroy
                | Self::SetAlloc
                | Self::SetAllocReason
                | Self::SetAllocAt
                | Self::SetFree
                | Self::SetUsableSize
                | Self::SetRealloc,
            ) => refusals::NOT_A_SET,
            (ESP_ERR_INVALID_STATE, _) => refusals::NOT_A_POOL,
            (ESP_ERR_INVALID_ARG, _) => refusals::NULL_POINTER,
            _ => reason.into(),
        }
    }

    /// The name of the C function. Not inlined, so that the program contains the table of names once.
    #[cold]
    #[inline(never)]
    pub(crate) fn name(self) -> &'static CStr {
        match self {
            Self::Alloc => c"memory_pool_alloc",
            Self::AllocReason => c"memory_pool_alloc_reason",
            Self::AllocZeroed => c"memory_pool_alloc_zeroed",
            Self::AllocFromIsr => c"memory_pool_alloc_from_isr",
            Self::AllocUnsynchronized => c"memory_pool_alloc_unsynchronized",
            Self::AllocAt => c"memory_pool_alloc_at",
            Self::AllocFrom => c"memory_pool_alloc_from",
            Self::Free => c"memory_pool_free",
            Self::FreeReason => c"memory_pool_free_reason",
            Self::FreeUnsynchronized => c"memory_pool_free_unsynchronized",
            Self::SetDestroy => c"memory_pool_set_destroy",
            Self::SetAlloc => c"memory_pool_set_alloc",
            Self::SetAllocReason => c"memory_pool_set_alloc_reason",
            Self::SetAllocAt => c"memory_pool_set_alloc_at",
            Self::SetUsableSize => c"memory_pool_set_usable_size",
            Self::SetFree => c"memory_pool_set_free",
            Self::SetRealloc => c"memory_pool_set_realloc",
        }
    }
}

/// The last step of a hot-path function that refuses: reports the refusal if flash can be read now, and returns `reason`. O(1)
/// besides the report. It lies in RAM and runs also while flash cannot be read; the refusal was counted before, in any case.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_refuse_from_ram"))]
pub(crate) fn refuse_from_ram(
    reason: esp_err_t,
    address: *const c_void,
    caller: Caller,
    control: Option<NonNull<Control>>,
) -> esp_err_t {
    if port::may_report() {
        report_from_flash(reason, address, caller, control);
    }
    // If the compiler saw that this is the argument, callers would keep that in a register, and need a frame on the fast path.
    core::hint::black_box(reason)
}

/// The part of [`refuse_from_ram`] that lies in flash: looks up the texts, and reports.
#[cold]
#[inline(never)]
fn report_from_flash(
    reason: esp_err_t,
    address: *const c_void,
    caller: Caller,
    control: Option<NonNull<Control>>,
) {
    let refusal = match reason {
        ESP_ERR_INVALID_STATE if registry::is_overwritten(address) => refusals::OVERWRITTEN,
        _ => caller.refusal(reason),
    };
    // SAFETY: the pool is live, obligation 3.
    report_error(caller.name(), refusal, unsafe { name_of(control) }, address, 0);
}

/// Writes the log line, then calls the program's callback. With no lock held.
#[cold]
#[inline(never)]
pub(crate) fn report_error(
    function: &'static CStr,
    Refusal { reason, step }: Refusal,
    pool: *const c_char,
    address: *const c_void,
    count: usize,
) {
    let report = memory_pool_report_t { reason, function: function.as_ptr(), pool, address, count };
    port::log(&report, reason_name(reason), step);
    let callback = CALLBACK.load(Ordering::Acquire);
    if !callback.is_null() {
        // SAFETY: the only values stored are null and functions of this type; a function pointer and a data pointer
        // have one size on every target.
        let callback: unsafe extern "C" fn(*const memory_pool_report_t) =
            unsafe { core::mem::transmute(callback) };
        // SAFETY: the callback was set for exactly this, and the report lives until it returns.
        unsafe { callback(&report) };
    }
}

/// Reports a refusal that concerns `address`, with "" as the name of the pool, and returns its reason. For functions in flash.
#[cold]
#[inline(never)]
pub(crate) fn refuse(
    function: &'static CStr,
    refusal: impl Into<Refusal>,
    address: *const c_void,
) -> esp_err_t {
    let refusal = refusal.into();
    report_error(function, refusal, c"".as_ptr(), address, 0);
    refusal.reason
}

/// Refuses, with a report, a call from an interrupt: for functions that are for tasks only.
pub(crate) fn from_task(function: &'static CStr, address: *const c_void) -> Result<(), Refusal> {
    if port::in_interrupt() {
        refuse(function, refusals::IN_INTERRUPT, address);
        return Err(refusals::IN_INTERRUPT);
    }
    Ok(())
}

/// The name of the pool of `control`, or "".
///
/// # Safety
///
/// `control` is live for as long as the result is used.
pub(crate) unsafe fn name_of(control: Option<NonNull<Control>>) -> *const c_char {
    // SAFETY: live, as the caller promises.
    control.map_or(c"".as_ptr(), |control| unsafe { &raw const (*control.as_ptr()).name }.cast())
}
