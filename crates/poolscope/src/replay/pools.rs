//! The contender with pools: a request goes to the pool of its size, then, if the layout says so, to the next larger
//! pool and to the rest of the heap.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::NonNull;

use microusc_pool::{DynPool, Error, LINK_BYTES, NoLock, Owns};

use super::contender::{Allocator, BlockCost, Contender, Ram};
use super::heap::Heap;
use super::outcome::{Defect, PoolOutcome, PoolsOutcome};
use super::overlap::BlockAddresses;
use super::plan::PlacedPools;
use super::timeline::FreeMemory;
use crate::layout::{Layout, Placement};
use crate::text::{is, plural};

/// In a tag: the block is from the rest of the heap, and the other bits are the heap's tag.
const FROM_HEAP: u32 = 1 << 31;

/// Host memory for the blocks and allocation maps of the pools, in order of block size.
pub(super) struct PoolMemory(Vec<Box<[MaybeUninit<u8>]>>);

impl PoolMemory {
    /// Memory for the pools of `layout`, which fit a chip. Strides on the host are multiples of its pointers.
    pub(super) fn new(layout: &Layout, placed: &PlacedPools) -> Self {
        let bytes = |&pool: &usize| {
            layout.pools[pool].blocks as usize * (host_stride(placed.strides[pool]) + 1) + LINK_BYTES - 1
        };
        PoolMemory(by_size(layout).iter().map(|pool| Box::new_uninit_slice(bytes(pool))).collect())
    }
}

/// Bytes between blocks on this host, where a free block holds a wider pointer than on the chip.
fn host_stride(stride: u32) -> usize {
    (stride as usize).next_multiple_of(LINK_BYTES)
}

/// The pools of `layout` as indices, in order of block size; of equal ones, as they are in the layout.
fn by_size(layout: &Layout) -> Vec<usize> {
    let mut order: Vec<usize> = (0..layout.pools.len()).collect();
    order.sort_by_key(|&pool| layout.pools[pool].block_size);
    order
}

/// A pool, and where it is on the chip.
struct PlacedPool<'m> {
    pool: DynPool<'m, NoLock>,
    name: &'m str,
    block_size: u32,
    stride: u32,
    placement: Placement,
    /// Chip addresses of the blocks.
    storage: Range<u32>,
    /// Host address of the first block.
    base: usize,
    /// The block freed last.
    freed: Option<NonNull<u8>>,
    /// Blocks allocated for requests of the next smaller pool.
    spilled: u64,
}

/// The pools of a layout, and the rest of the heap that they were allocated from.
pub(super) struct Pools<'m> {
    pools: Vec<PlacedPool<'m>>,
    classes: SizeClasses,
    rest: Heap,
    spill: bool,
    heap_fallback: bool,
    /// Requests that the rest of the heap served: of external RAM, too large for every pool, and of an exhausted pool.
    external: u64,
    too_large: u64,
    overflowed: u64,
}

impl<'m> Pools<'m> {
    /// The pools of `layout`, placed on the chip; with `psram`, the rest of the heap may use external RAM.
    pub(super) fn new(
        layout: &'m Layout,
        placed: PlacedPools,
        memory: &'m mut PoolMemory,
        psram: bool,
    ) -> Result<Self, Error> {
        let mut pools = Vec::new();
        for (at, memory) in by_size(layout).into_iter().zip(&mut memory.0) {
            let base = memory.as_ptr().addr().next_multiple_of(LINK_BYTES);
            let pool = DynPool::new(memory, host_stride(placed.strides[at]), LINK_BYTES)?;
            pools.push(PlacedPool {
                pool,
                name: &layout.pools[at].name,
                block_size: layout.pools[at].block_size,
                stride: placed.strides[at],
                placement: layout.pools[at].placement,
                storage: placed.storage[at].clone(),
                base,
                freed: None,
                spilled: 0,
            });
        }
        Ok(Pools {
            classes: SizeClasses::new(pools.iter().map(|pool| pool.block_size).collect()),
            pools,
            rest: Heap::new(placed.heap, psram),
            spill: layout.spill,
            heap_fallback: layout.heap_fallback,
            external: 0,
            too_large: 0,
            overflowed: 0,
        })
    }

    /// Free memory in the rest of the heap, if requests may go there.
    pub(super) fn rest(&self) -> Option<FreeMemory> {
        self.heap_fallback.then(|| self.rest.free_memory())
    }

    /// The rank of the pool that a request goes to first. One that was in external RAM in the recording goes to the
    /// smallest pool there that holds it; without such a pool, to the rest of the heap, or where that is not allowed, to
    /// any pool.
    #[inline]
    fn rank(&self, size: u64, external: bool) -> Option<usize> {
        let rank = self.classes.rank(size)?;
        if external { self.external_rank(rank) } else { Some(rank) }
    }

    fn external_rank(&self, rank: usize) -> Option<usize> {
        let there = |rank: &usize| self.pools[*rank].placement == Placement::Psram;
        (rank..self.pools.len()).find(there).or(if self.heap_fallback { None } else { Some(rank) })
    }

    /// What follows if the pool of this rank did not serve a request.
    #[cold]
    fn alloc_slow(
        &mut self,
        size: u64,
        external: bool,
        rank: usize,
        error: Error,
    ) -> Option<(NonNull<u8>, u32)> {
        if error != Error::Exhausted {
            return None;
        }
        if self.spill && rank + 1 < self.pools.len() {
            match self.pools[rank + 1].pool.alloc_raw() {
                Ok(block) => {
                    self.pools[rank + 1].spilled += 1;
                    return Some((block, rank as u32 + 1));
                }
                Err(Error::Exhausted) => {}
                Err(_) => return None,
            }
        }
        let allocated = self.alloc_from_rest(size, external)?;
        self.overflowed += 1;
        Some(allocated)
    }

    fn alloc_from_rest(&mut self, size: u64, external: bool) -> Option<(NonNull<u8>, u32)> {
        if !self.heap_fallback {
            return None;
        }
        let (block, tag) = self.rest.alloc(size, external)?;
        Some((block, tag | FROM_HEAP))
    }

    /// A block that was freed and is still free, with the rank of its pool.
    fn freed_block(&self) -> Option<(usize, NonNull<u8>)> {
        let freed = self.pools.iter().enumerate().filter_map(|(rank, pool)| Some((rank, pool.freed?)));
        freed.into_iter().find(|(rank, block)| !self.pools[*rank].pool.owns(block.as_ptr()))
    }
}

impl Allocator for Pools<'_> {
    #[inline]
    fn alloc(&mut self, size: u64, external: bool) -> Option<(NonNull<u8>, u32)> {
        let Some(rank) = self.rank(size, external) else {
            let allocated = self.alloc_from_rest(size, external)?;
            *(if external { &mut self.external } else { &mut self.too_large }) += 1;
            return Some(allocated);
        };
        match self.pools[rank].pool.alloc_raw() {
            Ok(block) => Some((block, rank as u32)),
            Err(error) => self.alloc_slow(size, external, rank, error),
        }
    }

    fn why_failed(&self, size: u64, external: bool) -> (&'static str, String) {
        let last = self.pools.len();
        let tried = self
            .rank(size, external)
            .map_or(0..0, |rank| rank..(rank + 1 + usize::from(self.spill)).min(last));
        let tried = &self.pools[tried];
        if let Some(damaged) = tried.iter().find(|pool| pool.pool.validate().is_err()) {
            return ("corrupt", format!("corrupt: pool `{}` is damaged", damaged.name));
        }
        if self.heap_fallback {
            let (kind, reason) = self.rest.why_failed(size, external);
            return (kind, format!("no pool serves it, and neither does the rest of the heap: {reason}"));
        }
        match tried {
            [] => {
                let largest = self.classes.largest();
                ("too_large", format!("too large: the largest blocks have {largest} bytes"))
            }
            [pool] => {
                let capacity = pool.pool.stats().capacity as u64;
                let blocks = match capacity {
                    1 => "the one block".to_owned(),
                    _ => format!("all {}", plural(capacity, "block")),
                };
                let reason = format!("exhausted: {blocks} of pool `{}` {} in use", pool.name, is(capacity));
                ("exhausted", reason)
            }
            [pool, next, ..] => {
                let reason =
                    format!("exhausted: every block of pools `{}` and `{}` is in use", pool.name, next.name);
                ("exhausted", reason)
            }
        }
    }

    #[inline]
    unsafe fn free(&mut self, block: NonNull<u8>, tag: u32) -> Result<(), Defect> {
        let Some(pool) = self.pools.get_mut(tag as usize) else {
            // SAFETY: as the caller promises; a tag beyond the ranks is the heap's.
            return unsafe { self.rest.free(block, tag & !FROM_HEAP) };
        };
        pool.freed = Some(block);
        // SAFETY: as the caller promises.
        unsafe { pool.pool.free_raw(block.as_ptr()) }.map_err(|error| Defect::FreeRefused(error.to_string()))
    }

    /// The recording does not say which block was freed twice: one that is free is freed again.
    fn double_free(&mut self) -> Result<bool, Defect> {
        let Some((rank, block)) = self.freed_block() else { return Ok(false) };
        // SAFETY: not a live block: it was just seen to be free.
        match unsafe { self.pools[rank].pool.free_raw(block.as_ptr()) } {
            Err(Error::DoubleFree) => Ok(true),
            _ => Err(Defect::DoubleFreeAccepted),
        }
    }

    #[inline]
    fn cost(&self, tag: u32) -> BlockCost {
        match self.pools.get(tag as usize) {
            // Its RAM is in use since the pool was created.
            Some(pool) => BlockCost { allocated: pool.stride, header: 0, ram: 0 },
            None => self.rest.cost(tag & !FROM_HEAP),
        }
    }

    fn addresses(&self, block: NonNull<u8>, tag: u32) -> BlockAddresses {
        let Some(pool) = self.pools.get(tag as usize) else {
            return self.rest.addresses(block, tag & !FROM_HEAP);
        };
        let index = pool.pool.geometry().index_of(block.addr().get().wrapping_sub(pool.base));
        let offset = index
            .and_then(|index| u32::try_from(index).ok())
            .and_then(|index| index.checked_mul(pool.stride));
        let start = offset.and_then(|offset| pool.storage.start.checked_add(offset)).unwrap_or(0);
        BlockAddresses { block: start..start.saturating_add(pool.stride), within: pool.storage.clone() }
    }

    fn free_memory(&self) -> FreeMemory {
        self.pools.iter().fold(FreeMemory::default(), |sum, pool| {
            let free = pool.pool.stats().free as u64;
            let largest = if free > 0 { u64::from(pool.block_size) } else { 0 };
            FreeMemory {
                largest_free_block: sum.largest_free_block.max(largest),
                free_bytes: sum.free_bytes + free * u64::from(pool.stride),
                ..sum
            }
        })
    }

    fn check(&self, blocks: u64, ram: u64) -> Result<(), Defect> {
        let mut used = 0;
        for pool in &self.pools {
            let validated = pool.pool.validate();
            validated.map_err(|error| Defect::CountsDiffer(format!("pool `{}`: {error}", pool.name)))?;
            used += pool.pool.stats().used() as u64;
        }
        let rest = blocks.checked_sub(used);
        let wrong =
            || Defect::CountsDiffer(format!("the pools count {used} live blocks, the program has {blocks}"));
        self.rest.check(rest.ok_or_else(wrong)?, ram)
    }
}

impl PoolsOutcome {
    pub(super) fn new(contender: &Contender<Pools<'_>>, ram: Ram) -> Self {
        let pools = &contender.allocator;
        let each = pools.pools.iter().map(|pool| {
            let stats = pool.pool.stats();
            PoolOutcome {
                name: pool.name.to_owned(),
                blocks: stats.capacity as u64,
                peak_blocks: (stats.capacity - stats.lowest_free) as u64,
                exhausted: stats.exhausted.into(),
                spilled_in: pool.spilled,
            }
        });
        PoolsOutcome {
            common: contender.outcome(ram),
            static_bytes: ram.pools,
            each: each.collect(),
            heap_external: pools.external,
            heap_too_large: pools.too_large,
            heap_pool_exhausted: pools.overflowed,
        }
    }
}

/// Sizes up to this many bytes are looked up in a table, larger ones are searched for.
const TABLE: usize = 4096;

/// In the table: no pool is large enough.
const NONE: u8 = u8::MAX;

/// From the size of a request to the pool that serves it. Block sizes are ascending; a pool is named by its rank among
/// them.
#[derive(Debug)]
struct SizeClasses {
    /// The rank for every size up to [`TABLE`].
    table: Box<[u8; TABLE + 1]>,
    sizes: Vec<u32>,
}

impl SizeClasses {
    /// Classes of these block sizes in bytes: ascending, fewer than 255.
    fn new(sizes: Vec<u32>) -> Self {
        debug_assert!(sizes.is_sorted() && sizes.len() < NONE.into());
        let mut table = Box::new([NONE; TABLE + 1]);
        for (size, entry) in table.iter_mut().enumerate() {
            if let Some(rank) = search(&sizes, size as u64) {
                *entry = rank as u8;
            }
        }
        SizeClasses { table, sizes }
    }

    /// The smallest block that holds `size` bytes; of several, the first.
    #[inline]
    fn rank(&self, size: u64) -> Option<usize> {
        let entry = usize::try_from(size).ok().and_then(|size| self.table.get(size));
        match entry {
            Some(&NONE) => None,
            Some(&rank) => Some(rank.into()),
            None => search(&self.sizes, size),
        }
    }

    /// The largest block size, bytes; 0 if there is no class.
    fn largest(&self) -> u32 {
        self.sizes.last().copied().unwrap_or(0)
    }
}

fn search(sizes: &[u32], size: u64) -> Option<usize> {
    let rank = sizes.partition_point(|&block| u64::from(block) < size);
    (rank < sizes.len()).then_some(rank)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against looking at every class in turn.
        #[test]
        fn the_smallest_block_that_holds_a_request_is_found(
            mut sizes in prop::collection::vec(4..10_000_u32, 0..20),
            requests in prop::collection::vec(prop_oneof![0..12_000_u64, any::<u64>()], 50),
        ) {
            sizes.sort_unstable();
            let classes = SizeClasses::new(sizes.clone());
            for request in requests.into_iter().chain(sizes.iter().map(|&size| size.into())) {
                let expected = sizes.iter().position(|&size| u64::from(size) >= request);
                prop_assert_eq!(classes.rank(request), expected, "{} bytes", request);
            }
        }
    }

    #[test]
    fn the_table_and_the_search_agree_at_their_border() {
        let classes = SizeClasses::new(vec![4, 4095, 4096, 4097, u32::MAX]);
        let ranks =
            [0, 4, 5, 4095, 4096, 4097, 4098, u64::from(u32::MAX), 1 << 32].map(|size| classes.rank(size));
        let expected = [Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(4), Some(4), None];
        assert_eq!(ranks, expected);
        assert_eq!(SizeClasses::new(Vec::new()).rank(1), None);
    }
}
