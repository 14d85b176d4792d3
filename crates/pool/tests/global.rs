//! A whole program, this one, that lives in pools, with the system's allocator for the rest.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use microusc_pool::{Error, GlobalSet, NoFallback, Owns, PoolSet, SizeClass};

/// The system's allocator, counted.
struct Counted {
    live: AtomicUsize,
}

// SAFETY: the system's allocator, and a number beside it.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.live.fetch_add(1, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.live.fetch_sub(1, Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

const CLASSES: [SizeClass; 3] = [
    SizeClass { block_size: 64, blocks: 400 },
    SizeClass { block_size: 512, blocks: 50 },
    SizeClass { block_size: 4096, blocks: 4 },
];
const BYTES: usize = PoolSet::<3>::bytes_for(16, &CLASSES);

#[global_allocator]
static HEAP: GlobalSet<3, Counted> = GlobalSet::new(Counted { live: AtomicUsize::new(0) });

/// Gives this program its set.
fn set() -> &'static PoolSet<'static, 3> {
    // From the fallback, as there is no set yet; it finds its way back to it, too.
    let early = vec![1u8; 40];
    let set = HEAP.init(PoolSet::new(memory(), 16, &CLASSES).unwrap()).unwrap();
    assert!(!set.contains(early.as_ptr()));
    let before = fallback();
    drop(early);
    assert_eq!(fallback(), before - 1);
    set
}

fn memory() -> &'static mut [MaybeUninit<u8>] {
    Box::leak(Box::<[u8]>::new_uninit_slice(BYTES))
}

fn main() {
    let set = set();
    small_and_large_go_their_ways(set);
    a_vector_grows_from_class_to_class_and_out(set);
    an_empty_class_falls_back(set);
    a_map_of_strings_lives_in_pools(set);
    zeroed_blocks_are_zero(set);
    a_second_set_is_refused();
    without_a_fallback_an_allocation_fails();
    let stats = set.stats();
    assert_eq!(stats.refused, 0);
    for class in stats.classes {
        assert_eq!((class.pool.refused, class.pool.damaged), (0, 0));
        assert!(class.pool.capacity > class.pool.lowest_free);
    }
}

fn fallback() -> usize {
    HEAP.fallback().live.load(Relaxed)
}

fn small_and_large_go_their_ways(set: &PoolSet<3>) {
    let before = (set.stats().classes[1].pool.used(), fallback());
    let small = Box::new([1u8; 300]);
    let large = vec![2u8; 100_000];
    assert_eq!((set.stats().classes[1].pool.used(), fallback()), (before.0 + 1, before.1 + 1));
    assert!(set.owns(small.as_ptr()));
    assert!(!set.contains(large.as_ptr()));
    drop((small, large));
    assert_eq!((set.stats().classes[1].pool.used(), fallback()), before);
}

fn a_vector_grows_from_class_to_class_and_out(set: &PoolSet<3>) {
    let (mut moves, mut place, mut in_pools) = (0, std::ptr::null(), 0);
    let used = || set.stats().classes.map(|class| class.pool.used());
    let before = (used(), fallback());
    let mut words: Vec<u32> = Vec::new();
    for word in 0..10_000 {
        words.push(word);
        if words.as_ptr() != place {
            place = words.as_ptr();
            moves += 1;
            in_pools += usize::from(set.owns(place.cast()));
        }
    }
    assert!(words.iter().copied().eq(0..10_000));
    // 64, 512 and 4096 bytes, each used to its end before the next; then out of the pools.
    assert!(in_pools == 3 && moves > 3, "{moves} places, {in_pools} in pools");
    assert!(!set.contains(place.cast()));
    // What it left behind in the pools is free again.
    assert_eq!((used(), fallback()), (before.0, before.1 + 1));
    drop(words);
    assert_eq!((used(), fallback()), before);
}

fn an_empty_class_falls_back(set: &PoolSet<3>) {
    let (before, free) = (fallback(), set.stats().classes[2].pool.free);
    let misses = set.stats().classes[2].misses();
    let pages: [Box<[u8; 4000]>; 6] = std::array::from_fn(|at| Box::new([at as u8; 4000]));
    let from_set = pages.iter().filter(|page| set.owns(page.as_ptr())).count();
    assert_eq!((from_set, fallback()), (free, before + 6 - free));
    assert_eq!(set.stats().classes[2].misses() as usize, misses as usize + 6 - free);
    assert!(pages.iter().enumerate().all(|(at, page)| page.iter().all(|byte| usize::from(*byte) == at)));
    drop(pages);
    assert_eq!((set.stats().classes[2].pool.free, fallback()), (free, before));
}

fn a_map_of_strings_lives_in_pools(set: &PoolSet<3>) {
    let before = (set.stats().classes.map(|class| class.pool.used()), fallback());
    let map: BTreeMap<u32, String> = (0..100).map(|n| (n, format!("number {n}"))).collect();
    assert!(map.values().all(|text| set.owns(text.as_ptr())));
    assert_eq!(fallback(), before.1);
    assert_eq!(map[&42], "number 42");
    drop(map);
    assert_eq!((set.stats().classes.map(|class| class.pool.used()), fallback()), before);
}

fn zeroed_blocks_are_zero(set: &PoolSet<3>) {
    drop(vec![0xFFu8; 500]);
    let zeros = vec![0u8; 500];
    assert!(set.owns(zeros.as_ptr()));
    assert!(zeros.iter().all(|byte| *byte == 0));
}

fn a_second_set_is_refused() {
    let second = PoolSet::new(memory(), 16, &CLASSES).unwrap();
    assert_eq!(HEAP.init(second).err(), Some(Error::Initialized));
}

fn without_a_fallback_an_allocation_fails() {
    static ALONE: GlobalSet<1> = GlobalSet::new(NoFallback);
    let layout = Layout::new::<[u64; 8]>();
    let larger = Layout::new::<[u64; 9]>();
    // SAFETY: the layouts have sizes; every block is used and freed once.
    unsafe {
        assert!(ALONE.alloc(layout).is_null());
        let memory = Box::leak(Box::new([MaybeUninit::uninit(); 200]));
        ALONE.init(PoolSet::new(memory, 8, &[SizeClass { block_size: 64, blocks: 1 }]).unwrap()).unwrap();
        let block = ALONE.alloc(layout);
        assert!(!block.is_null());
        assert!(ALONE.alloc(layout).is_null());
        block.write_bytes(5, 64);
        // Refused, and the block is as it was.
        assert!(ALONE.realloc(block, layout, larger.size()).is_null());
        assert!((0..64).all(|at| block.add(at).read() == 5));
        assert_eq!(ALONE.realloc(block, layout, 1), block);
        ALONE.dealloc(block, layout);
        ALONE.dealloc(block, layout); // refused and counted
    }
    let stats = ALONE.set().unwrap().stats();
    assert_eq!((stats.classes[0].pool.used(), stats.classes[0].pool.refused), (0, 1));
}
