//! Any architecture: two functions of the program, with the feature `mask-functions`.
//!
//! For compilers that have no inline assembly for the architecture (Xtensa, with any but Espressif's), and for
//! programs that do not mask every interrupt.
//!
//! | function | contract |
//! |---|---|
//! | `uintptr_t microusc_mask(void)` | masks every interrupt whose handler uses a pool; returns what to restore |
//! | `void microusc_restore(uintptr_t saved)` | restores it; pairs nest |
//!
//! Both are called where a pool is used, so they must lie where the code of the pools lies (`.iram1.*` on the ESP32
//! family). `firmware/runtime/xtensa` has them for both ABIs of that architecture, two instructions each.

unsafe extern "C" {
    fn microusc_mask() -> usize;
    fn microusc_restore(saved: usize);
}

#[inline(always)]
pub(super) fn mask() -> usize {
    // SAFETY: the program has a function with this contract. The compiler does not see its code, so the call is a compiler
    // barrier.
    unsafe { microusc_mask() }
}

/// # Safety
///
/// `saved` came from the matching [`mask`].
#[inline(always)]
pub(super) unsafe fn restore(saved: usize) {
    // SAFETY: as the caller promises; the function is as in `mask`.
    unsafe { microusc_restore(saved) };
}
