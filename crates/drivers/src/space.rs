//! The system memory space: its parts, made one by one or all together, and its settings.

use core::cell::UnsafeCell;
use core::ptr::null_mut;

use crate::error::Error;
use crate::node::{Node, Plan, STACK_ALIGN};
use crate::platform::{Platform, PoolConfig};

/// Settings of the system memory space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Drivers that there can be at one time: so many nodes and stacks are made.
    pub max_drivers: usize,
    /// Bytes of each driver's buffer.
    pub buffer_size: usize,
    /// Bytes of a driver's data, kept for the drivers to read: nothing of that size is made.
    pub data_size: usize,
    /// Bytes of each task's stack, rounded up to [`STACK_ALIGN`] when it is made.
    pub stack_size: usize,
}

impl Settings {
    /// What is used unless something else was said.
    pub const DEFAULT: Self = Self { max_drivers: 4, buffer_size: 128, data_size: 256, stack_size: 2048 };
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The system memory space: settings, a pool of driver nodes, a pool of task stacks, and the list of drivers.
///
/// ```text
///   Space::new                    static, nothing made
///      | init_space               settings are checked and fixed
///      | init_driver_list         pool "drivers": node, task and semaphore of the kernel, buffer    any order
///      | init_task_stacks         pool "stacks": aligned to 16 bytes                               /
///      v
///   add, find, pause, resume, remove ...
///      | end                      every task is stopped, then everything is given back
/// ```
///
/// * Cost: as each function says; there is one lock, the platform's, which is a mutex of tasks, so that interrupts stay
///   on in all of this.
/// * Context: tasks. From an interrupt everything is [`Error::NoLock`].
pub struct Space<P: Platform> {
    pub(crate) platform: P,
    state: UnsafeCell<State<P>>,
}

// SAFETY: the state is touched with the platform's lock held only; the drivers it points to are in the platform's pools.
unsafe impl<P: Platform + Sync> Sync for Space<P> {}

pub(crate) struct State<P: Platform> {
    /// `init_space` was called.
    opened: bool,
    settings: Settings,
    pub(crate) nodes: Option<(P::Pool, Plan)>,
    pub(crate) stacks: Option<P::Pool>,
    /// Drivers by age.
    pub(crate) first: *mut Node,
    pub(crate) last_id: u32,
    /// Calls that have blocks of the pools with the lock released.
    pub(crate) busy: usize,
}

impl<P: Platform> State<P> {
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl<P: Platform> Space<P> {
    /// Nothing is made yet. O(1), for statics.
    pub const fn new(platform: P) -> Self {
        let state = State {
            opened: false,
            settings: Settings::DEFAULT,
            nodes: None,
            stacks: None,
            first: null_mut(),
            last_id: 0,
            busy: 0,
        };
        Self { platform, state: UnsafeCell::new(state) }
    }

    /// Replaces the settings, before any part is made. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::BadSize`] for settings that no space can have, [`Error::InUse`] once a part is made.
    pub fn configure(&self, settings: Settings) -> Result<(), Error> {
        self.locked(|state, platform| {
            check(&settings, platform)?;
            if state.opened || state.nodes.is_some() || state.stacks.is_some() {
                return Err(Error::InUse);
            }
            state.settings = settings;
            Ok(())
        })
    }

    /// The settings, with the sizes that the parts were made with. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::NoLock`].
    pub fn settings(&self) -> Result<Settings, Error> {
        self.locked(|state, _| Ok(state.settings))
    }

    /// Opens the space: from now on its settings are fixed. The parts may have been made before. O(1).
    ///
    /// # Errors
    ///
    /// [`Error::MadeBefore`].
    pub fn init_space(&self) -> Result<(), Error> {
        self.locked(|state, platform| state.open(platform))
    }

    /// Makes the pool of driver nodes, each with a buffer. O(drivers).
    ///
    /// # Errors
    ///
    /// [`Error::MadeBefore`], [`Error::BadSize`], [`Error::NoMemory`].
    pub fn init_driver_list(&self, buffer_size: usize, data_size: usize) -> Result<(), Error> {
        self.locked(|state, platform| state.make_nodes(platform, buffer_size, data_size))
    }

    /// Makes the pool of task stacks. O(drivers).
    ///
    /// # Errors
    ///
    /// [`Error::MadeBefore`], [`Error::BadSize`], [`Error::NoMemory`].
    pub fn init_task_stacks(&self, size: usize) -> Result<(), Error> {
        self.locked(|state, platform| state.make_stacks(platform, size))
    }

    /// Opens the space and makes the parts that are missing, with the sizes of the settings: all of them, or none.
    /// O(drivers).
    ///
    /// # Errors
    ///
    /// As the functions above. What had been made before stays; what this made is given back.
    pub fn init(&self) -> Result<(), Error> {
        self.locked(|state, platform| {
            state.open(platform)?;
            let made = state.make_missing(platform);
            state.opened = made.is_ok();
            made
        })
    }

    /// Stops every driver and gives everything back. The settings stay. O(drivers), and what the tasks take to stop.
    ///
    /// # Errors
    ///
    /// [`Error::OwnTask`] from a driver's task: nothing is done. [`Error::StillRunning`] if a task did not stop, or if another
    /// task is adding or removing a driver at this moment: its driver stays, and with it the pools; all others are gone.
    pub fn end(&self) -> Result<(), Error> {
        self.remove_all()?;
        self.locked(|state, platform| {
            if !state.first.is_null() || state.busy > 0 {
                return Err(Error::StillRunning);
            }
            // SAFETY: no driver is left, so no block is in use.
            unsafe { state.give_back(platform) };
            Ok(())
        })
    }

    /// Runs `work` with the lock held.
    pub(crate) fn locked<R>(
        &self,
        work: impl FnOnce(&mut State<P>, &P) -> Result<R, Error>,
    ) -> Result<R, Error> {
        if !self.platform.lock() {
            return Err(Error::NoLock);
        }
        // SAFETY: with the lock held nothing else has a reference to the state.
        let result = work(unsafe { &mut *self.state.get() }, &self.platform);
        // SAFETY: taken above.
        unsafe { self.platform.unlock() };
        result
    }
}

impl<P: Platform> State<P> {
    fn open(&mut self, platform: &P) -> Result<(), Error> {
        if self.opened {
            return Err(Error::MadeBefore);
        }
        check(&self.settings, platform)?;
        self.opened = true;
        Ok(())
    }

    fn make_nodes(&mut self, platform: &P, buffer_size: usize, data_size: usize) -> Result<(), Error> {
        if self.nodes.is_some() {
            return Err(Error::MadeBefore);
        }
        let plan = Plan::new(platform, buffer_size)?;
        let config = PoolConfig {
            name: c"drivers",
            block_size: plan.layout.size(),
            align: plan.layout.align(),
            blocks: self.settings.max_drivers,
        };
        self.nodes = Some((platform.make_pool(&config)?, plan));
        (self.settings.buffer_size, self.settings.data_size) = (buffer_size, data_size);
        Ok(())
    }

    fn make_stacks(&mut self, platform: &P, size: usize) -> Result<(), Error> {
        if self.stacks.is_some() {
            return Err(Error::MadeBefore);
        }
        let block_size = stack_bytes(platform, size)?;
        let config =
            PoolConfig { name: c"stacks", block_size, align: STACK_ALIGN, blocks: self.settings.max_drivers };
        self.stacks = Some(platform.make_pool(&config)?);
        self.settings.stack_size = block_size;
        Ok(())
    }

    fn make_missing(&mut self, platform: &P) -> Result<(), Error> {
        let Settings { buffer_size, data_size, stack_size, .. } = self.settings;
        let fresh = self.nodes.is_none();
        if fresh {
            self.make_nodes(platform, buffer_size, data_size)?;
        }
        let stacks = if self.stacks.is_none() { self.make_stacks(platform, stack_size) } else { Ok(()) };
        if stacks.is_err()
            && fresh
            && let Some((pool, _)) = self.nodes.take()
        {
            // SAFETY: made above, and the lock was held since: no block of it is in use.
            unsafe { platform.end_pool(pool) };
        }
        stacks
    }

    /// Ends the pools.
    ///
    /// # Safety
    ///
    /// No block of them is in use.
    unsafe fn give_back(&mut self, platform: &P) {
        let nodes = self.nodes.take().map(|(pool, _)| pool);
        for pool in [self.stacks.take(), nodes].into_iter().flatten() {
            // SAFETY: made by `make_pool`, and unused as the caller promises.
            unsafe { platform.end_pool(pool) };
        }
        self.opened = false;
    }
}

/// Settings that a space can have. What the memory can bear only shows when it is made.
fn check(settings: &Settings, platform: &impl Platform) -> Result<(), Error> {
    if settings.max_drivers == 0 {
        return Err(Error::BadSize);
    }
    Plan::new(platform, settings.buffer_size)?;
    stack_bytes(platform, settings.stack_size).map(|_| ())
}

fn stack_bytes(platform: &impl Platform, size: usize) -> Result<usize, Error> {
    match size.checked_next_multiple_of(STACK_ALIGN) {
        Some(rounded) if size > 0 && rounded >= platform.least_stack() => Ok(rounded),
        _ => Err(Error::BadSize),
    }
}
