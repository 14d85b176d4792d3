//! The lock of targets of which no lock is known that is right on every chip, and how a lock says that it may not be shared.
//!
//! A target names an instruction set, not a chip: `thumbv6m-none-eabi` is a Cortex-M0 with one core, or an RP2040 with two. On
//! two, a lock that masks interrupts lets both cores into a pool at once, and a program without a line of `unsafe` has two
//! owners of one block. So the crate assumes nothing that the compiler cannot know: there the program has to choose.
//!
//! The compiler names the trait that a type lacks, in that trait's words. `Sync` has no words of ours, hence the detour: a
//! field that is `Sync` exactly when a trait of ours says that it may be. `InterruptLock` has such a field, too.

use core::marker::PhantomData;

use super::{NonAllocatingLock, RawLock};

/// For a glob import: the lock of targets that choose none by name.
pub(super) mod default {
    #[allow(unused_imports, reason = "most targets choose another lock")]
    pub(in crate::lock) use super::UnchosenLock as Lock;
}

/// Why a lock of no kind may be shared: never.
#[diagnostic::on_unimplemented(
    message = "the pool is shared, and no lock is known that is right on every chip of this target",
    label = "needs a lock",
    note = "any chip: enable the feature `critical-section` of microusc-pool, and the critical section of the HAL (esp-hal, rp2040-hal, cortex-m, riscv)",
    note = "a chip with one core, and code that runs privileged: enable the feature `unsafe-assume-single-core`, and the lock is `InterruptLock`",
    note = "or name a lock in the type of the pool, such as `Pool<T, N, CriticalSection>`; a pool that is not shared needs none, `NoLock`"
)]
pub(super) trait AnyChip {}

/// The chip that the program is for.
#[derive(Debug)]
pub(super) struct ThisChip;

/// A field that is `Sync` if `C` is an [`AnyChip`].
#[derive(Debug)]
struct SharedOnAnyChip<C = ThisChip>(PhantomData<*mut C>);

// SAFETY: it holds nothing.
unsafe impl<C> Send for SharedOnAnyChip<C> {}
// SAFETY: it holds nothing, and no `C` is one.
unsafe impl<C: AnyChip> Sync for SharedOnAnyChip<C> {}

/// The lock of a pool that does not name one, on a target where the compiler cannot know the right one: it cannot be shared.
///
/// A pool with it works in one context, as with [`NoLock`](super::NoLock). A `static` of it, or a handle of it that is sent to
/// another thread, does not compile; the message says which feature to enable or which lock to name.
///
/// ```compile_fail
/// use microusc_pool::{Pool, UnchosenLock};
/// static POOL: Pool<u32, 4, UnchosenLock> = Pool::new();
/// ```
#[derive(Debug)]
pub struct UnchosenLock(SharedOnAnyChip);

// SAFETY: not `Sync`, so a single context reaches it and there is nothing to keep out.
unsafe impl RawLock for UnchosenLock {
    const INIT: Self = Self(SharedOnAnyChip(PhantomData));

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {}

    #[inline(always)]
    unsafe fn release(&self, (): ()) {}
}

// SAFETY: does nothing.
unsafe impl NonAllocatingLock for UnchosenLock {}
