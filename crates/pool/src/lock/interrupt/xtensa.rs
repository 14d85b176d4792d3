//! Xtensa: the interrupt level in `PS`. Inline assembly for Xtensa is in Espressif's compiler only; where the compiler
//! refuses it (E0472), build with the feature `mask-functions`.

use core::arch::asm;

#[inline(always)]
pub(super) fn mask() -> usize {
    let saved;
    // SAFETY: raises the level to 15, which leaves the non-maskable interrupt alone, and changes nothing else.
    unsafe { asm!("rsil {}, 15", out(reg) saved, options(nostack)) };
    saved
}

/// # Safety
///
/// `saved` came from the matching [`mask`].
#[inline(always)]
pub(super) unsafe fn restore(saved: usize) {
    // SAFETY: as the caller promises.
    unsafe { asm!("wsr.ps {}", "rsync", in(reg) saved, options(nostack)) };
}
