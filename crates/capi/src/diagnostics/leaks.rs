//! Leak reports: the call sites of the blocks in use, and their age.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::{NonNull, null, null_mut};

use microusc_port as port;
use microusc_port::text::{Text, divided, name_bytes};

use crate::control::block::{Control, with_free_list};
use crate::control::modes::{CallSiteRecord, Record};
use crate::control::overlap::Range;
use crate::control::registry::{self, ReservationRequest};
use crate::output::print::line;
use crate::output::report::{from_task, refuse};
use crate::refusals::{self, Refusal};
use crate::types::*;

use super::call_sites::{begin_records, end_records, record_of};
use super::report_result;

/// The number of call sites for which leaks are printed as one line each, with the number of blocks; it is limited by the stack
/// of a task. Blocks from further call sites get a line each.
const PLACES: usize = 16;

/// Begins or ends recording the call sites of allocs. O(num_blocks). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_record_sites(pool: *mut memory_pool_t, on: bool) -> esp_err_t {
    on_live(c"memory_pool_record_sites", pool, |control| match on {
        // SAFETY: `control` is that of `pool`.
        true => unsafe { begin_records(pool, control, None) }.map_err(not_recorded),
        // SAFETY: as above.
        false => unsafe { end_records(pool, control) }.map_err(|reason| match reason {
            ESP_ERR_INVALID_STATE => refusals::NOT_RECORDED,
            other => other.into(),
        }),
    })
}

/// The same with records in the caller's memory. O(num_blocks). From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_record_sites_in(
    pool: *mut memory_pool_t,
    memory: *mut c_void,
    memory_size: usize,
) -> esp_err_t {
    on_live(c"memory_pool_record_sites_in", pool, |control| {
        if memory.is_null() {
            return Err(refusals::NULL_POINTER);
        }
        // SAFETY: a live control block, here and below; a geometry does not change.
        let blocks = unsafe { (*control.as_ptr()).geometry.capacity() };
        let needed = blocks.saturating_mul(size_of::<Record>());
        if memory_size < needed {
            return Err(refusals::RECORDS_TOO_SMALL);
        }
        // SAFETY: as above; what is looked at without the lock is looked at again with it.
        if unsafe { (*control.as_ptr()).diagnostics.keeps_records() } {
            return Err(refusals::RECORDED_ALREADY);
        }
        // More than the records take is not touched, so it is not asked about.
        let bytes = memory_size.min(needed.saturating_add(align_of::<Record>()));
        let wanted = ReservationRequest {
            place: memory.cast_const().cast(),
            place_bytes: 0,
            memory: Range::at(memory.addr(), bytes),
            inside: null(),
        };
        registry::reserve(&wanted, || {
            // SAFETY: `control` is that of `pool`; obligation 2; no pool has the memory, nor is one made there.
            unsafe { begin_records(pool, control, Some((memory.cast(), memory_size))) }.map_err(not_recorded)
        })
    })
}

/// Why records could not be begun with.
fn not_recorded(reason: esp_err_t) -> Refusal {
    match reason {
        ESP_ERR_INVALID_STATE => refusals::RECORDED_ALREADY,
        ESP_ERR_INVALID_SIZE => refusals::RECORDS_TOO_SMALL,
        other => other.into(),
    }
}

/// Runs `work`, in a task, on the live pool at this address, and reports a refusal.
fn on_live(
    function: &'static CStr,
    pool: *mut memory_pool_t,
    work: impl FnOnce(NonNull<Control>) -> Result<(), Refusal>,
) -> esp_err_t {
    if let Err(refusal) = from_task(function, pool.cast()) {
        return refusal.reason;
    }
    report_result(pool, registry::live(pool).and_then(work), function)
}

/// Writes the call site of a block in use. O(1); one critical section. Tasks, interrupts, both cores.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_get_site(
    pool: *mut memory_pool_t,
    block: *const c_void,
    site: *mut memory_pool_site_t,
) -> esp_err_t {
    if site.is_null() {
        return ESP_ERR_INVALID_ARG;
    }
    let control = match registry::live(pool) {
        Ok(control) => control,
        Err(refusal) => return refusal.reason,
    };
    let live = Live { pool, control, ended: false };
    // SAFETY: `control` is that of `pool`, which no other context destroys meanwhile: obligation 3.
    let index = unsafe { with_free_list(pool, control, |list| list.index_of(block.cast())) };
    match index.and_then(|index| live.at(index)) {
        Some(seen) => {
            // SAFETY: obligation 2.
            unsafe { site.write(seen.public_site(port::call_context().time_us)) };
            ESP_OK
        }
        None => MEMORY_POOL_ERR_NOT_A_BLOCK,
    }
}

/// Calls `each` for every block that has been in use for `older_than_us`; their number. O(num_blocks), in a critical section for each
/// block. From tasks only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memory_pool_dump_leaks(
    pool: *mut memory_pool_t,
    older_than_us: u64,
    each: memory_pool_site_callback_t,
    argument: *mut c_void,
) -> usize {
    const NAME: &CStr = c"memory_pool_dump_leaks";
    if from_task(NAME, pool.cast()).is_err() {
        return 0;
    }
    match registry::live(pool) {
        Ok(control) => dump(&Live { pool, control, ended: false }, older_than_us, each, argument),
        Err(refusal) => {
            refuse(NAME, refusal, pool.cast());
            0
        }
    }
}

fn dump(live: &Live, older_than_us: u64, each: memory_pool_site_callback_t, argument: *mut c_void) -> usize {
    let old = Old { now_us: port::call_context().time_us, older_than_us };
    let Some(each) = each else { return live.print_by_place(&old) };
    live.old(&old)
        .map(|seen| {
            let site = seen.public_site(old.now_us);
            // SAFETY: the function was given for exactly this, and the site lives until it returns.
            unsafe { each(&site, argument) };
        })
        .count()
}

/// Prints the blocks in use of a pool that keeps records: what a report of their number leaves open. `ended`: the pool is off the
/// registry, and known to no other code; `pool` are the fields of its struct.
///
/// # Safety
///
/// `control` is that of `pool`. If it is live, it may be destroyed meanwhile.
pub(crate) unsafe fn print_owners(pool: *mut memory_pool_t, control: NonNull<Control>, ended: bool) {
    let live = Live { pool, control, ended };
    // SAFETY: a live control block, as `with` says.
    if live.with(|| unsafe { (*control.as_ptr()).diagnostics.keeps_records() }) == Some(true) {
        dump(&live, 0, None, null_mut());
    }
}

/// The blocks in use of a pool, looked at one by one while other tasks alloc and free.
struct Live {
    pool: *mut memory_pool_t,
    /// That of `pool`.
    control: NonNull<Control>,
    /// It is off the registry, and known to no other code. Otherwise it is looked up at each step, since a task may destroy it.
    ended: bool,
}

/// A block that was in use when it was looked at.
#[derive(Clone, Copy)]
struct Seen {
    block: *const u8,
    site: Option<CallSiteRecord>,
}

/// Which blocks are meant.
struct Old {
    now_us: u64,
    older_than_us: u64,
}

impl Old {
    /// A block that was allocated before records were kept counts as older than every record.
    fn includes(&self, seen: &Seen) -> bool {
        seen.site.is_none_or(|site| self.now_us.saturating_sub(site.time_us) >= self.older_than_us)
    }
}

impl Live {
    /// Runs `work` while the control block is there; `None` once another task has ended the pool. O(pools) and what `work` does.
    fn with<R>(&self, work: impl FnOnce() -> R) -> Option<R> {
        if self.ended { Some(work()) } else { registry::while_live(self.pool, self.control, work) }
    }

    fn capacity(&self) -> usize {
        // SAFETY: a live control block, as `with` says, and a geometry does not change.
        self.with(|| unsafe { (*self.control.as_ptr()).geometry.capacity() }).unwrap_or(0)
    }

    /// Block `index`, if it is in use. O(1); one critical section.
    fn at(&self, index: usize) -> Option<Seen> {
        // SAFETY: `control` is that of `pool`, live as `with` says; what is read of it without the lock does not change.
        self.with(|| unsafe {
            let (base, stride) = ((*self.control.as_ptr()).base, (*self.control.as_ptr()).geometry.stride());
            let block: *const u8 = base.wrapping_add(index * stride);
            with_free_list(self.pool, self.control, |list| {
                list.is_live(block).then(|| Seen { block, site: record_of(self.control, index) })
            })
        })
        .flatten()
    }

    /// The blocks in use that are meant, lowest address first. O(num_blocks), in a critical section for each.
    fn old<'a>(&'a self, old: &'a Old) -> impl Iterator<Item = Seen> + 'a {
        (0..self.capacity()).filter_map(|index| self.at(index)).filter(|seen| old.includes(seen))
    }

    /// Prints the blocks that are meant, those of a place together; their number. O(num_blocks): only the first [`PLACES`] places
    /// are counted, and any block from another place has a line to itself.
    fn print_by_place(&self, old: &Old) -> usize {
        let mut places = Groups::<Seen, PLACES>::new();
        let mut all_counted = true;
        let found = self.old(old).map(|seen| all_counted &= places.add(seen)).count();
        // SAFETY: a live control block, as `with` says; a name that changes is a name all the same.
        let Some(name) = self.with(|| unsafe { (*self.control.as_ptr()).name }) else { return found };
        let print = |seen: &Seen, count| print_leak(name_bytes(&name), count, &seen.public_site(old.now_us));
        places.each(print);
        if !all_counted {
            self.old(old).filter(|seen| !places.has(seen)).for_each(|seen| print(&seen, 1));
        }
        found
    }
}

/// What can be counted with others of its kind.
trait Alike {
    /// Whether both are of one kind.
    fn is_like(&self, other: &Self) -> bool;
    /// Whether this one shall stand for the other's kind, rather than the other.
    fn stands_for(&self, other: &Self) -> bool;
}

/// The first `N` kinds of what is added, with their numbers.
struct Groups<T, const N: usize>([Option<(T, usize)>; N]);

impl<T: Alike, const N: usize> Groups<T, N> {
    const fn new() -> Self {
        Self([const { None }; N])
    }

    /// Counts one more; `false` if it is of a kind for which there is no room. O(N).
    fn add(&mut self, one: T) -> bool {
        for group in &mut self.0 {
            match group {
                Some((first, count)) if first.is_like(&one) => {
                    *count += 1;
                    if one.stands_for(first) {
                        *first = one;
                    }
                    return true;
                }
                Some(_) => {}
                None => {
                    *group = Some((one, 1));
                    return true;
                }
            }
        }
        false
    }

    /// Whether its kind was counted. O(N).
    fn has(&self, one: &T) -> bool {
        self.0.iter().flatten().any(|(first, _)| first.is_like(one))
    }

    /// Calls `visit` with each kind and its number, in the order in which they were first added.
    fn each(&self, visit: impl Fn(&T, usize)) {
        self.0.iter().flatten().for_each(|(one, count)| visit(one, *count));
    }
}

impl Alike for Seen {
    /// Allocated at the same call site or, if the call site is unknown, by the same task.
    fn is_like(&self, other: &Self) -> bool {
        let key = |seen: &Self| {
            seen.site.map(|site| {
                let by =
                    if site.address.is_null() { (site.task, site.in_interrupt) } else { (null(), false) };
                (site.address, site.line, by)
            })
        };
        key(self) == key(other)
    }

    /// The oldest.
    fn stands_for(&self, other: &Self) -> bool {
        self.time() < other.time()
    }
}

impl Seen {
    fn time(&self) -> u64 {
        self.site.map_or(0, |site| site.time_us)
    }

    /// The public form of this record, with its age at `now_us`.
    fn public_site(&self, now_us: u64) -> memory_pool_site_t {
        let block = self.block.cast();
        let Some(site) = self.site else {
            return memory_pool_site_t {
                block,
                file: null(),
                caller: null(),
                task: null(),
                time_us: 0,
                age_us: u64::MAX,
                line: 0,
                core: 0,
                in_interrupt: false,
                recorded: false,
            };
        };
        let in_file = site.line != 0;
        memory_pool_site_t {
            block,
            file: if in_file { site.address.cast() } else { null() },
            caller: if in_file { null() } else { site.address },
            task: site.task,
            time_us: site.time_us,
            age_us: now_us.saturating_sub(site.time_us),
            line: site.line,
            core: site.core,
            in_interrupt: site.in_interrupt,
            recorded: true,
        }
    }
}

/// Prints a line for the blocks of the pool of this name that one call site allocated; `site` is that of the oldest.
fn print_leak(pool: &[u8], count: usize, site: &memory_pool_site_t) {
    let mut line = line();
    line.text("pool \"").bytes(pool).text("\": ").number(count).text(" in use, taken ");
    if !site.recorded {
        line.text("before that was recorded, the first ").address(site.block.addr()).text("\n");
        return;
    }
    if !site.file.is_null() {
        // SAFETY: the caller of the alloc gave a C string that lives for ever.
        let file = unsafe { CStr::from_ptr(site.file) };
        line.text("at ").bytes(file.to_bytes()).text(":").number(site.line as usize);
    } else if !site.caller.is_null() {
        line.text("from ").address(site.caller.addr());
    } else {
        line.text("somewhere");
    }
    if site.in_interrupt {
        line.text(" by an interrupt");
    } else if !site.task.is_null() {
        line.text(" by task ").address(site.task.addr());
    }
    line.text(" on core ").number(site.core.into()).text(", the oldest ").address(site.block.addr());
    let (milliseconds, _) = divided(site.age_us, 1000);
    let (seconds, rest) = divided(milliseconds, 1000);
    line.text(" for ").number(seconds as usize).text(".");
    for place in [100, 10, 1] {
        line.byte(b'0' + (rest / place % 10) as u8);
    }
    line.text(" s\n");
}

/// A block in use, and the call site of its alloc.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct memory_pool_site_t {
    /// The block.
    pub block: *const c_void,
    /// The file of the alloc, or null.
    pub file: *const c_char,
    /// The address that the call returns to, or null.
    pub caller: *const c_void,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub task: *const c_void,
    /// When, in microseconds since the start.
    pub time_us: u64,
    /// How long ago; `u64::MAX` if it was not recorded.
    pub age_us: u64,
    /// The line in that file, or 0.
    pub line: u32,
    /// The core.
    pub core: u8,
    /// Allocated by an interrupt.
    pub in_interrupt: bool,
    /// Allocated while records were kept; otherwise only the block is known.
    pub recorded: bool,
}

/// What is called for each block.
pub type memory_pool_site_callback_t =
    Option<unsafe extern "C" fn(site: *const memory_pool_site_t, argument: *mut c_void)>;

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use super::{Alike, Groups};

    /// Of a kind; comparing is counted.
    struct Counted<'a>(usize, &'a Cell<usize>);

    impl Alike for Counted<'_> {
        fn is_like(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }

        fn stands_for(&self, _: &Self) -> bool {
            false
        }
    }

    #[test]
    fn each_item_costs_at_most_one_comparison_per_group() {
        for kinds in [1, 3, 8, 9, 4000] {
            let comparisons = Cell::new(0);
            let mut groups = Groups::<Counted<'_>, 8>::new();
            let counted = (0..4000).filter(|one| groups.add(Counted(one % kinds, &comparisons))).count();
            assert!(comparisons.get() <= 8 * 4000, "{} comparisons", comparisons.get());
            assert_eq!(counted, (0..4000).filter(|one| one % kinds < 8).count());
            let sum = Cell::new(0);
            groups.each(|_, count| sum.set(sum.get() + count));
            assert_eq!(sum.get(), counted);
            assert!(groups.has(&Counted(kinds.min(8) - 1, &comparisons)));
            assert!(!groups.has(&Counted(kinds.max(8), &comparisons)));
        }
    }
}
