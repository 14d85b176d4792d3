//! Collections whose memory is a set of pools.
#![cfg(feature = "allocator-api2")]

use std::mem::MaybeUninit;

use allocator_api2::alloc::{Allocator, Layout};
use allocator_api2::boxed::Box;
use allocator_api2::vec::Vec;
use microusc_pool::{NoLock, Owns, PoolSet, SizeClass};

const CLASSES: [SizeClass; 3] = [
    SizeClass { block_size: 32, blocks: 4 },
    SizeClass { block_size: 128, blocks: 2 },
    SizeClass { block_size: 512, blocks: 1 },
];
const BYTES: usize = PoolSet::<3>::bytes_for(16, &CLASSES);
const MEMORY: [MaybeUninit<u8>; BYTES] = [MaybeUninit::uninit(); BYTES];

type Set<'m> = PoolSet<'m, 3, NoLock>;

fn used(set: &Set) -> [usize; 3] {
    set.stats().classes.map(|class| class.pool.used())
}

#[test]
fn box_occupies_one_block() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let value = Box::new_in([3u64; 10], &set);
    let nothing = Box::new_in((), &set);
    assert_eq!((value[9], used(&set)), (3, [0, 1, 0]));
    assert!(set.owns(value.as_ptr().cast()));
    drop((value, nothing));
    assert_eq!(used(&set), [0, 0, 0]);
    assert!(Box::try_new_in([0u8; 600], &set).is_err());
}

#[test]
fn vector_moves_only_when_it_outgrows_its_class() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let mut words = Vec::new_in(&set);
    let mut places = std::vec![];
    for word in 0..128u32 {
        words.push(word);
        places.push(words.as_ptr());
    }
    places.dedup();
    assert_eq!((places.len(), used(&set)), (3, [0, 0, 1]));
    assert!(words.iter().copied().eq(0..128));
    // Larger than every class: refused, and nothing lost.
    assert!(words.try_reserve(1000).is_err());
    assert!(words.iter().copied().eq(0..128));
    words.truncate(1);
    words.shrink_to_fit();
    assert_eq!((words.as_ptr(), used(&set)), (places[2], [0, 0, 1]));
    words.clear();
    words.shrink_to_fit();
    assert_eq!(used(&set), [0, 0, 0]);
    words.push(1);
    assert_eq!(used(&set), [1, 0, 0]);
    drop(words);
    assert_eq!(used(&set), [0, 0, 0]);
    assert_eq!(set.stats().refused, 0);
}

#[test]
fn allocation_is_the_whole_block_and_grown_bytes_are_zero() {
    let mut memory = MEMORY;
    let set = Set::new(&mut memory, 16, &CLASSES).unwrap();
    let allocator = &set;
    let layout = |size| Layout::from_size_align(size, 8).unwrap();
    let small = allocator.allocate(layout(20)).unwrap();
    assert_eq!(small.len(), 32);
    // SAFETY: this test owns every block, uses it within its length, and frees it once with a layout that fits.
    unsafe {
        small.cast::<u8>().write_bytes(9, 32);
        let same = allocator.grow_zeroed(small.cast(), layout(20), layout(30)).unwrap();
        assert_eq!(same, small);
        let bytes = |block: std::ptr::NonNull<[u8]>| block.as_ref();
        assert!(
            bytes(same)[..20].iter().all(|byte| *byte == 9)
                && bytes(same)[20..].iter().all(|byte| *byte == 0)
        );
        same.cast::<u8>().write_bytes(8, 32);
        let moved = allocator.grow_zeroed(same.cast(), layout(30), layout(100)).unwrap();
        assert_eq!((moved.len(), used(&set)), (128, [0, 1, 0]));
        assert!(bytes(moved)[..30].iter().all(|byte| *byte == 8));
        assert!(bytes(moved)[30..].iter().all(|byte| *byte == 0));
        let shrunk = allocator.shrink(moved.cast(), layout(100), layout(0)).unwrap();
        assert_eq!((shrunk.len(), used(&set)), (0, [0, 0, 0]));
        let grown = allocator.grow(shrunk.cast(), layout(0), layout(1)).unwrap();
        assert_eq!(used(&set), [1, 0, 0]);
        allocator.deallocate(grown.cast(), layout(1));
    }
    assert_eq!(used(&set), [0, 0, 0]);
}
