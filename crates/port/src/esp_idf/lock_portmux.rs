//! The lock of a pool as ESP-IDF has it: `portENTER_CRITICAL_SAFE` of a `portMUX_TYPE`, one for each pool.

use core::cell::UnsafeCell;

use microusc_pool::RawLock;

use super::shim::{Mux, microusc_esp_idf_lock, microusc_esp_idf_unlock};

/// Zero until it is first used; then the shim initialises the portMUX as released, which only a macro of ESP-IDF can do.
///
/// Context: tasks and interrupts up to the level that the macro masks, on every core.
#[derive(Debug)]
pub struct PortLock(UnsafeCell<Mux>);

// SAFETY: only the shim uses the cell, and it serialises the accesses.
unsafe impl Sync for PortLock {}

// SAFETY: `portENTER_CRITICAL_SAFE` masks the interrupts of the core and waits for the other one; it is a barrier to compiler
// and memory, and so is the end of the section. It keeps the level to return to itself.
unsafe impl RawLock for PortLock {
    const INIT: Self = Self(UnsafeCell::new([0; 3]));

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {
        // SAFETY: a lock as `INIT` made it, or as the shim left it.
        unsafe { microusc_esp_idf_lock(self.0.get().cast()) }
    }

    #[inline(always)]
    unsafe fn release(&self, (): ()) {
        // SAFETY: held, as the caller promises.
        unsafe { microusc_esp_idf_unlock(self.0.get().cast()) }
    }
}
