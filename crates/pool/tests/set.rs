//! Sets of size classes, case by case: how they are made, what they serve, and several threads at once.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;

use microusc_pool::{
    AllocSlice, ClassPool, DynPool, Error, NoLock, PoolBox, PoolSet, SizeClass, SizeClasses, SpinLock,
};

const fn class(block_size: usize, blocks: usize) -> SizeClass {
    SizeClass { block_size, blocks }
}

const CLASSES: [SizeClass; 3] = [class(16, 4), class(64, 2), class(256, 1)];
const BYTES: usize = PoolSet::<3>::bytes_for(16, &CLASSES);

type Memory = [MaybeUninit<u8>; BYTES];
type Set<'m> = PoolSet<'m, 3, NoLock>;

const MEMORY: Memory = [MaybeUninit::uninit(); BYTES];

fn used(set: &Set) -> [usize; 3] {
    set.stats().classes.map(|class| class.pool.used())
}

#[test]
fn impossible_set_is_refused_with_its_reason() {
    let refusal = |align, classes| Set::new(&mut { MEMORY }, align, &classes).err();
    let [small, middle, large] = CLASSES;
    assert_eq!(refusal(8, [small, large, middle]), Some(Error::ClassesUnsorted));
    assert_eq!(refusal(8, [middle, small, large]), Some(Error::ClassesUnsorted));
    assert_eq!(refusal(8, [small, middle, middle]), Some(Error::ClassesAlike));
    // Different sizes, and the same stride.
    assert_eq!(refusal(8, [class(9, 1), class(16, 1), large]), Some(Error::ClassesAlike));
    assert_eq!(refusal(8, [class(size_of::<usize>() - 1, 1), middle, large]), Some(Error::BlockTooSmall));
    assert_eq!(refusal(8, [class(0, 1), middle, large]), Some(Error::BlockTooSmall));
    assert_eq!(refusal(8, [small, class(64, 0), large]), Some(Error::NoBlocks));
    assert_eq!(refusal(24, CLASSES), Some(Error::BadAlignment));
    assert_eq!(refusal(8, [small, middle, class(256, usize::MAX / 300)]), Some(Error::TooLarge));
    assert_eq!(refusal(8, [small, middle, class(256, 100)]), Some(Error::UnsuitableMemory));
    for error in [Error::ClassesUnsorted, Error::ClassesAlike, Error::NoClass, Error::Initialized] {
        assert!(error.to_string().len() > 10);
    }
}

#[test]
fn bytes_for_is_enough_at_every_start_and_little_more() {
    let mut memory = [MaybeUninit::uninit(); BYTES + 16];
    for offset in 0..16 {
        assert!(Set::new(&mut memory[offset..][..BYTES], 16, &CLASSES).is_ok());
        assert_eq!(
            Set::new(&mut memory[offset..][..BYTES - 3 * 15 - 1], 16, &CLASSES).err(),
            Some(Error::UnsuitableMemory)
        );
    }
    assert_eq!(PoolSet::<1>::bytes_for(8, &[class(1, 1)]), usize::MAX);
    assert_eq!(PoolSet::<1>::bytes_for(3, &[class(64, 1)]), usize::MAX);
}

#[test]
fn bytes_for_counts_blocks_maps_and_the_padding_of_each_class() {
    let word = size_of::<usize>();
    for (align, padded_to) in [(1, word), (word, word), (16, 16), (64, 64)] {
        let blocks: usize =
            CLASSES.iter().map(|class| class.blocks * class.block_size.next_multiple_of(padded_to)).sum();
        assert_eq!(Set::bytes_for(align, &CLASSES), blocks + 7 + 3 * (padded_to - 1));
    }
}

#[test]
fn alignment_of_a_set_is_that_of_its_least_aligned_pool() {
    #[repr(align(128))]
    struct Aligned([MaybeUninit<u8>; 512]);
    let (mut one, mut two) = (Aligned([MaybeUninit::uninit(); 512]), Aligned([MaybeUninit::uninit(); 512]));
    for (sizes, offsets, align) in [
        ([24, 40], [0, 0], 8), // both strides have the same lowest bit
        ([32, 64], [0, 0], 32),
        ([64, 128], [8, 8], 8), // both addresses have
        ([64, 128], [0, 16], 16),
        ([24, 64], [8, 0], 8), // address and stride of one pool have
    ] {
        let pools = [
            DynPool::<NoLock>::new(&mut one.0[offsets[0]..], sizes[0], 8).unwrap(),
            DynPool::<NoLock>::new(&mut two.0[offsets[1]..], sizes[1], 8).unwrap(),
        ];
        assert_eq!(PoolSet::over(pools).unwrap().align(), align, "{sizes:?} at {offsets:?}");
    }
}

/// A set whose two searches are those of the trait: one class after another.
#[derive(Clone, Copy)]
struct Sequential<'a>(&'a Set<'a>);

impl<'a> SizeClasses for Sequential<'a> {
    type Class = <&'a Set<'a> as SizeClasses>::Class;

    fn classes(self) -> impl Iterator<Item = Self::Class> {
        self.0.classes()
    }

    fn class(self, rank: usize) -> Option<Self::Class> {
        SizeClasses::class(self.0, rank)
    }

    fn spills(self) -> bool {
        self.0.spills()
    }

    fn count_spilled(self, rank: usize) {
        self.0.count_spilled(rank);
    }

    fn count_no_class(self) {
        self.0.count_no_class();
    }
}

#[test]
fn search_by_bisection_and_in_sequence_find_the_same_class() {
    let mut memory = MEMORY;
    let addresses = memory.as_ptr_range();
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let sequential = Sequential(&set);
    assert!(set.classes().map(ClassPool::stride).eq(CLASSES.map(|class| class.block_size)));
    for size in 0..300 {
        let rank = (&set).class_for_size(size).map(ClassPool::rank);
        assert_eq!(rank, CLASSES.iter().position(|class| size <= class.block_size));
        assert_eq!(sequential.class_for_size(size).map(ClassPool::rank), rank);
    }
    let mut found = [0; 3];
    for address in addresses.start.addr() - 8..addresses.end.addr() + 8 {
        let rank = (&set).class_of_address(address).map(ClassPool::rank);
        assert_eq!(sequential.class_of_address(address).map(ClassPool::rank), rank);
        rank.inspect(|rank| found[*rank] += 1);
    }
    assert_eq!(found, CLASSES.map(|class| class.blocks * class.block_size));
}

#[test]
fn pools_that_are_not_in_order_of_size_are_refused() {
    let pool =
        |memory: &'static mut [MaybeUninit<u8>], size| DynPool::<NoLock>::new(memory, size, 8).unwrap();
    let leak = || Box::leak(Box::new([MaybeUninit::uninit(); 200]));
    let over = |sizes: [usize; 2]| PoolSet::over(sizes.map(|size| pool(leak(), size))).err();
    assert_eq!(over([64, 32]), Some(Error::ClassesUnsorted));
    assert_eq!(over([64, 60]), Some(Error::ClassesAlike));
    assert_eq!(over([32, 64]), None);
}

#[test]
fn spilled_block_is_freed_to_its_own_class() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap().with_spill(true);
    let small: Vec<_> = (0..6).map(|_| set.alloc(10, 1).unwrap()).collect();
    assert_eq!(used(&set), [4, 2, 0]);
    assert_eq!(small[5].len(), 64);
    // One class up, not two.
    assert_eq!(set.alloc(10, 1).err(), Some(Error::Exhausted));
    let stats = set.stats();
    assert_eq!(stats.classes.map(|class| class.misses()), [3, 1, 0]);
    assert_eq!(stats.classes.map(|class| class.spilled_in), [0, 2, 0]);
    drop(small);
    assert_eq!(used(&set), [0, 0, 0]);
}

#[test]
fn damaged_class_is_not_treated_as_exhausted() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap().with_spill(true);
    let block = PoolBox::into_raw(set.alloc_value(1usize).unwrap());
    // SAFETY: the block is ours, and freed once; then it is written to, as a broken program would.
    unsafe {
        set.free_raw(block.as_ptr().cast()).unwrap();
        block.write(1);
    }
    // The first alloc allocates the block with its broken link, the second one meets that link.
    let _first = set.alloc_raw(1, 1).unwrap();
    assert_eq!(set.alloc_raw(1, 1), Err(Error::Corrupt));
    assert_eq!(set.stats().classes[1].spilled_in, 0);
    set.pool(0).unwrap().repair();
    assert!(set.alloc_raw(1, 1).is_ok());
}

#[test]
fn request_above_the_largest_class_is_refused_and_zero_bytes_are_served_as_one() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let before = set.stats();
    for size in [257, usize::MAX] {
        assert_eq!(set.alloc_raw(size, 1), Err(Error::NoClass));
        assert_eq!(set.alloc(size, 1).err(), Some(Error::NoClass));
    }
    assert_eq!((set.stats().classes, set.stats().no_class), (before.classes, 4));
    let nothing = set.alloc(0, 1).unwrap();
    assert_eq!((nothing.len(), used(&set)), (16, [1, 0, 0]));
    // A live block is not freed for a block that no class has.
    let block = PoolBox::into_raw(nothing).cast::<u8>().as_ptr();
    // SAFETY: ours; it is freed once.
    unsafe {
        assert_eq!(set.realloc_raw(block, 257, 1), Err(Error::NoClass));
        assert_eq!(set.realloc_raw(block, 0, 1).map(|kept| kept.as_ptr()), Ok(block));
        assert_eq!(set.free_raw(block), Ok(()));
    }
}

#[test]
fn alignment_that_is_not_a_power_of_two_is_refused() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    for align in [0, 3, 12, 1 << 20] {
        assert_eq!(set.alloc_raw(8, align), Err(Error::NoClass));
    }
    assert_eq!(set.stats().no_class, 4);
}

#[test]
fn values_and_slices_use_the_class_that_fits_and_are_dropped() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let alive = Rc::new(());
    let value = set.alloc_value([0u64; 8]).unwrap();
    let nothing = set.alloc_value(()).unwrap();
    let slice = set.alloc_slice_filled(32, alive.clone()).unwrap();
    assert_eq!((used(&set), slice.len(), Rc::strong_count(&alive)), ([1, 1, 1], 32, 33));
    let rejected = set.alloc_value([7u8; 300]).unwrap_err();
    assert_eq!((rejected.error, rejected.value), (Error::NoClass, [7; 300]));
    assert_eq!(set.alloc_slice_filled(usize::MAX, 0u16).err(), Some(Error::TooLarge));
    drop((value, nothing, slice));
    assert_eq!((used(&set), Rc::strong_count(&alive)), ([0, 0, 0], 1));
    assert!(set.alloc_slice_filled(0, 1u8).unwrap().is_empty());
}

/// An iterator that says one length and has another, or panics.
struct Liar {
    stated: usize,
    left: usize,
    panics: bool,
    yields: Rc<()>,
}

impl Iterator for Liar {
    type Item = Rc<()>;

    fn next(&mut self) -> Option<Rc<()>> {
        assert!(!self.panics || self.left > 0, "as announced");
        self.left = self.left.checked_sub(1)?;
        Some(self.yields.clone())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.stated, Some(self.stated))
    }
}

impl ExactSizeIterator for Liar {
    fn len(&self) -> usize {
        self.stated
    }
}

#[test]
fn iterator_with_a_wrong_length_or_a_panic_leaks_nothing() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let alive = Rc::new(());
    let liar = |stated, left, panics| Liar { stated, left, panics, yields: alive.clone() };
    assert_eq!(set.alloc_slice(liar(5, 3, false)).unwrap().len(), 3);
    assert_eq!(set.alloc_slice(liar(5, 30, false)).unwrap().len(), 5);
    assert!(catch_unwind(AssertUnwindSafe(|| set.alloc_slice(liar(5, 3, true)))).is_err());
    assert_eq!((used(&set), Rc::strong_count(&alive)), ([0, 0, 0], 1));
}

#[test]
fn threads_with_requests_of_all_sizes_keep_their_blocks_apart() {
    const ROUNDS: usize = if cfg!(miri) { 50 } else { 20_000 };
    let mut memory = MEMORY;
    let set: PoolSet<3, SpinLock> = PoolSet::new(&mut memory, 16, &CLASSES).unwrap().with_spill(true);
    let work = |id: usize| {
        let (mut served, mut denied) = (0u32, 0u32);
        for round in 0..ROUNDS {
            let seal = (id * ROUNDS + round) as u8 | 1;
            let size = 1 + (round * 7 + id * 13) % 200;
            let Ok(mut block) = set.alloc_slice_filled(size, seal) else {
                denied += 1;
                continue;
            };
            served += 1;
            thread::yield_now();
            assert!(block.iter().all(|byte| *byte == seal), "another owner wrote here");
            block.fill(!seal);
            let old = PoolBox::into_raw(block).cast::<u8>().as_ptr();
            // SAFETY: ours until here; what is returned, or the old one if it is refused, is freed once.
            unsafe {
                let kept = set.realloc_raw(old, size + 60, 1).map_or(old, |new| new.as_ptr());
                assert!((0..size).all(|at| kept.add(at).read() == !seal), "lost on the way");
                set.free_raw(kept).unwrap();
            }
        }
        (served, denied)
    };
    let totals: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|id| scope.spawn(move || work(id))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let served: u32 = totals.iter().map(|(served, _)| served).sum();
    let denied: u32 = totals.iter().map(|(_, denied)| denied).sum();
    assert_eq!((served + denied) as usize, 4 * ROUNDS);
    assert!(served > 0);
    let stats = set.stats();
    assert_eq!((stats.refused, stats.no_class > 0), (0, true));
    for (rank, class) in stats.classes.iter().enumerate() {
        assert_eq!((class.pool.used(), class.pool.refused, class.pool.damaged), (0, 0, 0));
        assert_eq!(set.pool(rank).unwrap().validate(), Ok(()));
    }
}
