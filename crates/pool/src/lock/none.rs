use core::marker::PhantomData;

use super::{NonAllocatingLock, RawLock};

/// No lock: for a pool that one context owns. It is not `Sync`, so neither is a pool with it.
///
/// ```compile_fail
/// use microusc_pool::{NoLock, Pool};
/// static POOL: Pool<u32, 4, NoLock> = Pool::new(); // cannot be shared between threads safely
/// ```
#[derive(Debug)]
pub struct NoLock(PhantomData<*mut ()>);

// SAFETY: not `Sync`, so only one context reaches it.
unsafe impl RawLock for NoLock {
    const INIT: Self = Self(PhantomData);

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {}

    #[inline(always)]
    unsafe fn release(&self, (): ()) {}
}

// SAFETY: does nothing.
unsafe impl NonAllocatingLock for NoLock {}
