//! The lock that masks the interrupts of one core. One file for each architecture has the two functions that mask and
//! restore; with the feature `mask-functions` the program has them.

#[cfg(not(feature = "mask-functions"))]
#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(any(target_arch = "riscv32", target_arch = "riscv64"), path = "riscv.rs")]
#[cfg_attr(target_arch = "xtensa", path = "xtensa.rs")]
mod arch;
#[cfg(feature = "mask-functions")]
#[path = "functions.rs"]
mod arch;

use core::marker::PhantomData;

use super::unchosen::ThisChip;
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
/// It can be shared, in a `static` or with an interrupt, where it is known that there is one core: with the feature
/// `unsafe-assume-single-core`, or on ESP-IDF without atomic instructions (ESP32-C2, C3). On several cores use
/// [`MaskedSpinLock<Interrupts>`](super::MaskedSpinLock).
///
/// Context: tasks and interrupts alike; nests. Interrupts above the level that can be masked (NMI) must not use the pool.
///
/// Privilege: the mask is `mstatus.MIE` on RISC-V, which needs machine mode (anywhere else it traps); `PRIMASK` on Cortex-M,
/// which unprivileged code *cannot set, without an error*; `PS.INTLEVEL` on Xtensa, ring 0. The feature states
/// that code which uses a pool is privileged.
#[derive(Debug)]
pub struct InterruptLock(SharedOnOneCore);

// SAFETY: with interrupts masked nothing else runs on the core. It is `Sync` only where there is no second core.
unsafe impl RawLock for InterruptLock {
    const INIT: Self = Self(SharedOnOneCore::INIT);

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

/// Implemented if a lock that only masks interrupts may be shared.
#[diagnostic::on_unimplemented(
    message = "`InterruptLock` is shared, which is sound on a chip with one core only, and a target does not say how many a chip has",
    label = "would let two cores in at once",
    note = "one core, and code that runs privileged: enable the feature `unsafe-assume-single-core` of microusc-pool",
    note = "several cores: name the lock `MaskedSpinLock<Interrupts>`, or enable the feature `critical-section` of microusc-pool and that of the HAL (esp-hal, rp2040-hal, cortex-m, riscv)"
)]
trait OneCore {}

// The program promises it, or the target implies it: ESP32-C2 and ESP32-C3 are the chips of ESP-IDF without atomic
// instructions.
#[cfg(single_core)]
impl OneCore for ThisChip {}

/// A field that is `Sync` if `C` is a [`OneCore`].
#[derive(Debug)]
struct SharedOnOneCore<C = ThisChip>(PhantomData<*mut C>);

impl<C> SharedOnOneCore<C> {
    const INIT: Self = Self(PhantomData);
}

// SAFETY: it holds nothing.
unsafe impl<C> Send for SharedOnOneCore<C> {}
// SAFETY: it holds nothing. It decides whether the struct that has it as a field may be shared, as `C` says.
unsafe impl<C: OneCore> Sync for SharedOnOneCore<C> {}
