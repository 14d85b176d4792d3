//! Two drivers on a small platform: threads as tasks, the heap as pools. `cargo run -p microusc-drivers --example threads`.
//!
//! A platform for a kernel has the same functions; `crates/port` has them for FreeRTOS and ESP-IDF.

use std::alloc::{self, Layout};
use std::collections::HashMap;
use std::ffi::{CStr, c_void};
use std::ptr::NonNull;
use std::sync::{Condvar, Mutex};
use std::thread::JoinHandle;

use microusc_drivers::{Driver, DriverConfig, Error, Platform, PoolConfig, Space, TaskConfig};

/// The free blocks of a pool, by address.
type FreeBlocks = Vec<usize>;

#[derive(Default)]
struct Threads {
    locked: Mutex<bool>,
    released: Condvar,
    pools: Mutex<Vec<FreeBlocks>>,
    tasks: Mutex<HashMap<usize, JoinHandle<()>>>,
}

// SAFETY: one thread at a time sees `locked` change from `false`; blocks are parts of an allocation that is never freed, and
// leave the list of free blocks when they are allocated; a thread that was joined does not run again.
unsafe impl Platform for Threads {
    type Pool = usize;

    fn lock(&self) -> bool {
        let locked = self.locked.lock().unwrap();
        *self.released.wait_while(locked, |locked| *locked).unwrap() = true;
        true
    }

    unsafe fn unlock(&self) {
        *self.locked.lock().unwrap() = false;
        self.released.notify_one();
    }

    fn task_memory(&self) -> Layout {
        Layout::new::<usize>()
    }

    fn semaphore_memory(&self) -> Layout {
        Layout::new::<usize>()
    }

    fn least_stack(&self) -> usize {
        512
    }

    fn make_pool(&self, config: &PoolConfig) -> Result<usize, Error> {
        let stride = config.block_size.next_multiple_of(config.align);
        let layout =
            Layout::from_size_align(stride * config.blocks, config.align).map_err(|_| Error::BadSize)?;
        // SAFETY: there is at least one block, of at least one byte.
        let start = NonNull::new(unsafe { alloc::alloc(layout) }).ok_or(Error::NoMemory)?;
        let blocks = (0..config.blocks).map(|index| start.as_ptr().expose_provenance() + index * stride);
        let mut pools = self.pools.lock().unwrap();
        pools.push(blocks.collect());
        Ok(pools.len() - 1)
    }

    unsafe fn end_pool(&self, pool: usize) {
        self.pools.lock().unwrap()[pool].clear(); // this example keeps the memory
    }

    fn take(&self, pool: usize) -> Option<NonNull<u8>> {
        NonNull::new(std::ptr::with_exposed_provenance_mut(self.pools.lock().unwrap()[pool].pop()?))
    }

    unsafe fn give(&self, pool: usize, block: NonNull<u8>) {
        self.pools.lock().unwrap()[pool].push(block.as_ptr().expose_provenance());
    }

    unsafe fn make_semaphore(&self, memory: NonNull<u8>) -> Option<NonNull<c_void>> {
        Some(memory.cast()) // no task of this example waits
    }

    unsafe fn end_semaphore(&self, _semaphore: NonNull<c_void>) {}

    unsafe fn start(&self, config: &TaskConfig) -> Option<NonNull<c_void>> {
        let (entry, driver) = (config.entry, config.driver.expose_provenance());
        // SAFETY: the driver lives until this thread was joined in `stop`.
        let thread =
            std::thread::spawn(move || unsafe { entry(std::ptr::with_exposed_provenance_mut(driver)) });
        self.tasks.lock().unwrap().insert(config.memory.addr().get(), thread);
        Some(config.memory.cast())
    }

    unsafe fn stop(&self, task: NonNull<c_void>) -> bool {
        let thread = self.tasks.lock().unwrap().remove(&task.addr().get());
        thread.is_none_or(|thread| thread.join().is_ok())
    }

    fn forget(&self, _task: NonNull<c_void>) -> bool {
        true // no task of this example waits for a block
    }

    unsafe fn pause(&self, _task: NonNull<c_void>) {}

    unsafe fn resume(&self, _task: NonNull<c_void>) {}

    fn is_current(&self, task: NonNull<c_void>) -> bool {
        let tasks = self.tasks.lock().unwrap();
        tasks
            .get(&task.addr().get())
            .is_some_and(|thread| thread.thread().id() == std::thread::current().id())
    }
}

/// The task of each driver.
unsafe extern "C" fn greet(driver: *mut Driver) {
    // SAFETY: the driver lives until its task has stopped, and does not change.
    let driver = unsafe { &*driver };
    // SAFETY: a driver's name ends in a zero within its array.
    let name = unsafe { CStr::from_ptr(driver.name.as_ptr()) };
    println!("driver {} is called {:?} and has a buffer of {} bytes", driver.id, name, driver.buffer_size);
}

fn main() -> Result<(), Error> {
    let space = Space::new(Threads::default());
    space.init()?; // nodes and stacks for four drivers
    for name in ["uart", "spi"] {
        let config = DriverConfig {
            name: name.as_bytes(),
            entry: greet,
            argument: std::ptr::null_mut(),
            priority: 1,
            core: -1,
        };
        // SAFETY: `greet` may run with the driver until the driver was removed.
        let id = unsafe { space.add(&config) }?;
        assert_eq!(space.find(name.as_bytes()), Ok(id));
    }
    space.remove(space.find(b"uart")?)?; // its task has stopped, its node and stack are free again
    space.end()
}
