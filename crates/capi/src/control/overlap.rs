//! Which memory belongs to live pools, and whether memory that a caller gives may be used.
//!
//! ```text
//!   a live pool P        may memory that a caller gives overlap it?
//!   -------------        ------------------------------------------------------------------------
//!   struct, control
//!   block, map, records  no
//!   blocks               yes, if it lies inside one block, and that block is in use: a pool in a pool
//! ```
//!
//! So pools nest to any depth, and the pool around another is not destroyed before it: [`holds_another`].

use core::ptr::NonNull;

use microusc_pool::{RawLock, allocation_map};

use crate::control::block::{Control, Pools, lock};
use crate::types::memory_pool_set_t;

/// Bytes at an address, none of which is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    start: usize,
    end: usize,
}

impl Range {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    /// So many bytes at `start`; at most up to the end of the address space.
    pub(crate) fn at(start: usize, bytes: usize) -> Self {
        Self { start, end: start.saturating_add(bytes) }
    }

    /// The struct at an address.
    pub(crate) fn of<T>(place: *const T) -> Self {
        Self::at(place.addr(), size_of::<T>())
    }

    /// Whether the two have a byte in common.
    pub(crate) fn meets(self, other: Self) -> bool {
        self.start.max(other.start) < self.end.min(other.end)
    }

    pub(crate) fn contains<T>(self, address: *const T) -> bool {
        (self.start..self.end).contains(&address.addr())
    }

    /// Whether all of it lies in the other, and it is not empty.
    pub(crate) fn is_inside(self, other: Self) -> bool {
        self.start < self.end && other.start <= self.start && self.end <= other.end
    }

    /// Whether all of it lies inside one block of `stride` bytes of an array that begins at `base`: the block's index.
    pub(crate) fn block(self, base: usize, stride: usize, blocks: usize) -> Option<usize> {
        let (first, last) = (self.start.checked_sub(base)?, self.end.checked_sub(1)?.checked_sub(base)?);
        let index = first.checked_div(stride)?;
        (index < blocks && last / stride == index).then_some(index)
    }
}

/// Flag of a control block, beside those of `memory_pool_config_t`: its struct is the first of a set, which lives as a whole.
pub(crate) const FIRST_OF_SET: u32 = 1 << 31;
/// The same: its struct is a part of a set, which ends as a whole.
pub(crate) const OF_SET: u32 = 1 << 30;

/// The memory of a live pool.
struct Parts {
    owner: Range,
    /// Control block and allocation map.
    control: Range,
    blocks: Range,
    records: Range,
}

impl Parts {
    /// O(1); one critical section of the pool.
    ///
    /// # Safety
    ///
    /// `control` is live.
    unsafe fn of(control: NonNull<Control>) -> Self {
        let at = control.as_ptr();
        // SAFETY: live, as the caller promises; only fields that do not change are read without the lock, and flags, which
        // change with the registry locked.
        unsafe {
            let blocks = (*at).geometry.capacity();
            let owner = match (*at).flags & FIRST_OF_SET {
                0 => Range::of((*at).owner),
                _ => Range::of((*at).owner.cast::<memory_pool_set_t>()),
            };
            let (records, bytes) = lock(control).with(|| (*at).diagnostics.records_range(blocks));
            Self {
                owner,
                control: control_of(control),
                blocks: blocks_of(control),
                records: Range::at(records, bytes),
            }
        }
    }

    /// Whether one of them lies in `range`.
    fn lie_in(&self, range: Range) -> bool {
        [self.owner, self.control, self.blocks, self.records].into_iter().any(|part| part.is_inside(range))
    }
}

/// Whether `range` lies inside one block of the pool, and that block is in use. O(1); one critical section of the pool.
///
/// # Safety
///
/// `control` is live.
unsafe fn in_one_block_in_use(control: NonNull<Control>, range: Range) -> bool {
    // SAFETY: live, as the caller promises; a base and a geometry do not change.
    let (base, geometry) = unsafe { ((*control.as_ptr()).base, &(*control.as_ptr()).geometry) };
    let Some(index) = range.block(base.addr(), geometry.stride(), geometry.capacity()) else { return false };
    // SAFETY: the map is behind the control block, a byte for each block, and the lock is held.
    unsafe {
        lock(control).with(|| control.as_ptr().add(1).cast::<u8>().add(index).read() == allocation_map::LIVE)
    }
}

/// Whether a caller may give this memory: no live pool has a byte of it, unless it lies inside a block in use. O(pools).
pub(crate) fn is_free(mut pools: Pools<'_>, range: Range) -> bool {
    pools.all(|control| {
        // SAFETY: on the registry, which is locked, so live.
        unsafe {
            let parts = Parts::of(control);
            let apart =
                ![parts.owner, parts.control, parts.records].into_iter().any(|part| part.meets(range));
            apart && (!parts.blocks.meets(range) || in_one_block_in_use(control, range))
        }
    })
}

/// Whether a part of another live pool lies in the blocks of this one. O(pools).
///
/// # Safety
///
/// `control` is live.
pub(crate) unsafe fn holds_another(mut pools: Pools<'_>, control: NonNull<Control>) -> bool {
    // SAFETY: on the registry, which is locked, so live; so is `control`.
    let blocks = unsafe { Parts::of(control) }.blocks;
    // SAFETY: as above.
    pools.any(|other| other != control && unsafe { Parts::of(other) }.lie_in(blocks))
}

/// Control block and allocation map of a pool.
///
/// # Safety
///
/// `control` is live.
pub(crate) unsafe fn control_of(control: NonNull<Control>) -> Range {
    // SAFETY: live, as the caller promises; a geometry does not change.
    let blocks = unsafe { (*control.as_ptr()).geometry.capacity() };
    Range::at(control.addr().get(), size_of::<Control>() + blocks)
}

/// What a pool has of memory that its caller gave: control block, map and blocks; and records. O(1); one critical section of the
/// pool.
///
/// # Safety
///
/// `control` is live.
pub(crate) unsafe fn given_by_caller(control: NonNull<Control>) -> (Range, Range) {
    let at = control.as_ptr();
    // SAFETY: live, as the caller promises; what is read without the lock does not change.
    unsafe {
        let books = match (*at).own_memory.is_null() {
            true => Range { start: control_of(control).start, end: blocks_of(control).end },
            false => Range::EMPTY,
        };
        let (records, bytes) = lock(control).with(|| match (*at).diagnostics.own_memory().is_null() {
            true => (*at).diagnostics.records_range((*at).geometry.capacity()),
            false => (0, 0),
        });
        (books, Range::at(records, bytes))
    }
}

/// The blocks of a pool.
///
/// # Safety
///
/// `control` is live.
pub(crate) unsafe fn blocks_of(control: NonNull<Control>) -> Range {
    // SAFETY: live, as the caller promises; neither changes.
    unsafe { Range::at((*control.as_ptr()).base.addr(), (*control.as_ptr()).geometry.bytes()) }
}
#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn ranges_overlap_if_they_share_a_byte() {
        let middle = Range::at(100, 50);
        for (start, bytes, meets) in [
            (0, 100, false),
            (0, 101, true),
            (149, 1, true),
            (150, 9, false),
            (120, 0, false),
            (0, usize::MAX, true),
        ] {
            assert_eq!(Range::at(start, bytes).meets(middle), meets, "{start} {bytes}");
            assert_eq!(middle.meets(Range::at(start, bytes)), meets, "{start} {bytes}");
        }
        assert!(Range::at(usize::MAX - 4, 100).meets(Range::at(usize::MAX - 1, 1)));
        assert!(!Range::EMPTY.meets(middle));
    }

    #[test]
    fn range_is_inside_another_if_all_of_its_bytes_are() {
        let middle = Range::at(100, 50);
        for (start, bytes, inside) in [
            (100, 50, true),
            (120, 1, true),
            (99, 51, false),
            (100, 51, false),
            (120, 0, false),
            (200, 9, false),
        ] {
            assert_eq!(Range::at(start, bytes).is_inside(middle), inside, "{start} {bytes}");
        }
        let ends = [99, 100, 149, 150].map(std::ptr::without_provenance::<u8>);
        assert_eq!(ends.map(|address| middle.contains(address)), [false, true, true, false]);
    }

    #[test]
    fn range_is_inside_one_block_or_none() {
        let block = |start, bytes| Range::at(start, bytes).block(1000, 64, 4);
        assert_eq!(block(1000, 64), Some(0));
        assert_eq!(block(1192, 64), Some(3));
        assert_eq!(block(1070, 8), Some(1));
        for (start, bytes) in
            [(999, 2), (1000, 65), (1063, 2), (1192, 65), (1256, 1), (0, 0), (1000, usize::MAX)]
        {
            assert_eq!(block(start, bytes), None, "{start} {bytes}");
        }
    }
}
