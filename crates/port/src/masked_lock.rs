//! The lock of a pool where interrupts can be masked: by one core, or by each of several.
//!
//! The locks are those of the pool crate: `InterruptLock` and `Interrupts` in `crates/pool/src/lock/interrupt/`, and
//! `MaskedSpinLock`, which adds a flag for other cores, in `crates/pool/src/lock/spin.rs`.

#[cfg(not(feature = "multicore"))]
pub use one_core::PortLock;

/// Masks the interrupts of the core, then sets a flag that keeps the other cores out.
///
/// Context: tasks and every interrupt that can be masked, on all cores.
#[cfg(feature = "multicore")]
pub type PortLock = microusc_pool::MaskedSpinLock<microusc_pool::Interrupts>;

#[cfg(not(feature = "multicore"))]
mod one_core {
    use microusc_pool::{InterruptLock, RawLock};

    /// Masks the interrupts of the only core.
    ///
    /// Context: the task and every interrupt that can be masked.
    ///
    /// `InterruptLock` can be shared only where it is known that there is one core. Here it is: the archive is built without
    /// the feature `multicore`, and its documentation says that such an archive is for one core.
    #[derive(Debug)]
    pub struct PortLock(InterruptLock);

    // SAFETY: with interrupts masked nothing else runs on the core, and there is no other: the archive without `multicore`
    // is documented to be for one core.
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
}
