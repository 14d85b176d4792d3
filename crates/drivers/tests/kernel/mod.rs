//! A kernel that runs nothing and believes nothing: it keeps books of all that the system layer took, and fails when
//! it is asked to.

use std::alloc::{self, Layout};
use std::collections::BTreeMap;
use std::ffi::{CStr, c_void};
use std::ptr::{NonNull, without_provenance_mut};
use std::sync::{Arc, Mutex, MutexGuard};

use microusc_drivers::{Driver, Error, Platform, PoolConfig, STACK_ALIGN, TaskConfig};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Running,
    Paused,
}

struct Pool {
    start: NonNull<u8>,
    layout: Layout,
    stride: usize,
    taken: Vec<bool>,
}

struct Started {
    state: Task,
    /// Addresses that are its own while it lives: stack, and what the kernel keeps of it.
    memory: [std::ops::Range<usize>; 2],
    driver: usize,
}

#[derive(Default)]
pub(crate) struct Books {
    pools: BTreeMap<usize, Pool>,
    tasks: BTreeMap<usize, Started>,
    /// Semaphores by the address of their memory.
    semaphores: BTreeMap<usize, usize>,
    /// Tasks that wait for a block, by where on their stacks that is noted.
    waiting: BTreeMap<usize, usize>,
    made: usize,
    /// The thread that holds the lock.
    locked: Option<std::thread::ThreadId>,
    pub(crate) in_interrupt: bool,
    /// The driver whose task is asking.
    pub(crate) current: Option<u32>,
    /// Calls that can fail until one does; `None` for never.
    pub(crate) fail_in: Option<usize>,
    /// Drivers whose tasks do not stop.
    pub(crate) stubborn: Vec<u32>,
    /// What was called, in order.
    pub(crate) calls: Vec<&'static str>,
    /// What the program does when a pool calls it, the next time a block is allocated.
    pub(crate) program: Option<Box<dyn FnOnce() + Send>>,
}

// SAFETY: the addresses in it are of memory that only the books' owner uses, behind a mutex.
unsafe impl Send for Books {}

impl Books {
    /// Everything that was allocated and not freed: pools, live blocks, tasks, semaphores.
    pub(crate) fn outstanding(&self) -> [usize; 4] {
        let in_use = self.pools.values().map(|pool| pool.taken.iter().filter(|taken| **taken).count()).sum();
        [self.pools.len(), in_use, self.tasks.len(), self.semaphores.len()]
    }

    pub(crate) fn task_of(&self, id: u32) -> Option<Task> {
        self.tasks.values().find(|task| driver_id(task.driver) == id).map(|task| task.state)
    }

    pub(crate) fn driver_of(&self, id: u32) -> *const Driver {
        let task = self.tasks.values().find(|task| driver_id(task.driver) == id).expect("it runs");
        std::ptr::with_exposed_provenance(task.driver)
    }

    fn fails(&mut self, call: &'static str) -> bool {
        self.calls.push(call);
        match &mut self.fail_in {
            Some(0) => {
                self.fail_in = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// A pool may call the program, which may call the system layer: the calling thread does not hold its lock.
    fn may_call_the_program(&self) {
        assert_ne!(self.locked, Some(std::thread::current().id()), "a pool was used with the lock held");
    }

    fn next_number(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    /// What lies in this memory must not be used any more.
    fn is_unused(&self, memory: std::ops::Range<usize>) {
        let overlaps = |other: &std::ops::Range<usize>| other.start < memory.end && memory.start < other.end;
        let used = self.tasks.values().any(|task| task.memory.iter().any(overlaps));
        assert!(!used, "memory of a task that has not stopped was given back");
        let used = self.semaphores.values().any(|at| memory.contains(at));
        assert!(!used, "memory of a semaphore was given back before its end");
        let noted = self.waiting.keys().any(|at| memory.contains(at));
        assert!(!noted, "a stack was given back that a queue still points to");
    }
}

fn driver_id(driver: usize) -> u32 {
    // SAFETY: the driver of a task that was not stopped, hence alive.
    unsafe { (*std::ptr::with_exposed_provenance::<Driver>(driver)).id }
}

#[derive(Clone, Default)]
pub(crate) struct Kernel(Arc<Mutex<Books>>);

impl Kernel {
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }
}

/// Sizes and alignments that no guess would hit.
const TASK: Layout = Layout::new::<[u64; 43]>();
const SEMAPHORE: Layout = match Layout::from_size_align(80, 32) {
    Ok(layout) => layout,
    Err(_) => panic!(),
};

// SAFETY: blocks are allocations of their own, each handed out once; tasks never run; the lock is a flag under a mutex.
unsafe impl Platform for Kernel {
    type Pool = usize;

    fn lock(&self) -> bool {
        loop {
            let mut books = self.books();
            if books.in_interrupt {
                return false;
            }
            if books.locked.is_none() {
                books.locked = Some(std::thread::current().id());
                return true;
            }
            drop(books);
            std::thread::yield_now();
        }
    }

    unsafe fn unlock(&self) {
        assert!(self.books().locked.take().is_some());
    }

    fn task_memory(&self) -> Layout {
        TASK
    }

    fn semaphore_memory(&self) -> Layout {
        SEMAPHORE
    }

    fn least_stack(&self) -> usize {
        500
    }

    fn make_pool(&self, config: &PoolConfig) -> Result<usize, Error> {
        let mut books = self.books();
        assert!(books.locked.is_some());
        let stride = config.block_size.checked_next_multiple_of(config.align).ok_or(Error::BadSize)?;
        let bytes =
            stride.checked_mul(config.blocks).filter(|bytes| *bytes <= 1 << 20).ok_or(Error::NoMemory)?;
        let layout = Layout::from_size_align(bytes, config.align).map_err(|_| Error::BadSize)?;
        if books.fails("make_pool") {
            return Err(Error::NoMemory);
        }
        // SAFETY: sizes of zero are refused before this is called.
        let start = NonNull::new(unsafe { alloc::alloc(layout) }).ok_or(Error::NoMemory)?;
        // SAFETY: allocated just now. Memory from a heap is not zero.
        unsafe { start.write_bytes(0xA5, bytes) };
        let number = books.next_number();
        books.pools.insert(number, Pool { start, layout, stride, taken: vec![false; config.blocks] });
        Ok(number)
    }

    unsafe fn end_pool(&self, pool: usize) {
        let pool = self.books().pools.remove(&pool).expect("it was made");
        assert!(!pool.taken.contains(&true), "a pool was ended with blocks in use");
        // SAFETY: allocated in `make_pool` with this layout.
        unsafe { alloc::dealloc(pool.start.as_ptr(), pool.layout) };
    }

    fn take(&self, pool: usize) -> Option<NonNull<u8>> {
        let program = self.books().program.take();
        if let Some(program) = program {
            program();
        }
        let mut books = self.books();
        books.may_call_the_program();
        if books.fails("take") {
            return None;
        }
        let pool = books.pools.get_mut(&pool).expect("it was made");
        let index = pool.taken.iter().position(|taken| !taken)?;
        pool.taken[index] = true;
        // SAFETY: inside the pool's memory.
        Some(unsafe { pool.start.add(index * pool.stride) })
    }

    unsafe fn give(&self, pool: usize, block: NonNull<u8>) {
        let mut books = self.books();
        books.may_call_the_program();
        books.calls.push("give");
        let stride = books.pools[&pool].stride;
        let start = block.addr().get();
        books.is_unused(start..start + stride);
        let pool = books.pools.get_mut(&pool).expect("it was made");
        let offset = start - pool.start.addr().get();
        assert!(offset.is_multiple_of(stride), "an interior pointer was given back");
        assert!(std::mem::replace(&mut pool.taken[offset / stride], false), "a block was given back twice");
        // SAFETY: a free block of the pool. A later read finds this pattern.
        unsafe { block.write_bytes(0x5A, stride) };
    }

    unsafe fn make_semaphore(&self, memory: NonNull<u8>) -> Option<NonNull<c_void>> {
        let mut books = self.books();
        assert!(memory.addr().get().is_multiple_of(SEMAPHORE.align()), "a semaphore is not aligned");
        if books.fails("make_semaphore") {
            return None;
        }
        // SAFETY: the memory is the semaphore's.
        unsafe { memory.write_bytes(0xBB, SEMAPHORE.size()) };
        let number = books.next_number();
        books.semaphores.insert(number, memory.addr().get());
        NonNull::new(without_provenance_mut(number))
    }

    unsafe fn end_semaphore(&self, semaphore: NonNull<c_void>) {
        self.books().semaphores.remove(&semaphore.addr().get()).expect("a semaphore was ended twice");
    }

    unsafe fn start(&self, config: &TaskConfig) -> Option<NonNull<c_void>> {
        let mut books = self.books();
        let [stack, memory] = [config.stack, config.memory].map(|part| part.addr().get());
        assert!(stack.is_multiple_of(STACK_ALIGN) && config.stack_bytes.is_multiple_of(STACK_ALIGN));
        assert!(memory.is_multiple_of(TASK.align()), "memory of a task is not aligned");
        // SAFETY: a C string, as long as the task lives.
        assert!(!unsafe { CStr::from_ptr(config.name) }.is_empty());
        if books.fails("start") {
            return None;
        }
        // SAFETY: stack and memory are the task's: it uses all of them.
        unsafe {
            config.stack.write_bytes(0xCC, config.stack_bytes);
            config.memory.write_bytes(0xDD, TASK.size());
        }
        let memory = [stack..stack + config.stack_bytes, memory..memory + TASK.size()];
        let driver = config.driver.expose_provenance();
        let number = books.next_number();
        books.tasks.insert(number, Started { state: Task::Running, memory, driver });
        // Each waits for a block from the first moment on.
        books.waiting.insert(stack + 16, number);
        NonNull::new(without_provenance_mut(number))
    }

    unsafe fn stop(&self, task: NonNull<c_void>) -> bool {
        let mut books = self.books();
        let id = driver_id(books.tasks.get(&task.addr().get()).expect("a task was stopped twice").driver);
        if books.stubborn.contains(&id) || books.fails("stop") {
            return false;
        }
        books.tasks.remove(&task.addr().get());
        true
    }

    fn forget(&self, task: NonNull<c_void>) -> bool {
        let mut books = self.books();
        assert!(!books.tasks.contains_key(&task.addr().get()), "a task that may still run was forgotten");
        if books.fails("forget") {
            return false;
        }
        books.waiting.retain(|_, waits| *waits != task.addr().get());
        true
    }

    unsafe fn pause(&self, task: NonNull<c_void>) {
        self.books().tasks.get_mut(&task.addr().get()).expect("it runs").state = Task::Paused;
    }

    unsafe fn resume(&self, task: NonNull<c_void>) {
        self.books().tasks.get_mut(&task.addr().get()).expect("it runs").state = Task::Running;
    }

    fn is_current(&self, task: NonNull<c_void>) -> bool {
        let books = self.books();
        let driver = books.tasks.get(&task.addr().get()).expect("it runs").driver;
        books.current == Some(driver_id(driver))
    }
}
