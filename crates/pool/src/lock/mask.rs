//! Interrupts of one core, masked and put back. One file for each architecture, and one for programs that bring their
//! own way, with the same two functions.

#[cfg(not(feature = "mask-functions"))]
#[cfg_attr(target_arch = "arm", path = "mask/arm.rs")]
#[cfg_attr(any(target_arch = "riscv32", target_arch = "riscv64"), path = "mask/riscv.rs")]
#[cfg_attr(target_arch = "xtensa", path = "mask/xtensa.rs")]
mod arch;
#[cfg(feature = "mask-functions")]
#[path = "mask/functions.rs"]
mod arch;

use super::{Mask, NonAllocatingLock, RawLock};

/// The interrupts of the core that runs the code.
#[derive(Debug)]
pub struct Interrupts;

// SAFETY: `arch` masks every interrupt that a handler written in Rust or C can serve (or that the program's own functions
// say), and the assembly or the call is a barrier to the compiler, since neither claims to leave memory alone.
unsafe impl Mask for Interrupts {
    type Saved = usize;

    #[inline(always)]
    fn mask() -> usize {
        arch::mask()
    }

    #[inline(always)]
    unsafe fn restore(saved: usize) {
        // SAFETY: `saved` came from `mask`, as the caller promises.
        unsafe { arch::restore(saved) }
    }
}

/// Masks the interrupts of the core: for chips with one core.
///
/// Context: tasks and interrupts alike; nests. It keeps nobody out on another core; use
/// [`MaskedSpinLock`](super::MaskedSpinLock) there. Interrupts above the level that can be masked (NMI) must not use
/// the pool.
#[derive(Debug)]
pub struct InterruptLock;

// SAFETY: with interrupts masked nothing else runs on the core. That there is no second core is for the program to know:
// it chose this lock for a chip.
unsafe impl RawLock for InterruptLock {
    const INIT: Self = Self;

    type Saved = usize;

    #[inline(always)]
    fn acquire(&self) -> usize {
        Interrupts::mask()
    }

    #[inline(always)]
    unsafe fn release(&self, saved: usize) {
        // SAFETY: `saved` came from the matching `acquire`.
        unsafe { Interrupts::restore(saved) }
    }
}

// SAFETY: two instructions.
unsafe impl NonAllocatingLock for InterruptLock {}
