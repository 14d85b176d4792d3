//! The kernel of the port and the pools of this crate, as the system layer wants them.

use core::alloc::Layout;
use core::ffi::c_void;
use core::pin::pin;
use core::ptr::NonNull;

use microusc_drivers::{Error, Platform, PoolConfig, Space, TaskConfig};
use microusc_pool::Signal as _;
use microusc_port::{self as port, Signal};

use crate::control::registry;
use crate::output::report::report_error;
use crate::pool::blocks::{memory_pool_alloc, memory_pool_free};
use crate::pool::create::{self, Location};
use crate::pool::destroy;
use crate::types::*;
use crate::wait::forget;

/// Milliseconds that a task may take that was interrupted while it woke another.
const FORGET_TRIES: u32 = 100;

/// The one system memory space of the program.
pub(crate) static SPACE: Space<Below> = Space::new(Below);

/// What the system layer stands on. Its pools are pools like any other: with a name, in every list and report.
pub(crate) struct Below;

// SAFETY: the functions of the port promise what the trait asks; so do pools of DRAM, which were created with the requested alignment.
unsafe impl Platform for Below {
    type Pool = NonNull<memory_pool_t>;

    fn lock(&self) -> bool {
        port::system_lock()
    }

    unsafe fn unlock(&self) {
        port::system_unlock();
    }

    fn task_memory(&self) -> Layout {
        port::task_memory()
    }

    fn semaphore_memory(&self) -> Layout {
        port::semaphore_memory()
    }

    fn least_stack(&self) -> usize {
        port::least_stack()
    }

    fn make_pool(&self, config: &PoolConfig) -> Result<Self::Pool, Error> {
        let c_config = memory_pool_config_t {
            block_size: config.block_size,
            num_blocks: config.blocks,
            placement: DRAM,
            flags: 0,
            name: config.name.as_ptr(),
        };
        // SAFETY: the name is a C string.
        let made = unsafe { create::create_aligned(Location::Heap, &c_config, config.align) };
        match made {
            Ok(pool) => NonNull::new(pool).ok_or(Error::NoMemory),
            Err(refusal) if refusal.reason == ESP_ERR_INVALID_SIZE => Err(Error::BadSize),
            Err(_) => Err(Error::NoMemory),
        }
    }

    unsafe fn end_pool(&self, pool: Self::Pool) {
        // SAFETY: nothing uses it, as the caller promises. A pool that the application destroyed is not found.
        let ended = unsafe { destroy::destroy_pool(pool.as_ptr(), false, |_, _, _| {}) };
        if let Some((ended, refusal)) = ended.and_then(|ended| Some((ended, ended.refusal()?))) {
            report_error(c"microusc_system_end", refusal, ended.name.as_ptr(), pool.as_ptr().cast(), 0);
        }
    }

    fn take(&self, pool: Self::Pool) -> Option<NonNull<u8>> {
        if !registry::contains(pool.as_ptr()) {
            return None; // the application ended it
        }
        // SAFETY: a live pool.
        NonNull::new(unsafe { memory_pool_alloc(pool.as_ptr()) }).map(NonNull::cast)
    }

    unsafe fn give(&self, pool: Self::Pool, block: NonNull<u8>) {
        if registry::contains(pool.as_ptr()) {
            // SAFETY: a live pool; the block is given up, as the caller promises. A refusal is reported there.
            unsafe { memory_pool_free(pool.as_ptr(), block.as_ptr().cast()) };
        }
    }

    unsafe fn make_semaphore(&self, memory: NonNull<u8>) -> Option<NonNull<c_void>> {
        // SAFETY: as the caller promises.
        unsafe { port::semaphore_create(memory) }
    }

    unsafe fn end_semaphore(&self, semaphore: NonNull<c_void>) {
        // SAFETY: as the caller promises.
        unsafe { port::semaphore_delete(semaphore) };
    }

    unsafe fn start(&self, config: &TaskConfig) -> Option<NonNull<c_void>> {
        // SAFETY: as the caller promises.
        unsafe { port::task_start(config) }
    }

    unsafe fn stop(&self, task: NonNull<c_void>) -> bool {
        // SAFETY: as the caller promises.
        unsafe { port::task_stop(task) }
    }

    fn forget(&self, task: NonNull<c_void>) -> bool {
        // The task that wakes it has to finish that first; if its priority is lower, it runs only while this one sleeps.
        (0..FORGET_TRIES).any(|_| {
            let forgotten = forget(task.as_ptr());
            if !forgotten {
                let signal = pin!(Signal::new());
                signal.as_ref().init();
                signal.as_ref().wait(Some(1));
            }
            forgotten
        })
    }

    unsafe fn pause(&self, task: NonNull<c_void>) {
        // SAFETY: as the caller promises.
        unsafe { port::task_pause(task) };
    }

    unsafe fn resume(&self, task: NonNull<c_void>) {
        // SAFETY: as the caller promises.
        unsafe { port::task_resume(task) };
    }

    fn is_current(&self, task: NonNull<c_void>) -> bool {
        port::task_is_current(task)
    }
}
