//! The lock of a pool where there is one core: its interrupts are masked.

use microusc_pool::{InterruptLock, RawLock};

/// Context: the task and every interrupt that can be masked.
///
/// `InterruptLock` can be shared only where it is known that there is one core. Here it is: the archive is built without the
/// feature `multicore`, and its documentation says that such an archive is for one core.
#[derive(Debug)]
pub(crate) struct PortLock(InterruptLock);

// SAFETY: with interrupts masked nothing else runs on the core, and there is no other, as the archive's user was told.
unsafe impl Sync for PortLock {}

// SAFETY: that of `InterruptLock`.
unsafe impl RawLock for PortLock {
    const INIT: Self = Self(InterruptLock::INIT);

    type Saved = <InterruptLock as RawLock>::Saved;

    #[inline(always)]
    fn acquire(&self) -> Self::Saved {
        self.0.acquire()
    }

    #[inline(always)]
    unsafe fn release(&self, saved: Self::Saved) {
        // SAFETY: as the caller promises.
        unsafe { self.0.release(saved) }
    }
}
