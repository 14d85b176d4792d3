//! What runs the caller, on Cortex-M.

use core::arch::asm;

/// Whether an exception runs: the core keeps its number.
pub fn in_interrupt() -> bool {
    let exception: usize;
    // SAFETY: reads a register that every mode may read.
    unsafe { asm!("mrs {}, IPSR", out(reg) exception, options(nomem, nostack, preserves_flags)) };
    exception != 0
}
