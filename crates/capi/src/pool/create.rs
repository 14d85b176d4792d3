//! Making and ending pools. Every step that fails gives back what the steps before it took.

use core::ffi::{CStr, c_char};
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::{
    AllocationMap, Counters, FreeList, Geometry, RawLock, WaitOrder, WaitQueue, WaitablePool,
};

use crate::diagnostics::{self as watch, Watch};
use crate::pool::control::{Control, ControlMap, lock};
use crate::pool::overlap::{OF_SET, Range};
use crate::pool::placement::{self, Terms};
use crate::pool::refusal::{self, Refusal};
use crate::pool::registry::{self, Reservation, Wanted};
use crate::types::*;
use crate::wait::{self, Place};
use microusc_port::{self as port, PortLock};

/// What the control block is asked for with: it needs locks and bytes, which only internal data RAM has.
const CONTROL_CAPS: u32 = MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT;

/// Memory that is given back unless somebody keeps it.
pub(crate) struct Allocation(NonNull<u8>);

impl Allocation {
    fn new(bytes: usize, align: usize, caps: u32) -> Result<Self, Refusal> {
        NonNull::new(port::allocate(bytes, align, caps)).map(Self).ok_or_else(|| ESP_ERR_NO_MEM.into())
    }

    /// Memory for what locks, interrupts and single bytes touch.
    pub(crate) fn for_control(bytes: usize, align: usize) -> Result<Self, Refusal> {
        let memory = Self::new(bytes, align, CONTROL_CAPS)?;
        if !placement::fits_control(memory.0.as_ptr(), bytes) {
            return Err(MEMORY_POOL_ERR_WRONG_MEMORY.into());
        }
        Ok(memory)
    }

    pub(crate) fn keep(self) -> *mut u8 {
        core::mem::ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Drop for Allocation {
    fn drop(&mut self) {
        // SAFETY: allocated in `new`, and kept by nobody.
        unsafe { port::release(self.0.as_ptr()) };
    }
}

/// Where a pool's struct and control block shall be.
pub(crate) enum Home {
    /// The caller has the struct; the control block comes from the heap.
    Caller(*mut memory_pool_t),
    /// The same of a class of the set at this address, which has reserved its struct as a whole.
    Class(*mut memory_pool_t, *const ()),
    /// Both come from the heap, together.
    Heap,
}

/// Makes a pool with storage from the heap, and returns its struct. O(num_blocks).
///
/// # Safety
///
/// A struct of the caller's may be written to, and lives as long as the pool. The name is null or a C string.
pub(crate) unsafe fn create(
    home: Home,
    config: &memory_pool_config_t,
) -> Result<*mut memory_pool_t, Refusal> {
    // SAFETY: as the caller promises.
    unsafe { create_aligned(home, config, 1) }
}

/// The same, with each block aligned to `align` bytes at least.
///
/// # Safety
///
/// As [`create`].
pub(crate) unsafe fn create_aligned(
    home: Home,
    config: &memory_pool_config_t,
    align: usize,
) -> Result<*mut memory_pool_t, Refusal> {
    let mut terms = placement::terms(config.placement, config.flags)?;
    terms.align = terms.align.max(align);
    let geometry = Geometry::new(config.block_size, terms.align, config.num_blocks)?;
    let (pool, inside, flag) = match home {
        // SAFETY: as the caller promises.
        Home::Heap => return unsafe { create_in_heap(None, config, &terms, geometry) },
        Home::Caller(pool) => (pool, null(), 0),
        // From the first moment: another task finds a class before the set is complete.
        Home::Class(pool, set) => (pool, set, OF_SET),
    };
    let config = &memory_pool_config_t { flags: config.flags | flag, ..*config };
    let wanted = Wanted {
        place: pool.cast_const().cast(),
        place_bytes: size_of::<memory_pool_t>(),
        memory: Range::EMPTY,
        inside,
    };
    // SAFETY: as the caller promises.
    registry::reserve(&wanted, || unsafe { create_in_heap(Some(pool), config, &terms, geometry) })
}

/// With a struct of the caller's, which is reserved, or one of the heap's.
///
/// # Safety
///
/// As [`create`].
unsafe fn create_in_heap(
    pool: Option<*mut memory_pool_t>,
    config: &memory_pool_config_t,
    terms: &Terms,
    geometry: Geometry,
) -> Result<*mut memory_pool_t, Refusal> {
    let head = if pool.is_none() { size_of::<memory_pool_t>() } else { 0 };
    let bytes = head + size_of::<Control>() + geometry.capacity();
    let memory = Allocation::for_control(bytes, align_of::<Control>())?;
    let storage = storage(terms, &geometry)?;

    let pool = pool.unwrap_or(memory.0.as_ptr().cast());
    // SAFETY: inside the allocation, behind the struct if that is there.
    let control: NonNull<Control> = unsafe { memory.0.add(head) }.cast();
    let parts = Parts { pool, control, base: storage.0.as_ptr(), geometry };
    // SAFETY: the memory is ours, large and aligned enough; the name is as the caller promises.
    unsafe { parts.assemble(config) };
    // SAFETY: just written.
    unsafe {
        (*control.as_ptr()).own_memory = memory.0.as_ptr();
        (*control.as_ptr()).own_storage = storage.0.as_ptr();
    }
    // SAFETY: complete.
    unsafe { parts.publish() }?;
    memory.keep();
    storage.keep();
    Ok(pool)
}

fn storage(terms: &Terms, geometry: &Geometry) -> Result<Allocation, Refusal> {
    let storage = Allocation::new(geometry.bytes(), terms.align, terms.caps)?;
    if terms.fits(storage.0.as_ptr(), geometry.bytes()) {
        Ok(storage)
    } else {
        Err(MEMORY_POOL_ERR_WRONG_MEMORY.into())
    }
}

/// Makes a pool in `buffer`, control block first. O(num_blocks).
///
/// # Safety
///
/// Struct and buffer may be written to and live as long as the pool.
pub(crate) unsafe fn create_static(
    pool: *mut memory_pool_t,
    (buffer, buffer_size): (*mut u8, usize),
    config: &memory_pool_config_t,
) -> Result<(), Refusal> {
    let geometry = Geometry::new(config.block_size, size_of::<usize>(), config.num_blocks)?;
    let word = align_of::<Control>();
    let padding = buffer.addr().wrapping_neg() & (word - 1);
    // The marks directly behind the control block; the blocks aligned behind the marks.
    let blocks = (size_of::<Control>() + geometry.capacity()).next_multiple_of(word);
    let needed = geometry.bytes().checked_add(padding + blocks).ok_or(refusal::TOO_LARGE)?;
    if needed > buffer_size {
        return Err(refusal::BUFFER_TOO_SMALL);
    }
    if !placement::fits_control(buffer, buffer_size) {
        return Err(MEMORY_POOL_ERR_WRONG_MEMORY.into());
    }
    // SAFETY: the buffer is at least `needed` bytes long.
    let (control, base) = unsafe { (buffer.add(padding), buffer.add(padding + blocks)) };
    // SAFETY: inside a buffer, hence not null.
    let control = unsafe { NonNull::new_unchecked(control) }.cast();
    let parts = Parts { pool, control, base, geometry };
    let wanted = Wanted {
        place: pool.cast_const().cast(),
        place_bytes: size_of::<memory_pool_t>(),
        memory: Range::at(buffer.addr() + padding, needed - padding),
        inside: null(),
    };
    registry::reserve(&wanted, || {
        // SAFETY: the memory is the caller's to give, large and aligned enough, and no pool's; there is no name to read.
        unsafe { parts.assemble(config) };
        // SAFETY: complete.
        unsafe { parts.publish() }
    })
}

/// The pieces of a pool, placed but empty.
struct Parts {
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
    base: *mut u8,
    geometry: Geometry,
}

impl Parts {
    /// Writes the control block and the marks.
    ///
    /// # Safety
    ///
    /// The pieces are large and aligned enough and nobody else's; the name is null or a C string.
    unsafe fn assemble(&self, config: &memory_pool_config_t) {
        let control = Control {
            base: self.base,
            geometry: self.geometry,
            counters: Counters::NEW,
            lock: PortLock::INIT,
            queue: WaitQueue::new(WaitOrder::Priority),
            owner: self.pool,
            next: null_mut(),
            requested_size: config.block_size,
            placement: config.placement,
            flags: config.flags,
            // SAFETY: as the caller promises.
            name: unsafe { name_from(config.name) },
            watch: Watch::none(),
            own_memory: null_mut(),
            own_storage: null_mut(),
        };
        // SAFETY: as the caller promises.
        unsafe {
            self.control.write(control);
            self.control
                .add(1)
                .cast::<u8>()
                .write_bytes(microusc_pool::allocation_map::FREE, self.geometry.capacity());
        }
    }

    /// Threads the list, and enters the pool into the registry and into its struct.
    ///
    /// # Safety
    ///
    /// Assembled, with what it owns.
    unsafe fn publish(&self) -> Result<(), Refusal> {
        let mut fields = memory_pool_t {
            memory: self.base.cast(),
            block_size: self.geometry.stride(),
            num_blocks: self.geometry.capacity(),
            control: self.control.as_ptr(),
            ..memory_pool_t::ZEROED
        };
        // SAFETY: assembled; nobody else knows the pool yet.
        unsafe {
            let mut raw = FreeList::new(
                (&mut fields.memory_free, &mut fields.free_blocks),
                &mut (*self.control.as_ptr()).counters,
                self.base,
                &self.geometry,
                ControlMap::new(self.control.as_ptr().cast()),
            );
            raw.link_all();
        }
        // What new pools do is turned on before another task can find this one, and end it.
        if port::fills_free_blocks() {
            // SAFETY: complete, and nobody else's. An archive that cannot goes without.
            let _asked = unsafe { watch::set_checks(&mut fields, self.control, true) };
        }
        if watch::traces_new_pools() {
            // SAFETY: as above. An archive that cannot is never asked to.
            let _asked = unsafe { watch::set_trace(&mut fields, self.control, true) };
        }
        // SAFETY: complete, and the struct may be written to.
        if unsafe { registry::insert(self.control, fields) } { Ok(()) } else { Err(refusal::STILL_A_POOL) }
    }
}

/// Ends the pool in `pool`: off the registry, memory given back, a caller's struct zeroed. `None` if there is no pool
/// in it; the number of blocks that were in use otherwise, with the pool's name. O(pools).
///
/// A pool that tasks wait for, or whose blocks are just being returned, is left as it is, and so is one in whose blocks another
/// pool lies, or that is a class of a set; with `only_unused`, so is one with blocks in use. `look` is shown what is left if the pool ends: the fields of its
/// struct, its control block, and how many blocks are in use. It is off the registry then, so no other task has a part in it.
///
/// # Safety
///
/// Nobody uses the pool meanwhile or afterwards.
pub(crate) unsafe fn end(
    pool: *mut memory_pool_t,
    only_unused: bool,
    look: impl FnOnce(&mut memory_pool_t, NonNull<Control>, usize),
) -> Option<Ended> {
    let seen = if only_unused { in_use(pool) } else { 0 };
    let is_kept = |left: &mut Ended, control: NonNull<Control>| {
        // SAFETY: live, with the registry locked, with which flags change.
        left.of_set = unsafe { (*control.as_ptr()).flags } & OF_SET != 0;
        left.in_use = left.in_use.max(seen);
        left.refusal().is_some() || only_unused && left.in_use > 0
    };
    // SAFETY: as the caller promises.
    unsafe { end_unless(pool, is_kept, look) }
}

/// Ends a class of a set that could not be made.
///
/// # Safety
///
/// As [`end`]; this call makes the set.
pub(crate) unsafe fn end_class(pool: *mut memory_pool_t) {
    // SAFETY: as the caller promises.
    unsafe { end_unless(pool, |left, _| left.refusal().is_some(), |_, _, _| {}) };
}

/// # Safety
///
/// As [`end`].
unsafe fn end_unless(
    pool: *mut memory_pool_t,
    is_kept: impl FnOnce(&mut Ended, NonNull<Control>) -> bool,
    look: impl FnOnce(&mut memory_pool_t, NonNull<Control>, usize),
) -> Option<Ended> {
    let mut ended = None;
    let agreed = |control, holds_another| {
        // SAFETY: on the registry, which is locked, so it is the live control block of `pool`.
        let left = ended.insert(unsafe { Ended::of(pool, control, holds_another) });
        if is_kept(left, control) { Err(()) } else { Ok(()) }
    };
    let reservation = Reservation::none();
    // SAFETY: the reservation stays in this frame.
    let removed = unsafe { registry::remove(pool, &reservation, agreed) }?;
    if let Ok((control, mut fields)) = removed
        && let Some(ended) = &mut ended
    {
        // SAFETY: off the registry, and nobody uses the pool.
        ended.in_use = unsafe { in_use_of_ended(control) };
        look(&mut fields, control, ended.in_use);
        // SAFETY: off the registry, and nobody uses the pool.
        unsafe { release(control) };
    }
    ended
}

/// Blocks of which a step of [`in_use`] looks at the marks.
const STEP: usize = 64;

/// How many blocks of the pool at this address are in use, as the map says, which no stray write into a struct reaches. O(num_blocks),
/// in critical sections of O(pools + 64). 0 if there is no pool, also if another task ends it meanwhile.
fn in_use(pool: *const memory_pool_t) -> usize {
    let Ok(control) = registry::live(pool) else { return 0 };
    let mut found = 0;
    for first in (0..).step_by(STEP) {
        // SAFETY: live, as `while_live` says.
        match registry::while_live(pool, control, || unsafe { in_use_from(control, first) }).flatten() {
            Some(more) => found += more,
            None => break,
        }
    }
    found
}

/// The same of a pool that is off the registry. O(num_blocks), with its lock held for 64 blocks at a time.
///
/// # Safety
///
/// `control` is that of a pool which nobody uses.
pub(crate) unsafe fn in_use_of_ended(control: NonNull<Control>) -> usize {
    // SAFETY: as the caller promises.
    (0..).step_by(STEP).map_while(|first| unsafe { in_use_from(control, first) }).sum()
}

/// How many of the blocks from `first` on are in use; `None` if there is no such block. O(64); one critical section.
///
/// # Safety
///
/// `control` is live.
unsafe fn in_use_from(control: NonNull<Control>, first: usize) -> Option<usize> {
    // SAFETY: live, as the caller promises; a geometry does not change.
    let blocks = unsafe { (*control.as_ptr()).geometry.capacity() };
    let step = first..blocks.min(first.saturating_add(STEP));
    // SAFETY: the marks are behind the control block, one for each block, and the lock is held.
    (!step.is_empty()).then(|| unsafe {
        lock(control).with(|| {
            let marks = ControlMap::new(control.as_ptr().cast());
            step.filter(|index| marks.is_claimed(*index)).count()
        })
    })
}

/// Gives back what a pool owns, the control block as well.
///
/// # Safety
///
/// The pool of `control` is off the registry, and nobody uses it.
pub(crate) unsafe fn release(control: NonNull<Control>) {
    // SAFETY: as the caller promises; what it owns was allocated for it.
    unsafe {
        let (memory, storage) = ((*control.as_ptr()).own_memory, (*control.as_ptr()).own_storage);
        let records = (*control.as_ptr()).watch.own_memory();
        for owned in [records, storage, memory].into_iter().filter(|owned| !owned.is_null()) {
            port::release(owned);
        }
    }
}

/// What is left of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) in_use: usize,
    /// Tasks wait for a block, or were given one and did not return yet. Then it is no end: the pool is as it was.
    needed: bool,
    /// A call is about to return a block. Then it is no end either.
    returning: bool,
    /// Another pool lies in its blocks. The same.
    holds_another: bool,
    /// It is a class of a set, and not the set is what ends. The same.
    of_set: bool,
    pub(crate) name: [c_char; MEMORY_POOL_NAME_SIZE],
}

impl Ended {
    /// What would be left of a pool that ended now, with its set if it is of one. O(calls that wait); one critical section.
    ///
    /// # Safety
    ///
    /// `control` is that of `pool`. The registry is locked.
    pub(crate) unsafe fn of(
        pool: *mut memory_pool_t,
        control: NonNull<Control>,
        holds_another: bool,
    ) -> Self {
        // SAFETY: `control` is that of `pool`.
        unsafe {
            let (in_use, needed, returning) = Place::new(pool, control).with_queue(|raw, queue| {
                (raw.used(), queue.waiting() > 0, (*control.as_ptr()).watch.is_retiring())
            });
            let needed = needed || wait::is_stayed_at(control);
            Self { in_use, needed, returning, holds_another, of_set: false, name: (*control.as_ptr()).name }
        }
    }

    /// Why the pool is left as it is, if that is for another reason than blocks in use.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self { needed: true, .. } => Some(refusal::WAITED_FOR),
            Self { returning: true, .. } => Some(refusal::BEING_RETURNED),
            Self { holds_another: true, .. } => Some(refusal::HOLDS_A_POOL),
            Self { of_set: true, .. } => Some(refusal::IN_A_SET),
            _ => None,
        }
    }
}

/// A name of its own: copied from `given`, or `pool-N`.
///
/// # Safety
///
/// `given` is null or a C string.
pub(crate) unsafe fn name_from(given: *const c_char) -> [c_char; MEMORY_POOL_NAME_SIZE] {
    let mut name = [0; MEMORY_POOL_NAME_SIZE];
    let room = &mut name[..MEMORY_POOL_NAME_SIZE - 1];
    let given = if given.is_null() {
        &[]
    } else {
        // SAFETY: not null, hence a C string.
        unsafe { CStr::from_ptr(given) }.to_bytes()
    };
    if given.is_empty() {
        let mut digits = [0u8; 10];
        let number = decimal(registry::next_number(), &mut digits);
        copy(room, b"pool-".iter().chain(number));
    } else {
        copy(room, given.iter());
    }
    name
}

fn copy<'a>(room: &mut [c_char], bytes: impl Iterator<Item = &'a u8>) {
    for (to, from) in room.iter_mut().zip(bytes) {
        *to = *from as c_char;
    }
}

fn decimal(mut number: u32, digits: &mut [u8; 10]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests;
