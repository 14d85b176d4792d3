//! What a waiting task sleeps on: a binary semaphore of the kernel in its own stack frame.

use core::cell::{Cell, UnsafeCell};
use core::ffi::c_void;
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr::null_mut;

use super::shim::{
    SEMAPHORE_WORDS, microusc_esp_idf_close, microusc_esp_idf_give, microusc_esp_idf_may_wait,
    microusc_esp_idf_open_36_words, microusc_esp_idf_priority, microusc_esp_idf_wait,
    microusc_esp_idf_wait_for,
};

/// `semaphore` is null until `init` has created the kernel's semaphore in `memory`.
///
/// A task that sleeps must not be deleted: its stack would be freed while the queue of the pool still refers to it.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Signal {
    memory: UnsafeCell<MaybeUninit<[usize; SEMAPHORE_WORDS]>>,
    semaphore: Cell<*mut c_void>,
    _pinned: PhantomPinned,
}

// SAFETY:
// 1. A binary semaphore that is empty when it is created keeps what it is given until it is taken; giving and taking are
//    critical sections of the kernel.
// 2. The C file counts ticks, rounded up, and one more for the one that has begun; it sleeps again when it was woken early.
// 3. The C file calls the kernel's function for the context that it runs in. The last access of that function to the semaphore is
//    the release of the lock with which it wakes the task. On another core the task cannot return before that lock is released.
//    With one core the lock has no flag, so its release writes nothing to the semaphore.
unsafe impl microusc_pool::Signal for Signal {
    fn may_wait() -> bool {
        // SAFETY: from any context.
        unsafe { microusc_esp_idf_may_wait() }
    }

    fn new() -> Self {
        let memory = UnsafeCell::new(MaybeUninit::uninit());
        Self { memory, semaphore: Cell::new(null_mut()), _pinned: PhantomPinned }
    }

    fn init(self: Pin<&Self>) {
        // SAFETY: the words are ours, aligned as the struct is, and pinned.
        self.semaphore.set(unsafe { microusc_esp_idf_open_36_words(self.memory.get().cast()) });
    }

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        // SAFETY: created by `init` before it is used; waited for by tasks only.
        unsafe {
            match milliseconds {
                Some(milliseconds) => microusc_esp_idf_wait_for(self.semaphore.get(), milliseconds),
                None => {
                    microusc_esp_idf_wait(self.semaphore.get());
                    true
                }
            }
        }
    }

    fn give(self: Pin<&Self>) {
        // SAFETY: created by `init` before it is used.
        unsafe { microusc_esp_idf_give(self.semaphore.get()) }
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        if !self.semaphore.get().is_null() {
            // SAFETY: initialised, and in place until now; the task that waited on it drops it.
            unsafe { microusc_esp_idf_close(self.semaphore.get()) }
        }
    }
}

/// Of the calling task; 0 where waiting is not possible.
pub fn task_priority() -> u8 {
    // SAFETY: from any context.
    unsafe { microusc_esp_idf_priority() }
}
