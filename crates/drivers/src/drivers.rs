//! The list of drivers: add, find, go through, pause, resume, remove.

use core::ffi::{c_char, c_void};
use core::ptr::{NonNull, null_mut};

use crate::driver::{Driver, DriverInfo, DriverState, NAME_BYTES};
use crate::error::Error;
use crate::node::{Node, is_named, name_from};
use crate::platform::{Entry, Platform, TaskConfig};
use crate::space::{Space, State};

/// The configuration of a new driver.
#[derive(Clone, Copy, Debug)]
pub struct DriverConfig<'n> {
    /// At most 15 bytes, unlike every other driver's; empty: `driver-ID`.
    pub name: &'n [u8],
    /// What its task runs.
    pub entry: Entry,
    /// Handed to it in [`Driver::argument`].
    pub argument: *mut c_void,
    /// The kernel's number.
    pub priority: u32,
    /// The core it shall run on; negative: any.
    pub core: i32,
}

impl<P: Platform> Space<P> {
    /// Adds a driver and starts its task. O(drivers + buffer), and what the kernel takes.
    ///
    /// Its number is not that of any driver before.
    ///
    /// # Errors
    ///
    /// [`Error::NotMade`], [`Error::Full`], [`Error::BadName`], [`Error::NameTaken`], [`Error::Kernel`]; everything
    /// taken until then is given back.
    ///
    /// # Safety
    ///
    /// `entry` may be run with the driver by another task, until the driver was removed.
    pub unsafe fn add(&self, config: &DriverConfig<'_>) -> Result<u32, Error> {
        let ((nodes, stacks), caller) =
            self.locked(|state, platform| Ok((state.pools_for(config)?, state.begin(platform))))?;
        let _busy = Busy { space: self, caller };
        let node = Taken::from(&self.platform, nodes)?;
        let stack = Taken::from(&self.platform, stacks)?;
        // SAFETY: as the caller promises; the blocks are of the two pools, which do not end while `busy`.
        let id =
            self.locked(|state, platform| unsafe { state.add(platform, config, node.block, stack.block) })?;
        node.keep();
        stack.keep();
        Ok(id)
    }

    /// The number of the driver of this name. O(drivers).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDriver`].
    pub fn find(&self, name: &[u8]) -> Result<u32, Error> {
        self.locked(|state, _| {
            let named = |driver: &Driver| is_named(&driver.name, name);
            state.position(named).map(|node| node.id()).ok_or(Error::NoSuchDriver)
        })
    }

    /// The first driver that was added after the one of number `after`, which need not exist any more; after 0, the
    /// first of all. O(drivers). So a walk over the list needs no lock, and misses no driver that is there throughout.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDriver`] at the end.
    pub fn next(&self, after: u32) -> Result<DriverInfo, Error> {
        self.locked(|state, _| {
            state.position(|driver| driver.id > after).map(|node| node.info()).ok_or(Error::NoSuchDriver)
        })
    }

    /// A snapshot of driver `id`. O(drivers).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDriver`].
    pub fn driver(&self, id: u32) -> Result<DriverInfo, Error> {
        self.locked(|state, _| state.driver(id).map(|node| node.info()))
    }

    /// Lets the task of driver `id` not run until it is resumed. O(drivers).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDriver`]; [`Error::OwnTask`]; [`Error::StillRunning`] if it is being removed, or its task is inside of
    /// [`add`](Self::add) or [`remove`](Self::remove).
    pub fn pause(&self, id: u32) -> Result<(), Error> {
        self.locked(|state, platform| {
            state.turn(platform, id, DriverState::Paused, |task| {
                // SAFETY: the task of a driver in the list, not the caller's.
                unsafe { platform.pause(task) }
            })
        })
    }

    /// Lets the task of driver `id` run again. O(drivers).
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDriver`]; [`Error::StillRunning`] if it is being removed.
    pub fn resume(&self, id: u32) -> Result<(), Error> {
        self.locked(|state, platform| {
            state.turn(platform, id, DriverState::Running, |task| {
                // SAFETY: the task of a driver in the list.
                unsafe { platform.resume(task) }
            })
        })
    }

    /// Stops the task of driver `id`, then gives node and stack back. O(drivers), and what the task takes to stop.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchDriver`]; [`Error::OwnTask`]; [`Error::StillRunning`]: it stays in the list, in state
    /// [`DriverState::Stopping`], with all its memory, and can be removed later. A task that is inside of [`add`](Self::add) or
    /// `remove` itself is not stopped at all.
    pub fn remove(&self, id: u32) -> Result<(), Error> {
        self.locked(|state, platform| state.remove(platform, id)).map(|removed| self.give_back(removed))
    }

    /// Stops the tasks of all drivers, then gives their memory back. O(drivers), and what the tasks take to stop.
    ///
    /// # Errors
    ///
    /// [`Error::OwnTask`]: nothing is done. [`Error::StillRunning`]: those that did not stop stay, the others are gone.
    pub fn remove_all(&self) -> Result<(), Error> {
        let (removed, stuck) = self.locked(State::remove_all)?;
        if let Some(removed) = removed {
            self.give_back(removed);
        }
        if stuck { Err(Error::StillRunning) } else { Ok(()) }
    }

    /// Returns the blocks of drivers that are off the list, with the lock released.
    fn give_back(&self, removed: Removed<P>) {
        let _busy = Busy { space: self, caller: removed.caller };
        let mut at = removed.first;
        while let Some(node) = NonNull::new(at) {
            // SAFETY: off the list, and its task has stopped: the node is this call's until it is returned.
            unsafe {
                let stack = (*node.as_ptr()).stack;
                at = (*node.as_ptr()).next;
                self.platform.give(removed.stacks, stack);
                self.platform.give(removed.nodes, node.cast());
            }
        }
    }
}

/// A call that has blocks with the lock released. While it is there their pools do not end, and a driver's task that makes the call is
/// neither stopped nor paused: [`State::begin`].
struct Busy<'s, P: Platform> {
    space: &'s Space<P>,
    caller: *mut Node,
}

impl<P: Platform> Drop for Busy<'_, P> {
    fn drop(&mut self) {
        // A call that could lock before can lock again.
        let _counted = self.space.locked(|state, _| {
            state.busy -= 1;
            if let Some(caller) = NonNull::new(self.caller) {
                // SAFETY: a node of the list, where it stays while this is counted.
                unsafe { (*caller.as_ptr()).busy -= 1 };
            }
            Ok(())
        });
    }
}

/// A block that goes back to its pool unless it is kept.
struct Taken<'p, P: Platform> {
    platform: &'p P,
    pool: P::Pool,
    block: NonNull<u8>,
}

impl<'p, P: Platform> Taken<'p, P> {
    fn from(platform: &'p P, pool: P::Pool) -> Result<Self, Error> {
        let block = platform.take(pool).ok_or(Error::Full)?;
        Ok(Self { platform, pool, block })
    }

    fn keep(self) {
        core::mem::forget(self);
    }
}

impl<P: Platform> Drop for Taken<'_, P> {
    fn drop(&mut self) {
        // SAFETY: allocated from this pool, and not kept.
        unsafe { self.platform.give(self.pool, self.block) };
    }
}

/// Drivers that are off the list, linked by their nodes, and the pools that their blocks go back to. It has [begun](State::begin).
pub(crate) struct Removed<P: Platform> {
    first: *mut Node,
    caller: *mut Node,
    nodes: P::Pool,
    stacks: P::Pool,
}

/// A driver of the list, which the caller of `position` has locked.
struct Position {
    node: NonNull<Node>,
}

impl Position {
    fn field<T: Copy>(&self, field: impl FnOnce(*mut Node) -> *mut T) -> T {
        // SAFETY: a node of the list, which the caller of `position` has locked.
        unsafe { field(self.node.as_ptr()).read() }
    }

    fn id(&self) -> u32 {
        // SAFETY: only the address of a field is taken.
        self.field(|node| unsafe { &raw mut (*node).driver.id })
    }

    fn state(&self) -> DriverState {
        // SAFETY: as above.
        self.field(|node| unsafe { &raw mut (*node).state })
    }

    /// The task, unless nothing of it is left.
    fn task(&self) -> Option<NonNull<c_void>> {
        // SAFETY: as above.
        NonNull::new(self.field(|node| unsafe { &raw mut (*node).task }))
    }

    /// Whether the task will not run again.
    fn has_stopped(&self) -> bool {
        // SAFETY: as above.
        self.field(|node| unsafe { &raw mut (*node).stopped })
    }

    /// Whether the task is inside of a call of this layer, with blocks that it has to return or to enter.
    fn is_busy(&self) -> bool {
        // SAFETY: as above.
        self.field(|node| unsafe { &raw mut (*node).busy }) > 0
    }

    /// Whether it is the driver's task that asks.
    fn is_current(&self, platform: &impl Platform) -> bool {
        !self.has_stopped() && self.task().is_some_and(|task| platform.is_current(task))
    }

    fn info(&self) -> DriverInfo {
        // SAFETY: as above.
        let name = self.field(|node| unsafe { &raw mut (*node).driver.name });
        DriverInfo { id: self.id(), name, state: self.state() }
    }

    fn set_state(&self, state: DriverState) {
        // SAFETY: a node of the locked list; the driver's task does not look at this field.
        unsafe { (*self.node.as_ptr()).state = state };
    }
}

impl<P: Platform> State<P> {
    /// The first driver of which `wanted` says so.
    fn position(&self, wanted: impl Fn(&Driver) -> bool) -> Option<Position> {
        let mut at = self.first;
        while let Some(node) = NonNull::new(at) {
            // SAFETY: a node of the locked list; nothing writes to its driver while it lives.
            if wanted(unsafe { &(*node.as_ptr()).driver }) {
                return Some(Position { node });
            }
            // SAFETY: as above.
            at = unsafe { (*node.as_ptr()).next };
        }
        None
    }

    fn driver(&self, id: u32) -> Result<Position, Error> {
        self.position(|driver| driver.id == id).ok_or(Error::NoSuchDriver)
    }

    /// Counts a call that will have blocks with the lock released: of the driver whose task it is, or null.
    fn begin(&mut self, platform: &P) -> *mut Node {
        self.busy += 1;
        let mut after = 0;
        while let Some(position) = self.position(|driver| driver.id > after) {
            after = position.id();
            if position.is_current(platform) {
                // SAFETY: a node of the locked list.
                unsafe { (*position.node.as_ptr()).busy += 1 };
                return position.node.as_ptr();
            }
        }
        null_mut()
    }

    /// The pools for a driver that is wanted, if it can be.
    fn pools_for(&self, config: &DriverConfig<'_>) -> Result<(P::Pool, P::Pool), Error> {
        let (Some((nodes, _)), Some(stacks)) = (self.nodes, self.stacks) else {
            return Err(Error::NotMade);
        };
        self.name_for(config)?;
        Ok((nodes, stacks))
    }

    /// The next number, and the driver's name, which no other driver has.
    fn name_for(&self, config: &DriverConfig<'_>) -> Result<(u32, [c_char; NAME_BYTES]), Error> {
        // The numbers end after 2^32 drivers: one that came back would be taken for another driver's.
        let id = self.last_id.checked_add(1).ok_or(Error::Full)?;
        let name = name_from(config.name, id)?;
        if self.position(|driver| driver.name == name).is_some() {
            return Err(Error::NameTaken);
        }
        Ok((id, name))
    }

    /// Enters a driver in blocks that were taken for it, and starts its task.
    ///
    /// # Safety
    ///
    /// As [`Space::add`]; the blocks are of the pools of [`pools_for`](Self::pools_for), and the driver's if this succeeds.
    unsafe fn add(
        &mut self,
        platform: &P,
        config: &DriverConfig<'_>,
        block: NonNull<u8>,
        stack: NonNull<u8>,
    ) -> Result<u32, Error> {
        let Some((_, plan)) = self.nodes else { return Err(Error::NotMade) };
        // Once more: the lock was released.
        let (id, name) = self.name_for(config)?;
        // SAFETY: the block is a plan's size, and these are offsets of the plan.
        let [task_memory, semaphore_memory, buffer] =
            [plan.task, plan.semaphore, plan.buffer].map(|offset| unsafe { block.add(offset) });
        // SAFETY: a part of the block made for it, until the node is given back.
        let semaphore = unsafe { platform.make_semaphore(semaphore_memory) }.ok_or(Error::Kernel)?;

        let node = block.cast::<Node>();
        // SAFETY: the last part of the block, and so large. Nothing of the driver before is shown to this one.
        unsafe { buffer.write_bytes(0, plan.buffer_size) };
        let driver = Driver {
            id,
            name,
            argument: config.argument,
            buffer: buffer.as_ptr().cast(),
            buffer_size: plan.buffer_size,
            semaphore: semaphore.as_ptr(),
        };
        // SAFETY: the first part of the block.
        unsafe {
            node.write(Node {
                driver,
                next: null_mut(),
                task: null_mut(),
                stopped: false,
                busy: 0,
                stack,
                state: DriverState::Running,
            })
        };
        // SAFETY: only addresses of fields are taken.
        let (name, driver) =
            unsafe { (&raw const (*node.as_ptr()).driver.name, &raw mut (*node.as_ptr()).driver) };
        let task = TaskConfig {
            name: name.cast(),
            entry: config.entry,
            driver,
            priority: config.priority,
            core: config.core,
            stack,
            stack_bytes: self.settings().stack_size,
            memory: task_memory,
        };
        // SAFETY: node and stack are the task's until `release`, which comes after it was stopped.
        let Some(task) = (unsafe { platform.start(&task) }) else {
            // SAFETY: just made; no task has it.
            unsafe { platform.end_semaphore(semaphore) };
            return Err(Error::Kernel);
        };
        // SAFETY: the node is complete; the task does not look at this field.
        unsafe { (*node.as_ptr()).task = task.as_ptr() };
        self.append(node);
        self.last_id = id;
        Ok(id)
    }

    fn append(&mut self, node: NonNull<Node>) {
        // SAFETY: a slot of the locked list: its end.
        unsafe { *self.slot_of(null_mut()) = node.as_ptr() };
    }

    /// The slot of the list that points to `node`, or the one at the end. Good until the list is used otherwise.
    fn slot_of(&mut self, node: *mut Node) -> *mut *mut Node {
        let mut slot: *mut *mut Node = &mut self.first;
        // SAFETY: slots and nodes of the locked list, to its end.
        unsafe {
            while !(*slot).is_null() && *slot != node {
                slot = &raw mut (**slot).next;
            }
        }
        slot
    }

    fn turn(
        &mut self,
        platform: &P,
        id: u32,
        state: DriverState,
        how: impl FnOnce(NonNull<c_void>),
    ) -> Result<(), Error> {
        let position = self.driver(id)?;
        let task = position.task().ok_or(Error::StillRunning)?;
        match position.state() {
            DriverState::Stopping => return Err(Error::StillRunning),
            _ if position.is_current(platform) => return Err(Error::OwnTask),
            _ if state == DriverState::Paused && position.is_busy() => return Err(Error::StillRunning),
            _ => how(task),
        }
        position.set_state(state);
        Ok(())
    }

    fn remove(&mut self, platform: &P, id: u32) -> Result<Removed<P>, Error> {
        let position = self.driver(id)?;
        if position.is_current(platform) {
            return Err(Error::OwnTask);
        }
        if !stop(platform, &position) {
            return Err(Error::StillRunning);
        }
        let mut removed = self.nothing_removed(platform).ok_or(Error::NotMade)?;
        // SAFETY: its task has stopped.
        unsafe { self.release(platform, &position, &mut removed) };
        Ok(removed)
    }

    /// First every task, so that none sees a part of the others gone; then the memory. Also whether a task did not stop.
    pub(crate) fn remove_all(&mut self, platform: &P) -> Result<(Option<Removed<P>>, bool), Error> {
        let mut after = 0;
        while let Some(position) = self.position(|driver| driver.id > after) {
            after = position.id();
            if position.is_current(platform) {
                return Err(Error::OwnTask);
            }
        }
        let (mut after, mut stuck) = (0, false);
        while let Some(position) = self.position(|driver| driver.id > after) {
            after = position.id();
            stuck |= !stop(platform, &position);
        }
        // Without pools there is no driver.
        let Some(mut removed) = self.nothing_removed(platform) else { return Ok((None, false)) };
        let mut after = 0;
        while let Some(position) = self.position(|driver| driver.id > after) {
            after = position.id();
            if position.task().is_none() {
                // SAFETY: its task has stopped.
                unsafe { self.release(platform, &position, &mut removed) };
            }
        }
        Ok((Some(removed), stuck))
    }

    /// Begins a call that removes drivers, none so far.
    fn nothing_removed(&mut self, platform: &P) -> Option<Removed<P>> {
        let ((nodes, _), stacks) = (self.nodes?, self.stacks?);
        Some(Removed { first: null_mut(), caller: self.begin(platform), nodes, stacks })
    }

    /// Takes a driver off the list, and its semaphore from the kernel; its blocks are among those removed.
    ///
    /// # Safety
    ///
    /// Its task has stopped.
    unsafe fn release(&mut self, platform: &P, position: &Position, removed: &mut Removed<P>) {
        let node = position.node;
        // SAFETY: a node of the locked list; what it owns was made for it and nothing uses it, since its task
        // has stopped.
        unsafe {
            *self.slot_of(node.as_ptr()) = (*node.as_ptr()).next;
            if let Some(semaphore) = NonNull::new((*node.as_ptr()).driver.semaphore) {
                platform.end_semaphore(semaphore);
            }
            (*node.as_ptr()).next = removed.first;
        }
        removed.first = node.as_ptr();
    }
}

/// Whether the task of a driver has stopped, and no queue refers to its stack any more. The caller is another task.
fn stop<P: Platform>(platform: &P, position: &Position) -> bool {
    let Some(task) = position.task() else { return true };
    if position.is_busy() {
        return false;
    }
    position.set_state(DriverState::Stopping);
    // SAFETY: started for this driver, not stopped yet, and not the caller's.
    let stopped = position.has_stopped() || unsafe { platform.stop(task) };
    let gone = stopped && platform.forget(task);
    // SAFETY: a node of the locked list; the driver's task looked at neither field.
    unsafe {
        (*position.node.as_ptr()).stopped = stopped;
        if gone {
            (*position.node.as_ptr()).task = null_mut();
        }
    }
    gone
}
