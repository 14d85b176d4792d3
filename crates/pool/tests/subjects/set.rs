//! A set as its shadow sees it, for property tests and the fuzzer.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use microusc_pool::{DynPool, Error, NoLock, Owns, PoolSet, SizeClass};
use microusc_testkit::{ClassCounts, Refusal, SetCounts, SetSubject};

const ALIGN: usize = 16;
const CLASSES: [SizeClass; 4] = [
    SizeClass { block_size: 9, blocks: 3 },
    SizeClass { block_size: 48, blocks: 2 },
    SizeClass { block_size: 50, blocks: 5 },
    SizeClass { block_size: 256, blocks: 1 },
];
/// Enough for any of the classes with its marks.
const PAGE: usize = 512;

/// Memory for the set, aligned so that the order of addresses is the one chosen.
#[repr(align(512))]
struct Memory([[MaybeUninit<u8>; PAGE]; 4]);

/// A set with its memory.
pub(crate) struct RustSet {
    /// `None` while it is being changed.
    set: Option<PoolSet<'static, 4, NoLock>>,
    memory: *mut Memory,
}

impl RustSet {
    fn new(make: impl FnOnce(&'static mut Memory) -> PoolSet<'static, 4, NoLock>) -> Self {
        let memory = Box::into_raw(Box::new(Memory([[MaybeUninit::uninit(); PAGE]; 4])));
        // SAFETY: just made, lives until `drop`, and is used through the set only.
        Self { set: Some(make(unsafe { &mut *memory })), memory }
    }

    /// All classes in one memory, which begins so many bytes after a round address.
    pub(crate) fn in_one_memory(offset: usize) -> Self {
        Self::new(|memory| PoolSet::new(&mut memory.0.as_flattened_mut()[offset..], ALIGN, &CLASSES).unwrap())
    }

    /// Each class in a memory of its own: the class of rank i in the page `order[i]`.
    pub(crate) fn of_memories(order: [usize; 4]) -> Self {
        Self::new(|memory| {
            let mut pages = memory.0.each_mut().map(Some);
            let pools = std::array::from_fn(|rank| {
                let SizeClass { block_size, blocks } = CLASSES[rank];
                let room = pages[order[rank]].take().unwrap();
                let bytes = blocks * (block_size.next_multiple_of(ALIGN) + 1);
                DynPool::new(&mut room[..bytes], block_size, ALIGN).unwrap()
            });
            PoolSet::over(pools).unwrap()
        })
    }

    fn set(&self) -> &PoolSet<'static, 4, NoLock> {
        self.set.as_ref().expect("it is being changed for a moment only")
    }
}

impl Drop for RustSet {
    fn drop(&mut self) {
        self.set = None;
        // SAFETY: made from a box in `new`; the set over it is gone.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Exhausted => Refusal::Exhausted,
        Error::NotABlock => Refusal::NotABlock,
        Error::DoubleFree => Refusal::DoubleFree,
        Error::NoClass => Refusal::NoClass,
        other => panic!("{other} is no answer to an operation"),
    }
}

impl SetSubject for RustSet {
    const ALIGN: Option<usize> = Some(ALIGN);

    fn alloc(&mut self, size: usize, align: usize) -> Result<NonNull<u8>, Refusal> {
        assert_eq!(self.set().align(), ALIGN);
        self.set().alloc_raw(size, align).map_err(refusal)
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.set().free_raw(block) }.map_err(refusal)
    }
    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> Result<NonNull<u8>, Option<Refusal>> {
        // SAFETY: as the caller promises.
        unsafe { self.set().realloc_raw(block, size, 1) }.map_err(|error| Some(refusal(error)))
    }
    fn usable_size(&mut self, block: *mut u8) -> Option<usize> {
        let usable = self.set().usable_size(block);
        assert_eq!(self.set().owns(block), usable.is_some());
        assert!(self.set().contains(block) || usable.is_none());
        usable
    }
    fn set_spill(&mut self, spill: bool) {
        // It moves; its blocks do not.
        self.set = self.set.take().map(|set| set.with_spill(spill));
    }
    fn base(&mut self, rank: usize) -> *mut u8 {
        self.set().pool(rank).unwrap().base().as_ptr()
    }
    fn counts(&mut self) -> SetCounts {
        let stats = self.set().stats();
        let classes = stats.classes.map(|class| ClassCounts {
            stride_bytes: class.pool.stride_bytes,
            capacity: class.pool.capacity,
            used: class.pool.used(),
            lowest_free: class.pool.lowest_free,
            misses: class.misses(),
            spilled_in: class.spilled_in,
            refused: class.pool.refused,
        });
        SetCounts { classes: classes.into(), no_class: stats.no_class, refused: stats.refused }
    }
    fn validate(&mut self) -> bool {
        (0..4).all(|rank| self.set().pool(rank).unwrap().validate().is_ok())
    }
}
