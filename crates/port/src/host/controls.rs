//! The C functions of `MicroUSC/port/host.h`.

use core::ffi::{CStr, c_char, c_void};
use std::ptr::NonNull;

use microusc_chips::{Caps, Chip};

use crate::types::{ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE, ESP_OK, esp_err_t};

use super::board::{board, is_in_use, lay_out};

/// Lays out the memory of another chip, while no pools exist.
///
/// # Safety
///
/// `chip` is null or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn microusc_host_select_chip(chip: *const c_char) -> esp_err_t {
    if chip.is_null() {
        return ESP_ERR_INVALID_ARG;
    }
    // SAFETY: a C string, as the caller promises.
    let name = unsafe { CStr::from_ptr(chip) }.to_string_lossy();
    let Ok(chip) = name.parse::<Chip>() else { return ESP_ERR_INVALID_ARG };
    if is_in_use() {
        return ESP_ERR_INVALID_STATE;
    }
    board().heap = Some(lay_out(chip));
    ESP_OK
}

/// The address on the chip, or 0.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_host_chip_address(address: *const c_void) -> u32 {
    let address = NonNull::new(address.cast_mut().cast());
    address.and_then(|address| board().heap().chip_address(address)).unwrap_or(0)
}

/// Free bytes with all of the capabilities.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_host_free_bytes(caps: u32) -> usize {
    board().heap().info(Caps::from_bits_retain(caps)).total_free
}

/// Makes the `count`-th allocation from now fail.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_host_fail_allocation(count: usize) {
    board().fail_in = count;
}

/// Makes the `count`-th allocation from now come from memory of another kind.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_host_misplace_allocation(count: usize) {
    board().misplace_in = count;
}
