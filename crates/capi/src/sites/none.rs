//! No records: nothing in a control block, nothing in any operation. Who asks for them is told so.

use core::ptr::NonNull;

use microusc_pool::RawPool;
use microusc_system::sites::Site;

use super::Place;
use crate::abi::{ESP_ERR_NOT_SUPPORTED, esp_err_t, memory_pool_t};
use crate::control::{Control, ControlMarks};

/// Nothing.
#[derive(Debug)]
pub(crate) struct Records;

impl Records {
    pub(crate) const fn none() -> Self {
        Self
    }

    pub(crate) fn are_kept(&self) -> bool {
        false
    }

    pub(crate) fn own_memory(&self) -> *mut u8 {
        core::ptr::null_mut()
    }
}

/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn taken(_: *mut memory_pool_t, _: NonNull<Control>, _: NonNull<u8>, _: Place) {}

/// # Safety
///
/// None.
#[inline(always)]
pub(crate) unsafe fn returned(_: NonNull<Control>, _: &RawPool<'_, ControlMarks>, _: *const u8) {}

/// # Safety
///
/// None.
pub(crate) unsafe fn begin(
    _: *mut memory_pool_t,
    _: NonNull<Control>,
    _: Option<(*mut u8, usize)>,
) -> Result<(), esp_err_t> {
    Err(ESP_ERR_NOT_SUPPORTED)
}

/// # Safety
///
/// None.
pub(crate) unsafe fn end(_: *mut memory_pool_t, _: NonNull<Control>) -> Result<(), esp_err_t> {
    Err(ESP_ERR_NOT_SUPPORTED)
}

/// # Safety
///
/// None.
pub(crate) unsafe fn site_at(_: NonNull<Control>, _: usize) -> Option<Site> {
    None
}
