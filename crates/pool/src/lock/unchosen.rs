//! The lock of targets for which no lock is right on every chip, and how a lock states that it must not be shared.
//!
//! A target names an instruction set, not a chip: `thumbv6m-none-eabi` is a Cortex-M0 with one core, or an RP2040 with two. On
//! two, a lock that masks interrupts lets both cores into a pool at once, and a program without a line of `unsafe` has two
//! owners of one block. So the crate assumes nothing that the compiler cannot know, and the program has to choose.
//!
//! A compiler error names the trait that a type lacks, with the message of that trait. `Sync` cannot have a message of this
//! crate. So the lock has a field that is `Sync` exactly if a trait of this crate is implemented, and the message is on that
//! trait. `InterruptLock` has such a field, too.

use core::marker::PhantomData;

use super::{NonAllocatingLock, RawLock};

/// Never implemented: the unchosen lock must not be shared.
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

/// The lock of a pool that names none, on a target where the compiler cannot know the right one: it cannot be shared.
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

// SAFETY: not `Sync`, so only one context reaches it.
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
