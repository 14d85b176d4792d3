//! The lock of a pool where interrupts are the kernel's to mask: FreeRTOS as a program of another system.

use microusc_pool::RawLock;

unsafe extern "C" {
    fn microusc_freertos_enter();
    fn microusc_freertos_exit();
}

/// The kernel's critical section.
///
/// Context: tasks, the tick, and what runs before the scheduler does.
#[derive(Debug)]
pub struct PortLock;

// SAFETY: the kernel's critical section keeps out every task and the tick, which are calls to the compiler, hence
// barriers. It nests, also in the tick, which the kernel counts as inside of one.
unsafe impl RawLock for PortLock {
    const INIT: Self = Self;

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {
        // SAFETY: it may be called from tasks and from the tick.
        unsafe { microusc_freertos_enter() };
    }

    #[inline(always)]
    unsafe fn release(&self, (): ()) {
        // SAFETY: entered by `acquire`, as the caller promises.
        unsafe { microusc_freertos_exit() };
    }
}
