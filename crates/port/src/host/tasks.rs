//! Tasks of the system layer on a host: a thread each, and one lock over all of them.
//!
//! A thread cannot be stopped from outside. It is stopped, or paused, where it waits ([`semaphore_wait`], the lock of
//! the system layer) or when its function returns; one that does neither for [`PATIENCE`] counts as still running.
//! A thread that was stopped while it waited never goes on. Its stack is its own: the one it was given is filled, as
//! kernels do, and otherwise left alone.

use core::alloc::Layout;
use core::ffi::c_void;
use std::cell::Cell;
use std::ptr::{NonNull, null_mut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use microusc_drivers::TaskConfig;
use microusc_pool::Signal as _;

use super::signal::Signal;

/// How long a task may take to stop.
const PATIENCE: Duration = Duration::from_secs(2);
/// What kernels fill a stack with, to see later how much of it was used.
const STACK_FILL: u8 = 0xA5;

/// What the semaphores and tasks have in common: nothing of them is touched without this lock.
struct Kernel {
    /// The system layer's lock is taken.
    system: bool,
}

static KERNEL: Mutex<Kernel> = Mutex::new(Kernel { system: false });
static CHANGED: Condvar = Condvar::new();

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Paused,
    /// Shall end.
    Stopping,
    /// Its function returned, or it will never go on.
    Ended,
}

/// What is kept of a task, in the memory it was given.
struct Task(State);

/// What is kept of a semaphore, in the memory it was given.
struct Semaphore {
    given: bool,
}

thread_local! {
    static CURRENT: Cell<*mut Task> = const { Cell::new(null_mut()) };
}

fn kernel() -> MutexGuard<'static, Kernel> {
    KERNEL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a change, at most until `deadline`.
fn changed(kernel: MutexGuard<'static, Kernel>, deadline: Option<Instant>) -> MutexGuard<'static, Kernel> {
    // An hour stands for ever: waiting code checks again anyway.
    let left = deadline.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()));
    CHANGED.wait_timeout(kernel, left).unwrap_or_else(PoisonError::into_inner).0
}

/// Where the calling task is paused or stopped, if it shall be.
fn checkpoint(mut kernel: MutexGuard<'static, Kernel>) -> MutexGuard<'static, Kernel> {
    let Some(task) = NonNull::new(CURRENT.get()) else { return kernel };
    loop {
        // SAFETY: the calling thread's task, which lives until it ended; the kernel is locked.
        match unsafe { task.read() }.0 {
            State::Running => return kernel,
            State::Paused => kernel = changed(kernel, None),
            State::Stopping | State::Ended => {
                // SAFETY: as above. The last that this thread does with it.
                unsafe { task.write(Task(State::Ended)) };
                CHANGED.notify_all();
                drop(kernel);
                loop {
                    std::thread::park();
                }
            }
        }
    }
}

pub fn system_lock() -> bool {
    if !Signal::may_wait() {
        return false;
    }
    let mut kernel = checkpoint(kernel());
    while kernel.system {
        kernel = checkpoint(changed(kernel, None));
    }
    kernel.system = true;
    true
}

pub fn system_unlock() {
    kernel().system = false;
    CHANGED.notify_all();
}

pub fn task_memory() -> Layout {
    Layout::new::<Task>()
}

pub fn semaphore_memory() -> Layout {
    Layout::new::<Semaphore>()
}

/// As FreeRTOS on the smallest of the chips.
pub fn least_stack() -> usize {
    512
}

/// # Safety
///
/// The memory is as [`semaphore_memory`] says, and the semaphore's until its end.
pub unsafe fn semaphore_create(memory: NonNull<u8>) -> Option<NonNull<c_void>> {
    let _kernel = kernel();
    // SAFETY: as the caller promises.
    unsafe { memory.cast::<Semaphore>().write(Semaphore { given: false }) };
    Some(memory.cast())
}

/// # Safety
///
/// It was created here, and no task waits for it.
pub unsafe fn semaphore_delete(_semaphore: NonNull<c_void>) {}

/// # Safety
///
/// It was created here, and is not deleted meanwhile unless the calling task is stopped first.
pub unsafe fn semaphore_wait(semaphore: NonNull<c_void>, timeout_ms: u32) -> bool {
    if !Signal::may_wait() {
        return false;
    }
    let semaphore = semaphore.cast::<Semaphore>();
    let deadline = (timeout_ms < u32::MAX).then(|| Instant::now() + Duration::from_millis(timeout_ms.into()));
    let mut kernel = checkpoint(kernel());
    loop {
        // SAFETY: as the caller promises; the kernel is locked.
        let given = unsafe { &mut (*semaphore.as_ptr()).given };
        if std::mem::take(given) {
            return true;
        }
        if deadline.is_some_and(|at| Instant::now() >= at) {
            return false;
        }
        kernel = checkpoint(changed(kernel, deadline));
    }
}

/// # Safety
///
/// It was created here, and is not deleted.
pub unsafe fn semaphore_give(semaphore: NonNull<c_void>) {
    let _kernel = kernel();
    // SAFETY: as the caller promises; the kernel is locked.
    unsafe { (*semaphore.cast::<Semaphore>().as_ptr()).given = true };
    CHANGED.notify_all();
}

/// An address on its way to another thread.
struct Sent<T>(*mut T);
// SAFETY: what is sent is the thread's by the contract of `task_start`, or touched with the kernel locked.
unsafe impl<T> Send for Sent<T> {}

impl<T> Sent<T> {
    fn arrived(self) -> *mut T {
        self.0
    }
}

/// # Safety
///
/// As `Platform::start`.
pub unsafe fn task_start(config: &TaskConfig) -> Option<NonNull<c_void>> {
    let task = config.memory.cast::<Task>();
    // SAFETY: stack and memory are the task's, as the caller promises.
    unsafe {
        config.stack.write_bytes(STACK_FILL, config.stack_bytes);
        task.write(Task(State::Running));
    }
    let (entry, driver, own) = (config.entry, Sent(config.driver), Sent(task.as_ptr()));
    let run = move || {
        let (driver, own) = (driver.arrived(), own.arrived());
        CURRENT.set(own);
        // SAFETY: as the caller of `task_start` promises.
        unsafe { entry(driver) };
        let _kernel = checkpoint(kernel());
        // SAFETY: this thread's task, not ended yet; the kernel is locked.
        unsafe { own.write(Task(State::Ended)) };
        CHANGED.notify_all();
    };
    std::thread::Builder::new().spawn(run).ok().map(|_detached| task.cast())
}

/// # Safety
///
/// As `Platform::stop`.
pub unsafe fn task_stop(task: NonNull<c_void>) -> bool {
    let task = task.cast::<Task>();
    let deadline = Instant::now() + PATIENCE;
    let mut kernel = kernel();
    loop {
        // SAFETY: a task that was not stopped; the kernel is locked.
        if unsafe { task.read() }.0 == State::Ended {
            return true;
        }
        // SAFETY: as above.
        unsafe { task.write(Task(State::Stopping)) };
        CHANGED.notify_all();
        if Instant::now() >= deadline {
            return false;
        }
        kernel = changed(kernel, Some(deadline));
    }
}

/// # Safety
///
/// As `Platform::pause`.
pub unsafe fn task_pause(task: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { turn(task, State::Running, State::Paused) };
}

/// # Safety
///
/// As `Platform::resume`.
pub unsafe fn task_resume(task: NonNull<c_void>) {
    // SAFETY: as the caller promises.
    unsafe { turn(task, State::Paused, State::Running) };
}

/// # Safety
///
/// A task that was not stopped.
unsafe fn turn(task: NonNull<c_void>, from: State, to: State) {
    let _kernel = kernel();
    let task = task.cast::<Task>();
    // SAFETY: as the caller promises; the kernel is locked.
    unsafe {
        if task.read().0 == from {
            task.write(Task(to));
        }
    }
    CHANGED.notify_all();
}

/// The calling task of the system layer; null in any other thread.
pub(super) fn current() -> *const c_void {
    CURRENT.get().cast()
}

pub fn task_is_current(task: NonNull<c_void>) -> bool {
    CURRENT.get() == task.cast().as_ptr()
}
