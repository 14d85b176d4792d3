//! Sets of the Rust crate, as their model drives them; and one class of a set as a pool.

use alloc::boxed::Box;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use microusc_pool::{DynPool, NoLock, Owns, PoolSet, RawLock, SizeClass};

use crate::pools::{Memory, ModelledPool, Pinned, PoolHolder, SharedPool, counts, refusal};
use crate::{ClassCounts, Counts, Refusal, SetCounts, SetUnderTest};

const ALIGN: usize = 16;
const CLASSES: [SizeClass; 4] = [
    SizeClass { block_size: 9, blocks: 3 },
    SizeClass { block_size: 48, blocks: 2 },
    SizeClass { block_size: 50, blocks: 5 },
    SizeClass { block_size: 256, blocks: 1 },
];
/// The strides of the classes in a [`WholeSet`].
pub const STRIDES: [usize; 4] = [16, 48, 64, 256];
/// Bytes that suffice for each of the classes with its allocation map.
const PAGE: usize = 512;

/// Memory for a set, aligned so that the classes lie in the chosen order of addresses.
#[repr(align(512))]
struct Pages([[MaybeUninit<u8>; PAGE]; 4]);

/// A set of four classes with its memory.
pub struct WholeSet {
    // In the order in which they are dropped. `None` while the set is changed.
    set: Option<PoolSet<'static, 4, NoLock>>,
    _memory: Pinned<Pages>,
}

impl WholeSet {
    fn new(make: impl FnOnce(&'static mut Pages) -> PoolSet<'static, 4, NoLock>) -> Self {
        let memory = Pinned::new(Box::new(Pages([[MaybeUninit::uninit(); PAGE]; 4])));
        // SAFETY: only this set borrows it, and is dropped before it.
        let set = make(unsafe { memory.borrow_mut() });
        Self { set: Some(set), _memory: memory }
    }

    /// All classes in one memory, which begins `offset` bytes after an aligned address.
    pub fn in_one_memory(offset: usize) -> Self {
        Self::new(|memory| {
            let memory = &mut memory.0.as_flattened_mut()[offset..];
            PoolSet::new(memory, ALIGN, &CLASSES).expect("the memory is large enough")
        })
    }

    /// Each class in memory of its own: the class of rank i in the page `order[i]`.
    pub fn in_separate_memories(order: [usize; 4]) -> Self {
        Self::new(|memory| {
            let mut pages = memory.0.each_mut().map(Some);
            let pools = core::array::from_fn(|rank| {
                let SizeClass { block_size, blocks } = CLASSES[rank];
                let page = pages[order[rank]].take().expect("each page is in `order` once");
                let bytes = blocks * (block_size.next_multiple_of(ALIGN) + 1);
                DynPool::new(&mut page[..bytes], block_size, ALIGN).expect("a page is large enough")
            });
            PoolSet::over(pools).expect("the classes are in order")
        })
    }

    fn set(&self) -> &PoolSet<'static, 4, NoLock> {
        self.set.as_ref().expect("there is a set, except in `set_spill`")
    }

    fn class(&self, rank: usize) -> &DynPool<'static, NoLock> {
        self.set().pool(rank).expect("there are four classes")
    }
}

impl SetUnderTest for WholeSet {
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
        // The set moves; its blocks do not.
        self.set = self.set.take().map(|set| set.with_spill(spill));
    }
    fn base(&mut self, rank: usize) -> *mut u8 {
        self.class(rank).base().as_ptr()
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
        (0..CLASSES.len()).all(|rank| self.class(rank).validate().is_ok())
    }
}

/// The middle one of three classes of a set, used as a pool through the set.
pub struct ClassOfSet<'a, L: RawLock> {
    set: &'a PoolSet<'static, 3, L>,
    request: usize,
}

impl<L: RawLock> Clone for ClassOfSet<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: RawLock> Copy for ClassOfSet<'_, L> {}

impl<'a, L: RawLock> ClassOfSet<'a, L> {
    /// The class of rank 1 of `set`, whose blocks are the smallest that hold `request` bytes.
    pub fn new(set: &'a PoolSet<'static, 3, L>, request: usize) -> Self {
        Self { set, request }
    }

    fn class(self) -> &'a DynPool<'static, L> {
        self.set.pool(1).expect("there are three classes")
    }
}

impl<L: RawLock> SharedPool for ClassOfSet<'_, L> {
    fn alloc(self) -> Result<NonNull<u8>, Refusal> {
        self.set.alloc_raw(self.request, align_of::<usize>()).map_err(refusal)
    }
    unsafe fn free(self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: as the caller promises.
        unsafe { self.set.free_raw(block) }.map_err(refusal)
    }
    fn is_whole(self) -> bool {
        self.set.stats().refused == 0
            && (0..3).all(|rank| self.set.pool(rank).is_some_and(|pool| pool.is_whole()))
    }
}

impl<L: RawLock> ModelledPool for ClassOfSet<'_, L> {
    const HAS_LINKS: bool = true;

    fn counts(self) -> Counts {
        let stats = self.set.stats();
        let of_class = counts(stats.classes[1].pool);
        // An address outside every class is refused by the set, one behind the last block of another class by that class.
        let elsewhere = stats.refused + stats.classes[0].pool.refused + stats.classes[2].pool.refused;
        Counts { refused: of_class.refused + elsewhere, ..of_class }
    }
    fn validate(self) -> bool {
        self.class().validate().is_ok()
    }
    fn repair(self) -> usize {
        self.class().repair()
    }
    fn reset_lowest_free(self) {
        self.class().reset_lowest_free();
    }
}

/// A set of which the model drives one class, with the memory of the set.
pub struct SetWithOneDrivenClass<L: RawLock + 'static> {
    // In the order in which they are dropped.
    set: PoolSet<'static, 3, L>,
    _memory: Memory,
    block_size: usize,
}

impl<L: RawLock> SetWithOneDrivenClass<L> {
    /// The class has as many blocks of `block_size` bytes as the model asks for at most. The other two have one block each,
    /// of half and of twice the size: no block of theirs is whole strides away from one of the class, so that an address
    /// outside the class is never a block.
    pub fn new(block_size: usize) -> Self {
        let classes = [
            SizeClass { block_size: block_size / 2, blocks: 1 },
            SizeClass { block_size, blocks: crate::pool_model::MOST_BLOCKS },
            SizeClass { block_size: 2 * block_size, blocks: 1 },
        ];
        let align = align_of::<usize>();
        let memory = Memory::of_bytes(PoolSet::<3, L>::bytes_for(align, &classes));
        // SAFETY: only this set borrows it, and is dropped before it.
        let set =
            PoolSet::new(unsafe { memory.bytes() }, align, &classes).expect("the memory is large enough");
        Self { set, _memory: memory, block_size }
    }
}

impl<L: RawLock + 'static> PoolHolder for SetWithOneDrivenClass<L> {
    type Pool<'a> = ClassOfSet<'a, L>;

    fn pool(&self) -> ClassOfSet<'_, L> {
        ClassOfSet::new(&self.set, self.block_size - size_of::<usize>() / 2)
    }
    fn replace(&mut self, _: usize, _: usize) {
        *self = Self::new(self.block_size);
    }
}
