//! Any architecture: two functions that the program brings, with the feature `mask-functions`.
//!
//! For compilers that have no inline assembly for the architecture (Xtensa, with any but Espressif's), and for
//! programs that mask less than everything.
//!
//! | function | contract |
//! |---|---|
//! | `uintptr_t microusc_mask(void)` | masks every interrupt whose handler uses a pool; returns what to put back |
//! | `void microusc_restore(uintptr_t saved)` | puts it back; pairs nest |
//!
//! Both are called from wherever a pool is used, so they lie where the pools' own code does (`.iram1.*` on the ESP32
//! family). `firmware/runtime/xtensa` has them for both ABIs of that architecture, two instructions each.

unsafe extern "C" {
    fn microusc_mask() -> usize;
    fn microusc_restore(saved: usize);
}

#[inline(always)]
pub(super) fn mask() -> usize {
    // SAFETY: the program brings a function of this contract. A call to code that the compiler does not see is a
    // barrier to it.
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
