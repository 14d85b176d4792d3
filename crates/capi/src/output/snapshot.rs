//! Snapshots of one pool, and of all pools while other tasks create and destroy some.

use core::ptr::NonNull;

use microusc_pool::{FreeList, Stats, StatsBuilder};

use crate::control::block::{Control, ControlMap, with_queue};
use crate::control::overlap::{FIRST_OF_SET, OF_SET};
use crate::control::registry::{self, Changed};
use crate::refusals::Refusal;
use crate::types::*;

/// The struct is found by its address: it may hold anything.
///
/// # Safety
///
/// If a live pool has this address, then it is not destroyed meanwhile.
pub(crate) unsafe fn info_of(pool: *mut memory_pool_t) -> Result<memory_pool_info_t, Refusal> {
    let control = registry::live(pool)?;
    let mut survey = None;
    loop {
        // SAFETY: `control` is that of `pool`, which is live, as the caller promises.
        if let (info, true) = unsafe { look(control, &mut survey) } {
            return Ok(info);
        }
    }
}

/// The pool at a place in the list, if pools changed `changes` times so far; `None` behind the last. It may be ended
/// meanwhile: the registry is locked for each step of O(pools + 64). From tasks only.
pub(crate) fn info_at(place: usize, changes: u32) -> Result<Option<memory_pool_info_t>, Changed> {
    let mut survey = None;
    loop {
        let seen = registry::view_unchanged(changes, |mut pools| {
            // SAFETY: on the registry, which is locked, and the pool that was there before.
            pools.nth(place).map(|control| unsafe { look(control, &mut survey) })
        })?;
        match seen {
            None => return Ok(None),
            Some((info, true)) => return Ok(Some(info)),
            Some((_, false)) => {}
        }
    }
}

/// Every pool there is, in the order they were made. Of those that others make or end meanwhile, some may be missing or
/// come twice. From tasks only.
pub(crate) fn infos() -> impl Iterator<Item = memory_pool_info_t> {
    (0..).map_while(|place| {
        loop {
            if let Ok(info) = info_at(place, registry::changes()) {
                return info;
            }
        }
    })
}

/// A step of a snapshot: the counters at first, and 64 blocks; with it, whether that was the last. O(64).
///
/// # Safety
///
/// `control` is that of a live pool, the same for all steps of a snapshot.
unsafe fn look(control: NonNull<Control>, survey: &mut Option<StatsBuilder>) -> (memory_pool_info_t, bool) {
    // SAFETY: live, as the caller promises; an owner never changes; the pool is used by the arguments only.
    let (stats, complete, waiting) = unsafe {
        with_queue((*control.as_ptr()).owner, control, |list, queue| {
            let (stats, complete) = step(list, survey);
            (stats, complete, queue.waiting())
        })
    };
    // SAFETY: live, as the caller promises; what is read here does not change (a name may, byte by byte, unless the registry
    // is locked).
    (info(unsafe { control.as_ref() }, stats, waiting), complete)
}

/// The next step of a snapshot, from the block at which the last step ended.
fn step(list: &FreeList<'_, ControlMap>, survey: &mut Option<StatsBuilder>) -> (Stats, bool) {
    let mut complete = false;
    let stats = StatsBuilder::build(|current| {
        *current = survey.unwrap_or(*current);
        complete = list.collect_stats(current);
        *survey = Some(*current);
        true
    });
    (stats, complete)
}

fn info(control: &Control, stats: Stats, waiting_tasks: usize) -> memory_pool_info_t {
    memory_pool_info_t {
        name: control.name,
        placement: control.placement,
        flags: control.flags & !(FIRST_OF_SET | OF_SET),
        block_size: stats.stride_bytes,
        requested_size: control.requested_size,
        num_blocks: stats.capacity,
        free_blocks: stats.free,
        // The number of free blocks is in the caller's struct, where a stray write reaches it.
        used_blocks: stats.capacity.saturating_sub(stats.free),
        lowest_free: stats.lowest_free,
        storage_bytes: control.geometry.bytes(),
        overhead_bytes: control.overhead_bytes(),
        alloc_failures: stats.exhausted,
        refused_frees: stats.refused,
        corruptions: stats.damaged,
        waiting_tasks,
    }
}
