//! What keeps two users of a pool apart. One contract, one file for each lock.

#[cfg(feature = "critical-section")]
mod critical_section;
#[cfg(all(
    any(target_os = "none", target_os = "espidf"),
    any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64", target_arch = "xtensa")
))]
mod interrupt;
#[cfg(feature = "lock_api")]
mod lock_api;
mod none;
#[cfg(target_has_atomic = "32")]
mod spin;
mod unchosen;

#[cfg(feature = "critical-section")]
pub use critical_section::CriticalSection;
#[cfg(all(
    any(target_os = "none", target_os = "espidf"),
    any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64", target_arch = "xtensa")
))]
pub use interrupt::{InterruptLock, Interrupts};
#[cfg(feature = "lock_api")]
pub use lock_api::MutexLock;
pub use none::NoLock;
#[cfg(target_has_atomic = "32")]
pub use spin::{MaskedSpinLock, NoMask, SpinLock};
pub use unchosen::UnchosenLock;

/// The lock of a pool that does not name one. It depends on the target, and is right on every chip that the target may be:
///
/// | target | lock | what may use the pool |
/// |---|---|---|
/// | any, with the feature `critical-section` | `CriticalSection` | whatever the section that is linked keeps apart |
/// | a host | [`SpinLock`] | threads |
/// | ESP-IDF | `MaskedSpinLock<Interrupts>` | tasks, interrupts, every core |
/// | ESP-IDF, RISC-V without atomic instructions (ESP32-C2, C3) | `InterruptLock` | tasks and interrupts of the one core |
/// | bare metal with atomic instructions: RISC-V (`imac`), Cortex-M3 and up, Xtensa | `MaskedSpinLock<Interrupts>` | the program, interrupts, every core |
/// | bare metal of these architectures, with the feature `unsafe-assume-single-core` | `InterruptLock` | the program and interrupts of the one core |
/// | anything else: bare metal without atomic instructions (`riscv32imc`, `thumbv6m`), or without a mask that is known here | [`UnchosenLock`] | one context; a `static` does not compile, and the message says what to choose |
///
/// Why bare metal with atomic instructions takes the flag beside the mask: a target does not say how many cores a chip has.
/// `riscv32imac` is ESP32-C6 with one, and ESP32-P4, with two, runs its code. The flag is a few instructions, and right on
/// both. Without atomic instructions there is no flag, and a mask alone would be wrong on an RP2040 (`thumbv6m`, two
/// cores), so there the program must say what it is for.
///
/// Masking takes a privileged mode: machine mode on RISC-V, privileged mode on Cortex-M, ring 0 on Xtensa.
pub type DefaultLock = default::Lock;

/// The one place where a target chooses its lock. A lock that is imported by name takes precedence over the one that is not, so
/// no condition has to be the complement of all others.
mod default {
    #[allow(unused_imports, reason = "used on targets that choose no lock by name")]
    pub(super) use super::unchosen::default::*;

    #[cfg(feature = "critical-section")]
    pub(super) use super::CriticalSection as Lock;
    #[cfg(all(
        not(feature = "critical-section"),
        any(
            all(target_os = "espidf", target_arch = "riscv32", not(target_feature = "a")),
            all(
                target_os = "none",
                feature = "unsafe-assume-single-core",
                any(
                    target_arch = "arm",
                    target_arch = "riscv32",
                    target_arch = "riscv64",
                    target_arch = "xtensa"
                )
            )
        )
    ))]
    pub(super) use super::InterruptLock as Lock;
    #[cfg(all(
        not(feature = "critical-section"),
        not(any(target_os = "none", target_os = "espidf")),
        target_has_atomic = "32"
    ))]
    pub(super) use super::SpinLock as Lock;
    #[cfg(all(
        not(feature = "critical-section"),
        any(
            all(target_os = "espidf", any(not(target_arch = "riscv32"), target_feature = "a")),
            all(
                target_os = "none",
                not(feature = "unsafe-assume-single-core"),
                target_has_atomic = "32",
                // No mask is known of Arm's profiles A and R, which have atomic doublewords, as no profile M has.
                any(
                    all(target_arch = "arm", not(target_has_atomic = "64")),
                    target_arch = "riscv32",
                    target_arch = "riscv64",
                    target_arch = "xtensa"
                )
            )
        )
    ))]
    pub(super) type Lock = super::MaskedSpinLock<super::Interrupts>;
}

/// The lock that changes words where the processor cannot: of lock-free pools and of counters of owners.
#[cfg(all(not(target_has_atomic = "32"), feature = "critical-section"))]
pub(crate) use CriticalSection as WordLock;
#[cfg(all(
    not(target_has_atomic = "32"),
    not(feature = "critical-section"),
    feature = "unsafe-assume-single-core"
))]
pub(crate) use InterruptLock as WordLock;

/// A lock that has nothing to put back has masked nothing. On ESP-IDF an interrupt would wait for ever for the task that it
/// interrupted.
#[cfg(all(not(feature = "critical-section"), target_os = "espidf"))]
const _: () =
    assert!(size_of::<<DefaultLock as RawLock>::Saved>() > 0, "the default lock masks no interrupts");

/// Mutual exclusion for the few instructions of a pool operation.
///
/// It is entered for bounded, short work only: never while waiting, logging or calling back.
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
    /// An open lock, for constants.
    const INIT: Self;

    /// What must be put back on release, such as the interrupt level.
    type Saved: Copy;

    /// Whether cores take turns by trying: a pool may then fetch ahead what another core returned. Only a matter of
    /// speed, and on hosts only.
    const SPINS: bool = false;

    /// Closes the lock.
    fn acquire(&self) -> Self::Saved;

    /// Opens the lock.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and `saved` came from the matching `acquire`.
    unsafe fn release(&self, saved: Self::Saved);

    /// Panics if the lock is known not to be held by the calling context. A pool asks before and after it uses what the
    /// lock guards.
    ///
    /// By default it is not known, and asking costs nothing: for locks of tests, which keep a record of who holds them.
    #[inline(always)]
    fn assert_held(&self) {}

    /// Runs `usual` with the lock closed. Where that gives nothing, the lock stays closed, and the caller, who gets
    /// what was saved, goes on and opens it. `usual` must not panic or use the same lock again.
    ///
    /// A pool operation is a dozen instructions; a call in the middle of them, even one that is never made, costs as
    /// many again in registers saved. So the rare case is a call at the end, outside of this function.
    #[inline(always)]
    fn with_or_stay_locked<R>(&self, usual: impl FnOnce() -> Option<R>) -> Result<R, Self::Saved> {
        let saved = self.acquire();
        let Some(result) = usual() else { return Err(saved) };
        // SAFETY: acquired above.
        unsafe { self.release(saved) };
        Ok(result)
    }

    /// Runs `work` with the lock closed. `work` must not panic or use the same lock again.
    #[inline(always)]
    fn with<R>(&self, work: impl FnOnce() -> R) -> R {
        let saved = self.acquire();
        let result = work();
        // SAFETY: acquired two lines above.
        unsafe { self.release(saved) };
        result
    }
}

/// A lock that may guard the allocator of a program, as that of [`GlobalSet`](crate::GlobalSet) does.
///
/// Every lock of this crate is one, but `MutexLock`: a mutex may allocate while it waits, as `parking_lot`'s does for its
/// table of sleeping threads. (`CriticalSection` is one on chips and on Linux, FreeBSD, DragonFly, Fuchsia, Hermit, Windows
/// with Microsoft's tools and bare WebAssembly. On other hosts, such as macOS, the section that `critical-section` has for
/// hosts allocates when it is first used: name [`SpinLock`] there.)
///
/// # Safety
///
/// Neither `acquire` nor `release` allocates or frees memory of the program's allocator: not at their first use either,
/// not in a thread-local value that they touch, and not in what they make another thread do before they return.
#[diagnostic::on_unimplemented(
    message = "the lock `{Self}` may allocate, so it cannot guard the allocator of a program",
    label = "allocates while it waits, or does not say that it never does",
    note = "name a lock that never allocates: `SpinLock`, `MaskedSpinLock`, `InterruptLock` or `CriticalSection`"
)]
pub unsafe trait NonAllocatingLock: RawLock {}

/// What can interrupt a context on its own core, masked and put back.
///
/// # Safety
///
/// 1. From `mask` until the matching `restore`, nothing else that may call `mask` runs on this core.
/// 2. Both are compiler barriers.
/// 3. Neither allocates, uses a pool, or panics.
pub unsafe trait Mask {
    /// What must be put back.
    type Saved: Copy;

    /// Masks.
    fn mask() -> Self::Saved;

    /// Puts back what was before.
    ///
    /// # Safety
    ///
    /// `saved` came from the matching `mask`; pairs nest.
    unsafe fn restore(saved: Self::Saved);
}
