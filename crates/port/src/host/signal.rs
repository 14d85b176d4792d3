//! What a waiting thread sleeps on, and what it says it is.

use core::cell::Cell;
use core::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

thread_local! {
    static IN_INTERRUPT: Cell<bool> = const { Cell::new(false) };
    static PRIORITY: Cell<u8> = const { Cell::new(0) };
}

/// A binary semaphore.
#[derive(Debug)]
pub struct Signal {
    given: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    fn given(&self) -> MutexGuard<'_, bool> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// SAFETY: the flag is changed under one mutex, which orders what came before after. The time that `wait` sleeps at
// least is what `wait_timeout_while` promises. `give` holds the mutex until its last access.
unsafe impl microusc_pool::Signal for Signal {
    fn may_wait() -> bool {
        !IN_INTERRUPT.get()
    }

    fn new() -> Self {
        Self { given: Mutex::new(false), changed: Condvar::new() }
    }

    fn init(self: Pin<&Self>) {}

    fn wait(self: Pin<&Self>, milliseconds: Option<u32>) -> bool {
        let longest = milliseconds.map_or(Duration::MAX, |time| Duration::from_millis(time.into()));
        let waited = self.changed.wait_timeout_while(self.given(), longest, |given| !*given);
        let (mut given, _) = waited.unwrap_or_else(PoisonError::into_inner);
        core::mem::take(&mut given)
    }

    fn give(self: Pin<&Self>) {
        let mut given = self.given();
        *given = true;
        self.changed.notify_one();
    }
}

/// Whether the calling thread stands for an interrupt.
pub fn in_interrupt() -> bool {
    IN_INTERRUPT.get()
}

pub fn task_priority() -> u8 {
    PRIORITY.get()
}

/// What the calling thread stands for from now on.
#[unsafe(no_mangle)]
pub extern "C" fn microusc_host_set_context(priority: u8, interrupt: bool) {
    PRIORITY.set(priority);
    IN_INTERRUPT.set(interrupt);
}
