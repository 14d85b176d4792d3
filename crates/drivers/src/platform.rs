//! What the system layer needs of a kernel: one small contract.

use core::alloc::Layout;
use core::ffi::{CStr, c_char, c_void};
use core::ptr::NonNull;

use crate::driver::Driver;
use crate::error::Error;

/// Kernel and memory below the system layer.
///
/// | here | FreeRTOS |
/// |---|---|
/// | `lock`, `unlock` | a static mutex, `xSemaphoreTake(m, portMAX_DELAY)`; refused if `xPortInIsrContext()` |
/// | `task_memory`, `semaphore_memory` | size and alignment of `StaticTask_t`, `StaticSemaphore_t` |
/// | `make_semaphore`, `end_semaphore` | `xSemaphoreCreateBinaryStatic`, `vSemaphoreDelete` |
/// | `start` | `xTaskCreateStaticPinnedToCore`, with a function that calls `entry` and suspends itself when that returns |
/// | `stop` | `vTaskDelete`, then wait until no core runs it and the idle task let go of it |
/// | `forget` | `memory_pool_forget_task` |
/// | `pause`, `resume`, `is_current` | `vTaskSuspend`, `vTaskResume`, `xTaskGetCurrentTaskHandle() == task` |
/// | `make_pool`, `take`, `give`, `end_pool` | the pools of this project |
///
/// Every function but `lock`, `take` and `give` is called with the lock held, and does not call back into the system layer. `take`
/// and `give` are called with the lock released, since a pool may call the program, and the program the system layer.
///
/// # Safety
///
/// 1. `lock` returns `true` to one context at a time, until that calls `unlock`.
/// 2. Blocks of a pool are as large and aligned as was asked for, in internal memory, and have one owner each.
/// 3. After `stop` returned `true`, the task never runs again, and nothing accesses its stack or its memory.
/// 4. A task whose entry returns is left alone until it is stopped.
pub unsafe trait Platform {
    /// A pool of blocks.
    type Pool: Copy;

    /// Waits for the lock of the system layer, and takes it. `false` where waiting is impossible: in an interrupt.
    fn lock(&self) -> bool;

    /// Lets go of the lock.
    ///
    /// # Safety
    ///
    /// The caller holds it.
    unsafe fn unlock(&self);

    /// What the kernel keeps of a task besides its stack.
    fn task_memory(&self) -> Layout;

    /// What the kernel keeps of a semaphore.
    fn semaphore_memory(&self) -> Layout;

    /// The smallest stack that a task can have, in bytes.
    fn least_stack(&self) -> usize;

    /// Creates a pool in internal, byte-addressable memory.
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] or [`Error::NoMemory`]; nothing is taken then.
    fn make_pool(&self, config: &PoolConfig) -> Result<Self::Pool, Error>;

    /// Ends a pool.
    ///
    /// # Safety
    ///
    /// It was made here, no block of it is used, and it is not used again.
    unsafe fn end_pool(&self, pool: Self::Pool);

    /// Takes a block, if there is one.
    fn take(&self, pool: Self::Pool) -> Option<NonNull<u8>>;

    /// Returns a block.
    ///
    /// # Safety
    ///
    /// It was taken from this pool and is not used again.
    unsafe fn give(&self, pool: Self::Pool, block: NonNull<u8>);

    /// Makes a binary semaphore, not given, in `memory`.
    ///
    /// # Safety
    ///
    /// The memory is as [`semaphore_memory`](Self::semaphore_memory) says, and the semaphore's until its end.
    unsafe fn make_semaphore(&self, memory: NonNull<u8>) -> Option<NonNull<c_void>>;

    /// Ends a semaphore.
    ///
    /// # Safety
    ///
    /// It was made here, no task waits for it, and it is not used again.
    unsafe fn end_semaphore(&self, semaphore: NonNull<c_void>);

    /// Starts a task. It may run before this returns.
    ///
    /// # Safety
    ///
    /// All that the config points to is the task's until it was stopped.
    unsafe fn start(&self, config: &TaskConfig) -> Option<NonNull<c_void>>;

    /// Ends a task for good, wherever it is: running on another core, waiting, paused, or returned. `false` if it may
    /// still run; then this is called again later.
    ///
    /// # Safety
    ///
    /// It was started here, is not the caller's, and has not been stopped.
    unsafe fn stop(&self, task: NonNull<c_void>) -> bool;

    /// Takes a task that has stopped out of every queue in which it waits for a block, before its stack goes back. `false`
    /// if another context is just waking it; then this is called again later.
    fn forget(&self, task: NonNull<c_void>) -> bool;

    /// Lets a task not run until it is resumed. A task that is paused stays so.
    ///
    /// # Safety
    ///
    /// As [`stop`](Self::stop).
    unsafe fn pause(&self, task: NonNull<c_void>);

    /// Lets a paused task run again. A task that is not paused goes on.
    ///
    /// # Safety
    ///
    /// As [`stop`](Self::stop).
    unsafe fn resume(&self, task: NonNull<c_void>);

    /// Whether it is this task that asks.
    fn is_current(&self, task: NonNull<c_void>) -> bool;
}

/// The configuration of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// For reports.
    pub name: &'static CStr,
    /// Bytes of a block.
    pub block_size: usize,
    /// Bytes to which each block is aligned, a power of two.
    pub align: usize,
    /// How many.
    pub blocks: usize,
}

/// What a driver's task runs.
pub type Entry = unsafe extern "C" fn(driver: *mut Driver);

/// The configuration of a task.
#[derive(Clone, Copy, Debug)]
pub struct TaskConfig {
    /// A C string, as long as the task lives.
    pub name: *const c_char,
    /// What it runs.
    pub entry: Entry,
    /// What it is given.
    pub driver: *mut Driver,
    /// The kernel's number.
    pub priority: u32,
    /// The core it shall run on; negative: any.
    pub core: i32,
    /// Its stack.
    pub stack: NonNull<u8>,
    /// Bytes of the stack, a multiple of [`STACK_ALIGN`](crate::STACK_ALIGN).
    pub stack_bytes: usize,
    /// For the kernel, as [`task_memory`](Platform::task_memory) says.
    pub memory: NonNull<u8>,
}
