//! The side with pools: every request goes to the pool of its size, and if the layout says so, on from there.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::NonNull;

use microusc_chips::ChipHeap;
use microusc_pool::{DynPool, Error, LINK_BYTES, NoLock, Owns, Stats};

use super::classes::Classes;
use super::contender::{Allocator, Defect, Grant, Outcome, Reason};
use super::heap::Heap;
use super::overlap::Place;
use super::plan::Carved;
use super::timeline::Room;
use crate::layout::{Layout, Placement};
use crate::text::{is, plural};

/// In a tag: the block is from the rest of the heap, and the other bits are the heap's tag.
const FROM_HEAP: u32 = 1 << 31;

/// Where a request could not be served.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    /// Every pool has smaller blocks.
    TooLarge,
    /// The pool of this rank (and with spill, the one after it) is empty.
    Exhausted(usize),
    /// The free list of the pool of this rank is damaged.
    Corrupt(usize),
    /// The rest of the heap, where no pool served it.
    Heap,
}

/// Host memory for the blocks and marks of the pools, in order of block size.
pub(super) struct Arenas(Vec<Box<[MaybeUninit<u8>]>>);

impl Arenas {
    /// Memory for the pools of `layout`, which fit a chip. Strides on the host are multiples of its pointers.
    pub(super) fn new(layout: &Layout, carved: &Carved) -> Self {
        let bytes = |&pool: &usize| {
            layout.pools[pool].blocks as usize * (host_stride(carved.strides[pool]) + 1) + LINK_BYTES - 1
        };
        Arenas(by_size(layout).iter().map(|pool| Box::new_uninit_slice(bytes(pool))).collect())
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

struct Class<'m> {
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
    /// Blocks taken for requests of the next smaller class.
    spilled: u64,
}

/// The pools of a layout, and the rest of the heap they were carved from.
pub(super) struct Pools<'m> {
    pools: Vec<Class<'m>>,
    classes: Classes,
    rest: Heap,
    spill: bool,
    heap_fallback: bool,
    /// Requests that went to the rest of the heap because every class is too small, and because theirs was empty.
    pub(super) too_large: u64,
    /// Requests that lay in external RAM in the recording and that the rest of the heap served.
    pub(super) external: u64,
    pub(super) overflowed: u64,
}

/// What became of one pool.
pub(super) struct PoolState<'a> {
    pub(super) name: &'a str,
    pub(super) stats: Stats,
    pub(super) spilled: u64,
}

impl<'m> Pools<'m> {
    /// The pools of `layout`, which were carved out of `heap`; with `psram`, the rest of it may use external memory.
    pub(super) fn new(
        layout: &'m Layout,
        (heap, storage, strides): (ChipHeap, &[Range<u32>], &[u32]),
        arenas: &'m mut Arenas,
        psram: bool,
    ) -> Result<Self, Error> {
        let mut pools = Vec::new();
        for (at, memory) in by_size(layout).into_iter().zip(&mut arenas.0) {
            let base = memory.as_ptr().addr().next_multiple_of(LINK_BYTES);
            let pool = DynPool::new(memory, host_stride(strides[at]), LINK_BYTES)?;
            pools.push(Class {
                pool,
                name: &layout.pools[at].name,
                block_size: layout.pools[at].block_size,
                stride: strides[at],
                placement: layout.pools[at].placement,
                storage: storage[at].clone(),
                base,
                freed: None,
                spilled: 0,
            });
        }
        Ok(Pools {
            classes: Classes::new(pools.iter().map(|class| class.block_size).collect()),
            pools,
            rest: Heap::new(heap, psram),
            spill: layout.spill,
            heap_fallback: layout.heap_fallback,
            too_large: 0,
            external: 0,
            overflowed: 0,
        })
    }

    /// What became of each pool, in order of block size.
    pub(super) fn states(&self) -> impl Iterator<Item = PoolState<'_>> {
        let state = |class: &'_ Class<'m>| (class.name, class.pool.stats(), class.spilled);
        self.pools.iter().map(state).map(|(name, stats, spilled)| PoolState { name, stats, spilled })
    }

    /// Room in the rest of the heap, if requests may go there.
    pub(super) fn rest(&self) -> Option<Room> {
        self.heap_fallback.then(|| self.rest.room())
    }

    /// The pool for a block that lay in external RAM: the smallest one there that holds it. Without such a pool, the rest
    /// of the heap serves it, or where that is not allowed, any pool.
    fn external_rank(&self, size: u64) -> Option<usize> {
        let rank = self.classes.rank(size)?;
        let there = |rank: &usize| self.pools[*rank].placement == Placement::Psram;
        (rank..self.pools.len()).find(there).or(if self.heap_fallback { None } else { Some(rank) })
    }

    #[cold]
    fn otherwise(
        &mut self,
        size: u64,
        external: bool,
        rank: usize,
        error: Error,
    ) -> Result<(NonNull<u8>, u32), Refusal> {
        if error != Error::Exhausted {
            return Err(Refusal::Corrupt(rank));
        }
        if self.spill && rank + 1 < self.pools.len() {
            match self.pools[rank + 1].pool.alloc_raw() {
                Ok(block) => {
                    self.pools[rank + 1].spilled += 1;
                    return Ok((block, rank as u32 + 1));
                }
                Err(Error::Exhausted) => {}
                Err(_) => return Err(Refusal::Corrupt(rank + 1)),
            }
        }
        self.fall_back(size, external, Refusal::Exhausted(rank))
    }

    fn fall_back(
        &mut self,
        size: u64,
        external: bool,
        refusal: Refusal,
    ) -> Result<(NonNull<u8>, u32), Refusal> {
        if !self.heap_fallback {
            return Err(refusal);
        }
        let (block, tag) = self.rest.alloc(size, external).map_err(|_| Refusal::Heap)?;
        match refusal {
            Refusal::TooLarge if external => self.external += 1,
            Refusal::TooLarge => self.too_large += 1,
            _ => self.overflowed += 1,
        }
        Ok((block, tag | FROM_HEAP))
    }

    /// A block that was freed and not taken again, with the rank of its pool.
    fn dead_block(&self) -> Option<(usize, NonNull<u8>)> {
        let freed = self.pools.iter().enumerate().filter_map(|(rank, class)| Some((rank, class.freed?)));
        freed.into_iter().find(|(rank, block)| !self.pools[*rank].pool.owns(block.as_ptr()))
    }
}

impl Allocator for Pools<'_> {
    type Refusal = Refusal;

    #[inline]
    fn alloc(&mut self, size: u64, external: bool) -> Result<(NonNull<u8>, u32), Refusal> {
        let rank = if external { self.external_rank(size) } else { self.classes.rank(size) };
        let Some(rank) = rank else {
            return self.fall_back(size, external, Refusal::TooLarge);
        };
        match self.pools[rank].pool.alloc_raw() {
            Ok(block) => Ok((block, rank as u32)),
            Err(error) => self.otherwise(size, external, rank, error),
        }
    }

    #[inline]
    unsafe fn free(&mut self, block: NonNull<u8>, tag: u32) -> Result<(), Defect> {
        let Some(class) = self.pools.get_mut(tag as usize) else {
            // SAFETY: as the caller promises; a tag beyond the ranks is the heap's.
            return unsafe { self.rest.free(block, tag & !FROM_HEAP) };
        };
        class.freed = Some(block);
        // SAFETY: as the caller promises.
        unsafe { class.pool.free_raw(block.as_ptr()) }
            .map_err(|error| Defect::RightFreeRefused(error.to_string()))
    }

    /// The recording does not say which block was freed twice: one that is free is freed again.
    fn double_free(&mut self) -> Result<Outcome, Defect> {
        let Some((rank, block)) = self.dead_block() else { return Ok(Outcome::Skipped) };
        // SAFETY: not a live block: it was just seen to be free.
        match unsafe { self.pools[rank].pool.free_raw(block.as_ptr()) } {
            Err(Error::DoubleFree) => Ok(Outcome::Refused),
            _ => Err(Defect::WrongFreeAccepted),
        }
    }

    #[inline]
    fn grant(&self, tag: u32) -> Grant {
        match self.pools.get(tag as usize) {
            // The RAM was taken when the pool was created.
            Some(class) => Grant { given: class.stride, header: 0, ram: 0 },
            None => self.rest.grant(tag & !FROM_HEAP),
        }
    }

    fn explain(&self, size: u64, external: bool, refusal: Refusal) -> Reason {
        let name = |rank: usize| self.pools[rank].name;
        let (kind, message) = match refusal {
            Refusal::TooLarge => {
                ("too_large", format!("too large: the largest blocks have {} bytes", self.classes.largest()))
            }
            Refusal::Exhausted(rank) if self.spill && rank + 1 < self.pools.len() => (
                "exhausted",
                format!(
                    "exhausted: every block of pools `{}` and `{}` is in use",
                    name(rank),
                    name(rank + 1)
                ),
            ),
            Refusal::Exhausted(rank) => {
                let capacity = self.pools[rank].pool.stats().capacity as u64;
                let blocks = match capacity {
                    1 => "the one block".to_owned(),
                    _ => format!("all {}", plural(capacity, "block")),
                };
                ("exhausted", format!("exhausted: {blocks} of pool `{}` {} in use", name(rank), is(capacity)))
            }
            Refusal::Corrupt(rank) => ("corrupt", format!("corrupt: pool `{}` is damaged", name(rank))),
            Refusal::Heap => {
                let Reason { kind, message } = self.rest.explain(size, external, super::heap::NoMemory);
                (kind, format!("no pool serves it, and the rest of the heap is {message}"))
            }
        };
        Reason { kind, message }
    }

    fn place(&self, block: NonNull<u8>, tag: u32) -> Place {
        let Some(class) = self.pools.get(tag as usize) else {
            return self.rest.place(block, tag & !FROM_HEAP);
        };
        let index = class.pool.geometry().index_of(block.addr().get().wrapping_sub(class.base));
        let offset = index
            .and_then(|index| u32::try_from(index).ok())
            .and_then(|index| index.checked_mul(class.stride));
        let start = offset.and_then(|offset| class.storage.start.checked_add(offset)).unwrap_or(0);
        Place { block: start..start.saturating_add(class.stride), within: class.storage.clone() }
    }

    fn room(&self) -> Room {
        self.pools.iter().fold(Room::default(), |room, class| {
            let stats = class.pool.stats();
            let largest = if stats.free > 0 { u64::from(class.block_size) } else { 0 };
            let free = stats.free as u64 * u64::from(class.stride);
            Room { largest: room.largest.max(largest), free: room.free + free, ..Room::default() }
        })
    }

    fn audit(&self, blocks: u64, ram: u64) -> Result<(), Defect> {
        let mut used = 0;
        for class in &self.pools {
            let validated = class.pool.validate();
            validated.map_err(|error| Defect::Books(format!("pool `{}`: {error}", class.name)))?;
            used += class.pool.stats().used() as u64;
        }
        let rest = blocks.checked_sub(used);
        let wrong = || Defect::Books(format!("the pools count {used} live blocks, the program has {blocks}"));
        self.rest.audit(rest.ok_or_else(wrong)?, ram)
    }
}
