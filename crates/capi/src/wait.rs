//! Those who wait for a block of a pool: the queue in its control block, under the pool's lock.

use core::pin::Pin;
use core::ptr::NonNull;

use microusc_pool::{Queue, RawLock, RawPool, Signal, Waited};

use crate::abi::memory_pool_t;
use crate::control::{Control, ControlMarks, lock, raw};
use crate::port;

/// What wakes a task: the signal on its stack.
pub(crate) type Waker = NonNull<port::Signal>;

/// A pool with its queue.
pub(crate) struct Place {
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
}

impl Place {
    /// # Safety
    ///
    /// `control` is that of `pool`, which lives for as long as the result is used.
    pub(crate) unsafe fn new(pool: *mut memory_pool_t, control: NonNull<Control>) -> Self {
        Self { pool, control }
    }

    /// Serves those who wait until none is left or no block: after what may have made several available. O(served),
    /// each in a critical section of its own.
    pub(crate) fn serve_all(&self) {
        // SAFETY: the lock is held; the queue is this pool's.
        while let Some(waker) = self.locked(|raw, queue| unsafe { queue.serve(raw) }) {
            wake(waker);
        }
    }
}

// SAFETY: both are the pool's, as `new` was promised, and the lock is held.
unsafe impl Waited for Place {
    type Waker = Waker;
    type Marks = ControlMarks;

    fn locked<R>(&self, work: impl FnOnce(&mut RawPool<'_, ControlMarks>, &mut Queue<Waker>) -> R) -> R {
        // SAFETY: as above; pool and queue are different fields.
        unsafe {
            lock(self.control).with(|| {
                let queue = &mut (*self.control.as_ptr()).queue;
                work(&mut raw(self.pool, self.control), queue)
            })
        }
    }
}

/// Wakes a task that was served, with the lock open.
#[cold]
#[inline(never)]
#[cfg_attr(target_os = "none", unsafe(link_section = ".iram1.memory_pool_wake"))]
pub(crate) fn wake(waker: Waker) {
    // SAFETY: the signal lives, pinned on the stack of the task, until it was given.
    unsafe { Pin::new_unchecked(waker.as_ref()) }.give();
}
