//! Nothing of it: nothing in a control block, nothing in any operation. Who asks for something is told so.

use core::ptr::NonNull;

use crate::diagnostics::call_sites_records::Site;
use microusc_pool::{Error, FreeList};

use super::Place;
use crate::diagnostics::trace_types::*;
use crate::pool::control::{Control, ControlMap};
use crate::types::*;

/// Nothing is on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Modes;

/// Nothing.
#[derive(Debug)]
pub(crate) struct Watch;

impl Watch {
    pub(crate) const fn none() -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn modes(&self) -> Modes {
        Modes
    }

    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn is_retiring(&self) -> bool {
        false
    }

    pub(crate) fn keeps_records(&self) -> bool {
        false
    }

    pub(crate) fn records(&self, _: usize) -> (usize, usize) {
        (0, 0)
    }

    pub(crate) fn own_memory(&self) -> *mut u8 {
        core::ptr::null_mut()
    }
}

pub(crate) fn handed_over(modes: Modes) -> Modes {
    modes
}

/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn taken(
    _: *mut memory_pool_t,
    _: NonNull<Control>,
    taken: Result<NonNull<u8>, Error>,
    _: Modes,
    _: Place,
    _: usize,
) -> Result<NonNull<u8>, Error> {
    taken
}

/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn place(_: *mut memory_pool_t, _: NonNull<Control>, _: NonNull<u8>, _: Place) {}

/// Never asked to: [`Watch::is_on`] says that nothing is.
///
/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn begin(
    _: NonNull<Control>,
    _: &mut FreeList<'_, ControlMap>,
    _: &[*mut u8],
) -> Result<(), (usize, Error)> {
    Err((0, Error::NotABlock))
}

/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn leaving(_: *mut memory_pool_t, _: NonNull<Control>, _: *mut u8, _: Modes) {}

/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn finished(
    _: NonNull<Control>,
    _: &mut FreeList<'_, ControlMap>,
    _: &[*mut u8],
    _: Modes,
) {
}

/// # Safety
///
/// None.
pub(crate) unsafe fn begin_sites(
    _: *mut memory_pool_t,
    _: NonNull<Control>,
    _: Option<(*mut u8, usize)>,
) -> Result<(), esp_err_t> {
    Err(ESP_ERR_NOT_SUPPORTED)
}

/// # Safety
///
/// None.
pub(crate) unsafe fn end_sites(_: *mut memory_pool_t, _: NonNull<Control>) -> Result<(), esp_err_t> {
    Err(ESP_ERR_NOT_SUPPORTED)
}

/// # Safety
///
/// None.
pub(crate) unsafe fn site_at(_: NonNull<Control>, _: usize) -> Option<Site> {
    None
}

/// # Safety
///
/// None.
pub(crate) unsafe fn set_checks(
    _: *mut memory_pool_t,
    _: NonNull<Control>,
    on: bool,
) -> Result<(), esp_err_t> {
    if on { Err(ESP_ERR_NOT_SUPPORTED) } else { Ok(()) }
}

/// # Safety
///
/// None.
pub(crate) unsafe fn poison_is_whole(_: *mut memory_pool_t, _: NonNull<Control>) -> Result<(), *const u32> {
    Ok(())
}

pub(crate) fn set_trace_callback(callback: memory_pool_trace_callback_t) -> Result<(), esp_err_t> {
    if callback.is_some() { Err(ESP_ERR_NOT_SUPPORTED) } else { Ok(()) }
}

pub(crate) fn trace_new_pools(on: bool) -> Result<(), esp_err_t> {
    if on { Err(ESP_ERR_NOT_SUPPORTED) } else { Ok(()) }
}

pub(crate) fn traces_new_pools() -> bool {
    false
}

/// # Safety
///
/// None.
pub(crate) unsafe fn set_trace(
    _: *mut memory_pool_t,
    _: NonNull<Control>,
    on: bool,
) -> Result<(), esp_err_t> {
    if on { Err(ESP_ERR_NOT_SUPPORTED) } else { Ok(()) }
}
