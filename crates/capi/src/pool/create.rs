//! Creating pools. A step that fails returns what the steps before it allocated.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::{NonNull, null, null_mut};

use microusc_pool::{Counters, FreeList, Geometry, RawLock, WaitOrder, WaitQueue};
use microusc_port::text::Text;
use microusc_port::{self as port, PortLock};

use crate::control::block::{Control, ControlMap};
use crate::control::memory::{self, Allocation, HeapRequest};
use crate::control::modes::Diagnostics;
use crate::control::overlap::{OF_SET, Range};
use crate::control::registry::{self, ReservationRequest};
use crate::diagnostics::{poison, trace};
use crate::output::report::{from_task, refuse};
use crate::refusals::{self, Refusal};
use crate::types::*;

/// Where struct and control block of a new pool are.
pub(crate) enum Location {
    /// The caller has the struct; the control block comes from the heap.
    Caller(*mut memory_pool_t),
    /// The same of a class of the set at this address, which has reserved its struct as a whole.
    Class(*mut memory_pool_t, *const ()),
    /// Both come from the heap, together.
    Heap,
}

/// Creates a pool with storage from the heap, and returns its struct. O(num_blocks).
///
/// # Safety
///
/// A struct of the caller's may be written to, and lives as long as the pool. The name is null or a C string.
pub(crate) unsafe fn create(
    location: Location,
    config: &memory_pool_config_t,
) -> Result<*mut memory_pool_t, Refusal> {
    // SAFETY: as the caller promises.
    unsafe { create_aligned(location, config, 1) }
}

/// The same, with each block aligned to `align` bytes at least.
///
/// # Safety
///
/// As [`create`].
pub(crate) unsafe fn create_aligned(
    location: Location,
    config: &memory_pool_config_t,
    align: usize,
) -> Result<*mut memory_pool_t, Refusal> {
    let mut request = memory::heap_request(config.placement, config.flags)?;
    request.align = request.align.max(align);
    let geometry = Geometry::new(config.block_size, request.align, config.num_blocks)?;
    let (pool, inside, flag) = match location {
        // SAFETY: as the caller promises.
        Location::Heap => return unsafe { create_in_heap(None, config, &request, geometry) },
        Location::Caller(pool) => (pool, null(), 0),
        // From the first moment: another task finds a class before the set is complete.
        Location::Class(pool, set) => (pool, set, OF_SET),
    };
    let config = &memory_pool_config_t { flags: config.flags | flag, ..*config };
    let wanted = ReservationRequest {
        place: pool.cast_const().cast(),
        place_bytes: size_of::<memory_pool_t>(),
        memory: Range::EMPTY,
        inside,
    };
    // SAFETY: as the caller promises.
    registry::reserve(&wanted, || unsafe { create_in_heap(Some(pool), config, &request, geometry) })
}

/// With a struct of the caller's, which is reserved, or one of the heap's.
///
/// # Safety
///
/// As [`create`].
unsafe fn create_in_heap(
    pool: Option<*mut memory_pool_t>,
    config: &memory_pool_config_t,
    request: &HeapRequest,
    geometry: Geometry,
) -> Result<*mut memory_pool_t, Refusal> {
    let head = if pool.is_none() { size_of::<memory_pool_t>() } else { 0 };
    let bytes = head + size_of::<Control>() + geometry.capacity();
    let memory = Allocation::for_control(bytes, align_of::<Control>())?;
    let storage = storage(request, &geometry)?;

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

fn storage(request: &HeapRequest, geometry: &Geometry) -> Result<Allocation, Refusal> {
    let storage = Allocation::new(geometry.bytes(), request.align, request.caps)?;
    if request.fits(storage.0.as_ptr(), geometry.bytes()) {
        Ok(storage)
    } else {
        Err(MEMORY_POOL_ERR_WRONG_MEMORY.into())
    }
}

/// Creates a pool in `buffer`, control block first. O(num_blocks).
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
    // The allocation map directly behind the control block; the blocks aligned behind the map.
    let blocks = (size_of::<Control>() + geometry.capacity()).next_multiple_of(word);
    let needed = geometry.bytes().checked_add(padding + blocks).ok_or(refusals::TOO_LARGE)?;
    if needed > buffer_size {
        return Err(refusals::BUFFER_TOO_SMALL);
    }
    if !memory::fits_control(buffer, buffer_size) {
        return Err(MEMORY_POOL_ERR_WRONG_MEMORY.into());
    }
    // SAFETY: the buffer is at least `needed` bytes long.
    let (control, base) = unsafe { (buffer.add(padding), buffer.add(padding + blocks)) };
    // SAFETY: inside a buffer, hence not null.
    let control = unsafe { NonNull::new_unchecked(control) }.cast();
    let parts = Parts { pool, control, base, geometry };
    let wanted = ReservationRequest {
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
    /// Writes the control block and the allocation map.
    ///
    /// # Safety
    ///
    /// The pieces are large and aligned enough, and nothing else uses them; the name is null or a C string.
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
            diagnostics: Diagnostics::off(),
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
            control: self.control.as_ptr().cast(),
            ..memory_pool_t::ZEROED
        };
        // SAFETY: assembled; no other code knows the pool yet.
        unsafe {
            let mut list = FreeList::new(
                (&mut fields.memory_free, &mut fields.free_blocks),
                &mut (*self.control.as_ptr()).counters,
                self.base,
                &self.geometry,
                ControlMap::new(self.control.as_ptr().cast()),
            );
            list.link_all();
        }
        // Diagnostics of new pools are switched on before another task can find this pool and destroy it.
        if port::fills_free_blocks() {
            // SAFETY: complete, and not known to other code. An archive without diagnostics refuses, which is no error here.
            let _asked = unsafe { poison::set_checks(&mut fields, self.control, true) };
        }
        if trace::traces_new_pools() {
            // SAFETY: as above. An archive without diagnostics never gets here.
            let _asked = unsafe { trace::set_trace(&mut fields, self.control, true) };
        }
        // SAFETY: complete, and the struct may be written to.
        if unsafe { registry::insert(self.control, fields) } { Ok(()) } else { Err(refusals::STILL_A_POOL) }
    }
}

/// A name of its own: copied from `given`, or `pool-N`; what is too long is cut off.
///
/// # Safety
///
/// `given` is null or a C string.
pub(crate) unsafe fn name_from(given: *const c_char) -> [c_char; MEMORY_POOL_NAME_SIZE] {
    let mut name = Name { bytes: [0; MEMORY_POOL_NAME_SIZE], length: 0 };
    // SAFETY: not null, hence a C string.
    let given = if given.is_null() { &[] } else { unsafe { CStr::from_ptr(given) }.to_bytes() };
    if given.is_empty() {
        name.text("pool-").number(registry::next_number() as usize);
    } else {
        name.bytes(given);
    }
    name.bytes
}

/// A name in the making, whose last byte stays zero.
struct Name {
    bytes: [c_char; MEMORY_POOL_NAME_SIZE],
    length: usize,
}

impl Text for Name {
    fn byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes[..MEMORY_POOL_NAME_SIZE - 1].get_mut(self.length) {
            *place = byte as c_char;
            self.length += 1;
        }
    }
}

const fn config(block_size: usize, num_blocks: usize, placement: u32, flags: u32) -> memory_pool_config_t {
    memory_pool_config_t { block_size, num_blocks, placement, flags, name: null() }
}

/// Creates a pool in the caller's struct, with a report if that fails.
///
/// # Safety
///
/// As [`create`]; the configuration may be null.
unsafe fn init(
    function: &'static CStr,
    pool: *mut memory_pool_t,
    config: *const memory_pool_config_t,
) -> Result<(), esp_err_t> {
    made(function, pool.cast(), || {
        if pool.is_null() {
            return Err(refusals::NULL_POINTER);
        }
        // SAFETY: as the caller promises, here and below.
        let config = unsafe { config.as_ref() }.ok_or(refusals::NULL_POINTER)?;
        // SAFETY: as above.
        unsafe { create(Location::Caller(pool), config) }.map(drop)
    })
}

/// Creates a pool on the heap, with a report if that fails.
///
/// # Safety
///
/// The configuration is null, or its name is null or a C string.
unsafe fn malloc(
    function: &'static CStr,
    config: *const memory_pool_config_t,
) -> Result<*mut memory_pool_t, esp_err_t> {
    made(function, null(), || {
        // SAFETY: as the caller promises, here and below.
        let config = unsafe { config.as_ref() }.ok_or(refusals::NULL_POINTER)?;
        // SAFETY: as above.
        unsafe { create(Location::Heap, config) }
    })
}

/// Runs `make`, in a task, and reports a refusal.
fn made<T>(
    function: &'static CStr,
    address: *const c_void,
    make: impl FnOnce() -> Result<T, Refusal>,
) -> Result<T, esp_err_t> {
    from_task(function, address)?;
    make().map_err(|why| refuse(function, why, address))
}

/// Creates a pool in internal, DMA-capable RAM. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init(
    pool: *mut memory_pool_t,
    block_size: usize,
    num_blocks: usize,
) -> bool {
    let config = config(block_size, num_blocks, DRAM, MEMORY_POOL_FLAG_DMA);
    // SAFETY: obligations 1 and 2.
    unsafe { init(c"memory_pool_init", pool, &config) }.is_ok()
}

/// Creates a pool in the memory named. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init_placed(
    pool: *mut memory_pool_t,
    block_size: usize,
    num_blocks: usize,
    placement: memory_placement_t,
) -> bool {
    // SAFETY: obligations 1 and 2.
    unsafe { init(c"memory_pool_init_placed", pool, &config(block_size, num_blocks, placement, 0)) }.is_ok()
}

/// Creates a pool as the configuration says. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init_config(
    pool: *mut memory_pool_t,
    config: *const memory_pool_config_t,
) -> esp_err_t {
    // SAFETY: obligations 1 and 2.
    unsafe { init(c"memory_pool_init_config", pool, config) }.err().unwrap_or(ESP_OK)
}

/// Creates a pool in the caller's memory. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_init_static(
    pool: *mut memory_pool_t,
    buffer: *mut c_void,
    buffer_size: usize,
    block_size: usize,
    num_blocks: usize,
) -> esp_err_t {
    let done = made(c"memory_pool_init_static", pool.cast(), || {
        if pool.is_null() || buffer.is_null() {
            return Err(refusals::NULL_POINTER);
        }
        let config = config(block_size, num_blocks, DRAM, 0);
        // SAFETY: obligations 1 and 2; the buffer is the pool's until that ends.
        unsafe { create_static(pool, (buffer.cast(), buffer_size), &config) }
    });
    done.err().unwrap_or(ESP_OK)
}

/// Creates a pool, struct included, in internal, DMA-capable RAM. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_malloc(block_size: usize, num_blocks: usize) -> *mut memory_pool_t {
    let config = config(block_size, num_blocks, DRAM, MEMORY_POOL_FLAG_DMA);
    // SAFETY: the configuration has no name.
    unsafe { malloc(c"memory_pool_malloc", &config) }.unwrap_or(null_mut())
}

/// Creates a pool, struct included, with its blocks in the memory named. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_malloc_placed(
    block_size: usize,
    num_blocks: usize,
    placement: memory_placement_t,
) -> *mut memory_pool_t {
    // SAFETY: the configuration has no name.
    unsafe { malloc(c"memory_pool_malloc_placed", &config(block_size, num_blocks, placement, 0)) }
        .unwrap_or(null_mut())
}

/// Creates a pool, struct included, as the configuration says. O(num_blocks + pools).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_malloc_config(
    config: *const memory_pool_config_t,
    reason: *mut esp_err_t,
) -> *mut memory_pool_t {
    const NAME: &CStr = c"memory_pool_malloc_config";
    // SAFETY: obligation 2.
    let made = unsafe { malloc(NAME, config) };
    if !reason.is_null() {
        // SAFETY: obligation 2.
        unsafe { reason.write(made.err().unwrap_or(ESP_OK)) };
    }
    made.unwrap_or(null_mut())
}

#[cfg(test)]
mod tests;
