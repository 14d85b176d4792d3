//! A dump of one pool. The pool may be damaged, so nothing that is read from a block is trusted.

use core::ptr::NonNull;

use microusc_pool::{AllocationMap, Link, RawLock};
use microusc_port::text::Text;

use crate::control::block::{Control, ControlMap, lock};
use crate::output::print::{self, line};
use crate::types::*;

/// Blocks of a line of the map, which are looked at in one critical section.
const ROW: usize = 64;
/// Links that are followed.
const LINKS: usize = 16;

/// Where the walk along the free list ended.
enum End {
    Null,
    More,
    Repeated(usize),
    InUse(usize),
    NotABlock(usize),
}

/// The pool that is dumped.
pub(crate) struct PoolDump {
    pool: *mut memory_pool_t,
    control: NonNull<Control>,
}

impl PoolDump {
    /// # Safety
    ///
    /// `control` is that of `pool`, which lives for as long as the result is used.
    pub(crate) unsafe fn new(pool: *mut memory_pool_t, control: NonNull<Control>) -> Self {
        Self { pool, control }
    }

    /// Prints the pool, with the results of a snapshot and of a validation. From tasks only.
    pub(crate) fn dump(&self, info: &memory_pool_info_t, validated: esp_err_t) {
        print::info(info);
        let mut line = line();
        line.text("Blocks: # in use, o free, . never used\n");
        for first in (0..info.num_blocks).step_by(ROW) {
            let row = self.row(first);
            let length = ROW.min(info.num_blocks - first);
            line.right(first, 6).text("  ").bytes(row.get(..length).unwrap_or(&row)).text("\n");
        }
        line.text("Free list: ");
        let mut links = [0; LINKS];
        let (count, end) = self.walk(&mut links);
        for index in links.iter().take(count) {
            line.number(*index).text(" -> ");
        }
        match end {
            End::Null => line.text("end"),
            End::More => line.text("..."),
            End::Repeated(index) => line.number(index).text(" again"),
            End::InUse(index) => line.number(index).text(" in use"),
            End::NotABlock(address) => line.address(address).text(" not a block"),
        };
        line.text("\nValidation: ").bytes(reason_name(validated).to_bytes()).text("\n");
    }

    /// The state of blocks from `first` on, a character each. O(64); one critical section.
    fn row(&self, first: usize) -> [u8; ROW] {
        let mut row = [b' '; ROW];
        self.locked(|marks, control| {
            let there = first..control.geometry.capacity();
            for (state, index) in row.iter_mut().zip(there) {
                // SAFETY: below the capacity.
                let (live, virgin) = unsafe { (marks.is_claimed(index), marks.is_never_allocated(index)) };
                let never = virgin || index >= control.counters.first_unused;
                *state = if live {
                    b'#'
                } else if never {
                    b'.'
                } else {
                    b'o'
                };
            }
        });
        row
    }

    /// Follows the free list as far as each link is proven to lead to a free block, and not in a circle. Returns the indices of the
    /// blocks, their number, and how the walk ended. O(16²); one critical section.
    fn walk(&self, links: &mut [usize; LINKS]) -> (usize, End) {
        self.locked(|marks, control| {
            // SAFETY: live, as `new` was promised.
            let mut at = unsafe { (*self.pool).memory_free };
            for count in 0..LINKS {
                if at.is_null() {
                    return (count, End::Null);
                }
                let offset = at.addr().wrapping_sub(control.base.addr());
                let Some(index) = control.geometry.index_of(offset) else {
                    return (count, End::NotABlock(at.addr()));
                };
                // SAFETY: an index of the geometry is below the capacity.
                if unsafe { marks.is_claimed(index) } {
                    return (count, End::InUse(index));
                }
                if links.iter().take(count).any(|earlier| *earlier == index) {
                    return (count, End::Repeated(index));
                }
                if let Some(link) = links.get_mut(count) {
                    *link = index;
                }
                // SAFETY: a block of this pool without an owner; links are aligned there.
                at = unsafe { control.base.add(offset).cast::<Link>().read().next };
            }
            (LINKS, if at.is_null() { End::Null } else { End::More })
        })
    }

    /// Runs `work` with the pool's lock held.
    fn locked<R>(&self, work: impl FnOnce(ControlMap, &Control) -> R) -> R {
        // SAFETY: live, as `new` was promised.
        let lock = unsafe { lock(self.control) };
        // SAFETY: the allocation map is behind the control block, a byte for each block; with the lock held nothing else writes to either.
        lock.with(|| unsafe { work(ControlMap::new(self.control.as_ptr().cast()), self.control.as_ref()) })
    }
}
