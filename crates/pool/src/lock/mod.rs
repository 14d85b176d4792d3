//! Locks that serialise access to a pool. One contract, one file for each lock.

#[cfg(feature = "critical-section")]
mod critical_section;
#[cfg(interrupt_mask)]
mod interrupt;
#[cfg(feature = "lock_api")]
mod lock_api;
mod none;
#[cfg(target_has_atomic = "32")]
mod spin;
mod unchosen;

#[cfg(feature = "critical-section")]
pub use critical_section::CriticalSection;
#[cfg(interrupt_mask)]
pub use interrupt::{InterruptLock, Interrupts};
#[cfg(feature = "lock_api")]
pub use lock_api::MutexLock;
pub use none::NoLock;
#[cfg(target_has_atomic = "32")]
pub use spin::{MaskedSpinLock, NoMask, SpinLock};
pub use unchosen::UnchosenLock;

/// The lock of a pool that names none. It depends on the target, and is right on every chip that the target may be:
///
/// | target | lock | what may use the pool |
/// |---|---|---|
/// | any, with the feature `critical-section` | `CriticalSection` | the contexts that the linked critical section serialises |
/// | a host | [`SpinLock`] | threads |
/// | ESP-IDF | `MaskedSpinLock<Interrupts>` | tasks, interrupts, every core |
/// | ESP-IDF, RISC-V without atomic instructions (ESP32-C2, C3) | `InterruptLock` | tasks and interrupts of the one core |
/// | bare metal with atomic instructions: RISC-V (`imac`), Cortex-M3 and up, Xtensa | `MaskedSpinLock<Interrupts>` | the program, interrupts, every core |
/// | bare metal of these architectures, with the feature `unsafe-assume-single-core` | `InterruptLock` | the program and interrupts of the one core |
/// | anything else: bare metal without atomic instructions (`riscv32imc`, `thumbv6m`), or without a known interrupt mask | [`UnchosenLock`] | one context; a `static` does not compile, and the message says what to choose |
///
/// On bare metal with atomic instructions the lock is a mask and a flag, since a target does not say how many cores a chip has.
/// `riscv32imac` is ESP32-C6 with one, and ESP32-P4, with two, runs its code. The flag costs a few instructions and is right on
/// both. Without atomic instructions there is no flag, and a mask alone would be wrong on an RP2040 (`thumbv6m`, two
/// cores), so there the program must name a lock or enable a feature.
///
/// Masking takes a privileged mode: machine mode on RISC-V, privileged mode on Cortex-M, ring 0 on Xtensa.
pub type DefaultLock = default::Lock;

/// The build script decides (`default_lock` in `build.rs`).
mod default {
    #[cfg(default_lock = "critical-section")]
    pub(super) use super::CriticalSection as Lock;
    #[cfg(default_lock = "interrupt")]
    pub(super) use super::InterruptLock as Lock;
    #[cfg(default_lock = "spin")]
    pub(super) use super::SpinLock as Lock;
    #[cfg(default_lock = "unchosen")]
    pub(super) use super::UnchosenLock as Lock;
    #[cfg(default_lock = "masked-spin")]
    pub(super) type Lock = super::MaskedSpinLock<super::Interrupts>;
}

/// A lock that saves nothing masks nothing. On ESP-IDF an interrupt would then wait for ever for the task that it interrupted.
#[cfg(all(not(feature = "critical-section"), target_os = "espidf"))]
const _: () =
    assert!(size_of::<<DefaultLock as RawLock>::Saved>() > 0, "the default lock masks no interrupts");

/// Mutual exclusion for the few instructions of a pool operation.
///
/// It is held for short, bounded work only: never while a context waits, logs or calls code of others.
///
/// # Safety
///
/// 1. If the implementing type is `Sync`, then from the return of `acquire` until the matching `release` no other
///    context that may call `acquire` on the same lock (task, interrupt, other core) returns from it.
/// 2. Both are compiler barriers and, where cores share the lock, memory barriers (acquire and release).
/// 3. Neither uses a pool with this lock, and neither panics.
/// 4. `acquire` returns. A context that could interrupt the holder and wait for it for ever is kept out by (1), not
///    by waiting: on a microcontroller, interrupts are masked before anything else is waited for.
pub unsafe trait RawLock {
    /// A released lock, for constants.
    const INIT: Self;

    /// What `release` restores, such as the interrupt level.
    type Saved: Copy;

    /// Whether contexts that wait for the lock spin: a pool may then prefetch blocks that another core freed. It matters for
    /// speed only, and on hosts only.
    const SPINS: bool = false;

    /// Acquires the lock.
    fn acquire(&self) -> Self::Saved;

    /// Releases the lock.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and `saved` came from the matching `acquire`.
    unsafe fn release(&self, saved: Self::Saved);

    /// Panics if the lock is known not to be held by the calling context. A pool calls it before and after it uses its free
    /// list.
    ///
    /// For locks of tests, which record the context that holds them. By default it does nothing and costs nothing.
    #[inline(always)]
    fn assert_held(&self) {}

    /// Runs `fast` with the lock held, and releases the lock if the answer is `Some`. On `None` the lock is still held: the
    /// caller continues, and releases it with the saved value that this returns. `fast` must not panic or use the same
    /// lock again.
    ///
    /// A pool operation is a dozen instructions, and a call in the middle of them, even one that is never made, costs as
    /// many again in saved registers. With this function the slow path is a call at the end, after the fast path.
    #[inline(always)]
    fn with_or_stay_locked<R>(&self, fast: impl FnOnce() -> Option<R>) -> Result<R, Self::Saved> {
        let saved = self.acquire();
        let Some(result) = fast() else { return Err(saved) };
        // SAFETY: acquired above.
        unsafe { self.release(saved) };
        Ok(result)
    }

    /// Runs `work` with the lock held. `work` must not panic or use the same lock again.
    #[inline(always)]
    fn with<R>(&self, work: impl FnOnce() -> R) -> R {
        let saved = self.acquire();
        let result = work();
        // SAFETY: acquired two lines above.
        unsafe { self.release(saved) };
        result
    }
}

/// A lock that may guard the allocator of a program, as the lock of a [`GlobalSet`](crate::GlobalSet) does.
///
/// Every lock of this crate is one, except `MutexLock`: a mutex may allocate while it waits, as that of `parking_lot` does for its
/// table of sleeping threads. (`CriticalSection` is one on chips and on Linux, FreeBSD, DragonFly, Fuchsia, Hermit, Windows
/// with Microsoft's tools and bare WebAssembly. On other hosts, such as macOS, the section that `critical-section` has for
/// hosts allocates when it is first used: name [`SpinLock`] there.)
///
/// # Safety
///
/// Neither `acquire` nor `release` allocates or frees memory of the program's allocator: not at their first use either,
/// not in a thread-local value that they use, and not in another thread that must act before they return.
#[diagnostic::on_unimplemented(
    message = "the lock `{Self}` may allocate, so it cannot guard the allocator of a program",
    label = "may allocate while it waits: it does not implement `NonAllocatingLock`",
    note = "name a lock that never allocates: `SpinLock`, `MaskedSpinLock`, `InterruptLock` or `CriticalSection`"
)]
pub unsafe trait NonAllocatingLock: RawLock {}

/// Masks what can interrupt a context on its own core, and restores the mask.
///
/// # Safety
///
/// 1. From `mask` until the matching `restore`, nothing else that may call `mask` runs on this core.
/// 2. Both are compiler barriers.
/// 3. Neither allocates, uses a pool, or panics.
pub unsafe trait Mask {
    /// What `restore` restores.
    type Saved: Copy;

    /// Masks interrupts.
    fn mask() -> Self::Saved;

    /// Restores the state before the matching `mask`.
    ///
    /// # Safety
    ///
    /// `saved` came from the matching `mask`; pairs nest.
    unsafe fn restore(saved: Self::Saved);
}
