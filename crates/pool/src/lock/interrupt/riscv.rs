//! RISC-V in machine mode: `mstatus.MIE`.

use core::arch::asm;

#[inline(always)]
pub(super) fn mask() -> usize {
    let saved;
    // SAFETY: clears MIE and nothing else.
    unsafe { asm!("csrrci {}, mstatus, 8", out(reg) saved, options(nostack)) };
    saved
}

/// Sets the bit if it was set before. One instruction: no bit that was set then is clear now for another reason, and setting
/// (rather than writing back) keeps bits that were set since, such as "floating-point state is dirty".
///
/// # Safety
///
/// `saved` came from the matching [`mask`].
#[inline(always)]
pub(super) unsafe fn restore(saved: usize) {
    // SAFETY: sets MIE if it was set before; as the caller promises.
    unsafe { asm!("csrs mstatus, {}", in(reg) saved, options(nostack)) };
}
