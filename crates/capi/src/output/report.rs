//! Telling about misuse, damage and refusals: to the log, and to whoever asked to be called.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use microusc_drivers::Error;

use crate::pool::control::Control;
use crate::pool::refusal::{self, Refusal};
use crate::pool::registry;
use crate::types::{
    ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE, esp_err_t, memory_pool_report_callback_t,
    memory_pool_report_t, reason_name,
};
use microusc_port as port;

/// The program's function, or null.
///
/// Released when it is set and acquired before it is called: what the program wrote before it gave the function is seen by the
/// function, on whichever core that runs. No model checker sees this, since both ends are the program's.
static CALLBACK: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// Who is to be called from now on.
pub(crate) fn set_callback(callback: memory_pool_report_callback_t) {
    let address = callback.map_or(null_mut(), |function| function as *mut c_void);
    CALLBACK.store(address, Ordering::Release);
}

/// Which function refuses. A number rather than the name: code that runs while flash cannot be read holds no address of a
/// text in flash.
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
    /// What is meant by `reason` where that is said of no pool or no set.
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
            ) => refusal::NOT_A_SET,
            (ESP_ERR_INVALID_STATE, _) => refusal::NOT_A_POOL,
            (ESP_ERR_INVALID_ARG, _) => refusal::NULL_POINTER,
            _ => reason.into(),
        }
    }

    /// One table of the names, not one for each caller.
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

/// Ends a function that alloc or free is, and that refused: reports it where that is possible now, and returns `reason`. O(1)
/// besides the report. It runs while flash cannot be read; the refusal was counted in any case.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_refused"))]
pub(crate) fn refused(
    reason: esp_err_t,
    address: *const c_void,
    caller: Caller,
    control: Option<NonNull<Control>>,
) -> esp_err_t {
    if port::may_report() {
        tell(reason, address, caller, control);
    }
    // A caller who sees that this is its argument keeps that in a register, and a frame for it on the usual path.
    core::hint::black_box(reason)
}

/// Where code in flash begins.
#[cold]
#[inline(never)]
fn tell(reason: esp_err_t, address: *const c_void, caller: Caller, control: Option<NonNull<Control>>) {
    // SAFETY: the pool is live, obligation 3.
    let name = unsafe { name_of(control) };
    let refusal = match reason {
        ESP_ERR_INVALID_STATE if registry::is_overwritten(address) => refusal::OVERWRITTEN,
        _ => caller.refusal(reason),
    };
    report(caller.name(), refusal, name, address, 0);
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

/// Reports, outside every lock.
#[cold]
#[inline(never)]
pub(crate) fn report(
    function: &'static CStr,
    refusal: impl Into<Refusal>,
    pool: *const c_char,
    address: *const c_void,
    count: usize,
) {
    let Refusal { reason, step } = refusal.into();
    publish(&memory_pool_report_t { reason, function: function.as_ptr(), pool, address, count }, step);
}

/// Reports a refusal that concerns `address` and no pool that is known, and passes its number on.
#[cold]
#[inline(never)]
pub(crate) fn refuse(
    function: &'static CStr,
    refusal: impl Into<Refusal>,
    address: *const c_void,
) -> esp_err_t {
    let refusal = refusal.into();
    report(function, refusal, c"".as_ptr(), address, 0);
    refusal.reason
}

/// Refuses, with a report, a call from an interrupt of a function that is for tasks.
pub(crate) fn from_task(function: &'static CStr, address: *const c_void) -> Result<(), Refusal> {
    if port::in_interrupt() {
        report(function, refusal::IN_INTERRUPT, c"".as_ptr(), address, 0);
        return Err(refusal::IN_INTERRUPT);
    }
    Ok(())
}

/// Reports about a retained pool, which has no name.
#[cold]
#[inline(never)]
pub(crate) fn report_retained(
    function: &'static CStr,
    refusal: Refusal,
    address: *const c_void,
) -> esp_err_t {
    let Refusal { reason, step } = refusal;
    let (function, pool) = (function.as_ptr(), c"".as_ptr());
    publish(&memory_pool_report_t { reason, function, pool, address, count: 0 }, step);
    reason
}

/// Reports about the system memory space, of which there is one.
#[cold]
#[inline(never)]
pub(crate) fn report_system(function: &'static CStr, reason: esp_err_t, error: Error) {
    let (function, pool) = (function.as_ptr(), c"".as_ptr());
    let report = memory_pool_report_t { reason, function, pool, address: null(), count: 0 };
    publish(&report, crate::output::hints_drivers::next_step(error));
}

fn publish(report: &memory_pool_report_t, step: &str) {
    port::log(report, reason_name(report.reason), step);
    let callback = CALLBACK.load(Ordering::Acquire);
    if !callback.is_null() {
        // SAFETY: the only values stored are null and functions of this type; a function pointer and a data pointer
        // have one size on every target.
        let callback: unsafe extern "C" fn(*const memory_pool_report_t) =
            unsafe { core::mem::transmute(callback) };
        // SAFETY: the function was given for exactly this, and the report lives until it returns.
        unsafe { callback(report) };
    }
}
