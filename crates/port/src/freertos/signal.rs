//! What a waiting task sleeps on.

use core::cell::{Cell, UnsafeCell};
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;

use super::kernel::{self, SEMAPHORE_WORDS, semaphore};

/// A binary semaphore of the kernel, on the stack of the task.
///
/// A task that sleeps must not be deleted: its stack would be freed while the queue of the pool still refers to it.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Signal {
    semaphore: UnsafeCell<MaybeUninit<[usize; SEMAPHORE_WORDS]>>,
    is_created: Cell<bool>,
    _pinned: PhantomPinned,
}

impl Signal {
    fn semaphore(&self) -> *mut usize {
        self.semaphore.get().cast()
    }
}

// SAFETY:
// 1. A binary semaphore that is empty when it is created keeps what it is given until it is taken; giving and taking are
//    critical sections of the kernel.
// 2. The C file counts ticks, rounded up, and one more for the one that has begun; it sleeps again when it was woken
//    early.
// 3. The C file calls the kernel's function for the context that it runs in. That function last accesses the semaphore in the
//    critical section in which it wakes the task. The task cannot return before it gets the processor or enters that section.
unsafe impl microusc_pool::Signal for Signal {
    fn may_wait() -> bool {
        kernel::may_wait()
    }

    fn new() -> Self {
        let semaphore = UnsafeCell::new(MaybeUninit::uninit());
        Self { semaphore, is_created: Cell::new(false), _pinned: PhantomPinned }
    }

    fn init(self: Pin<&Self>) {
        // SAFETY: the words are ours, aligned as the struct is, and pinned.
        unsafe { semaphore::open(self.semaphore()) };
        self.is_created.set(true);
    }

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        // SAFETY: created by `init` before it is used; waited for by tasks only.
        unsafe { semaphore::wait(self.semaphore(), milliseconds) }
    }

    fn give(self: Pin<&Self>) {
        // SAFETY: created by `init` before it is used.
        unsafe { semaphore::give(self.semaphore()) }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if self.is_created.get() {
            // SAFETY: initialised, and in place until now; the task that waited on it drops it.
            unsafe { semaphore::close(self.semaphore()) };
        }
    }
}
