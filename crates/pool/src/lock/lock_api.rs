use super::RawLock;

/// Any mutex of the crate `lock_api` as a lock, such as that of `parking_lot`: for hosts with more threads than processors,
/// where the thread that holds the lock may be descheduled.
///
/// A thread that waits for a [`SpinLock`](super::SpinLock) keeps a processor busy; a mutex lets it sleep until the lock is
/// released. Cost: that of the mutex; uncontended, `parking_lot`'s is one atomic step in each direction, too.
///
/// Context: threads. Not for interrupts or signal handlers, which would wait for ever for the code they interrupted.
///
/// ```
/// use microusc_pool::{MutexLock, Pool};
///
/// static JOBS: Pool<[u8; 64], 100, MutexLock<parking_lot::RawMutex>> = Pool::new();
///
/// let job = JOBS.alloc([0; 64])?;
/// std::thread::spawn(move || drop(job)).join().unwrap();
/// assert_eq!(JOBS.stats().used(), 0);
/// # Ok::<(), microusc_pool::Error>(())
/// ```
///
/// It cannot guard the program's allocator, since a mutex may allocate while it waits; this does not compile:
///
/// ```compile_fail,E0277
/// use std::alloc::System;
/// use microusc_pool::{GlobalSet, MutexLock};
///
/// #[global_allocator]
/// static HEAP: GlobalSet<1, System, MutexLock<parking_lot::RawMutex>> = GlobalSet::new(System);
/// ```
#[derive(Debug)]
pub struct MutexLock<R>(R);

// SAFETY: `lock_api` requires of a raw mutex that a second `lock` does not return before `unlock`, and that what was
// written before the one is seen after the other. It is `Sync` when the mutex is, and acquired and released by the same
// thread within one operation of a pool.
unsafe impl<R: lock_api::RawMutex> RawLock for MutexLock<R> {
    const INIT: Self = Self(R::INIT);

    type Saved = ();

    #[inline(always)]
    fn acquire(&self) {
        self.0.lock();
    }

    #[inline(always)]
    unsafe fn release(&self, (): ()) {
        // SAFETY: the caller holds the lock.
        unsafe { self.0.unlock() };
    }
}
