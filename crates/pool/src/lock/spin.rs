use super::{Mask, NonAllocatingLock, RawLock};
use crate::sync::Flag;

/// A test-and-set lock for threads of a host.
///
/// Context: threads. Not for interrupts or signal handlers, which would wait for ever for the code they interrupted.
pub type SpinLock = MaskedSpinLock<NoMask>;

/// Nothing to mask.
#[derive(Debug)]
pub struct NoMask;

// SAFETY: a lock with this mask promises nothing about interrupts.
unsafe impl Mask for NoMask {
    type Saved = ();

    #[inline(always)]
    fn mask() {}

    #[inline(always)]
    unsafe fn restore((): ()) {}
}

/// Masks interrupts, then takes a flag: for chips with two cores. A lock for each pool, not for all.
///
/// Context: tasks and interrupts on every core; does not nest for one pool, and need not.
///
/// ```text
///  the order that works                          the order that does not
///  core 0: mask                                  core 0: take the flag
///  core 0: take the flag                                 interrupt on core 0: wants the flag,
///          interrupt on core 0 waits                     waits for the code it interrupted, for ever
///  core 1: waits for a dozen instructions
///  core 0: release the flag, unmask
/// ```
///
/// While waiting, this core's interrupts stay masked: for at most one operation of each other core, since those that
/// hold the flag cannot be interrupted either.
#[derive(Debug)]
pub struct MaskedSpinLock<M: Mask> {
    taken: Flag,
    mask: core::marker::PhantomData<fn() -> M>,
}

// SAFETY: on this core the mask keeps others out, and of the cores only the one that set it goes on.
unsafe impl<M: Mask> RawLock for MaskedSpinLock<M> {
    const INIT: Self = Self { taken: Flag::new(), mask: core::marker::PhantomData };

    type Saved = M::Saved;

    const SPINS: bool = true;

    #[inline(always)]
    fn acquire(&self) -> M::Saved {
        let saved = M::mask();
        if !self.taken.try_set() {
            self.wait();
        }
        saved
    }

    #[inline(always)]
    unsafe fn release(&self, saved: M::Saved) {
        self.taken.clear();
        // SAFETY: `saved` came from the matching `acquire`.
        unsafe { M::restore(saved) }
    }
}

// SAFETY: sets and looks at a flag; a mask does not allocate.
unsafe impl<M: Mask> NonAllocatingLock for MaskedSpinLock<M> {}

impl<M: Mask> MaskedSpinLock<M> {
    /// On chips in place: a call, even one that is never made, would cost ten saved registers. A host's wait is long.
    #[cfg_attr(any(target_os = "none", target_os = "espidf"), inline(always))]
    #[cfg_attr(not(any(target_os = "none", target_os = "espidf")), cold, inline(never))]
    fn wait(&self) {
        loop {
            self.taken.pause();
            if self.taken.try_set() {
                return;
            }
        }
    }
}
