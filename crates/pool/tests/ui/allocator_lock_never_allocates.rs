//! A lock that may allocate would ask the allocator that it guards.
use std::alloc::System;
use std::sync::Mutex;

use microusc_pool::{GlobalSet, RawLock};

struct Sleeping(Mutex<Vec<u8>>);

unsafe impl RawLock for Sleeping {
    const INIT: Self = Self(Mutex::new(Vec::new()));
    type Saved = ();
    fn acquire(&self) {
        self.0.lock().unwrap().push(1);
    }
    unsafe fn release(&self, (): ()) {}
}

#[global_allocator]
static HEAP: GlobalSet<1, System, Sleeping> = GlobalSet::new(System);

fn main() {}
