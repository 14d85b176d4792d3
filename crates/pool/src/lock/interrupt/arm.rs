//! Cortex-M: `PRIMASK`.

use core::arch::asm;

#[inline(always)]
pub(super) fn mask() -> usize {
    let saved;
    // SAFETY: sets PRIMASK and nothing else.
    unsafe { asm!("mrs {}, PRIMASK", "cpsid i", out(reg) saved, options(nostack, preserves_flags)) };
    saved
}

/// # Safety
///
/// `saved` came from the matching [`mask`].
#[inline(always)]
pub(super) unsafe fn restore(saved: usize) {
    // SAFETY: as the caller promises.
    unsafe { asm!("msr PRIMASK, {}", in(reg) saved, options(nostack, preserves_flags)) };
}
