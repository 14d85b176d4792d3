//! What every pool guarantees: wrong frees are refused, geometry that cannot work is refused, no block has two owners, and no value
//! is lost.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicUsize, Ordering};

use microusc_pool::{DynPool, Error, Geometry, NoLock, Pool, PoolBox, SpinLock};

const WORD: usize = size_of::<usize>();

#[repr(align(16))]
struct Memory([MaybeUninit<u8>; 4096]);

impl Memory {
    fn new() -> Self {
        Self([MaybeUninit::uninit(); 4096])
    }
}

fn pool(memory: &mut Memory, size: usize, count: usize) -> DynPool<'_, NoLock> {
    let bytes = (size.next_multiple_of(WORD) + 1) * count;
    DynPool::new(&mut memory.0[..bytes], size, 1).unwrap()
}

#[test]
fn free_counter_rises_again_with_each_free() {
    let mut memory = Memory::new();
    let pool = pool(&mut memory, 32, 4);
    for _ in 0..10 {
        let block = pool.alloc().unwrap();
        assert_eq!(pool.stats().free, 3);
        drop(block);
        assert_eq!(pool.stats().free, 4);
    }
}

#[test]
fn double_free_is_refused_and_no_block_has_two_owners() {
    let mut memory = Memory::new();
    let pool = pool(&mut memory, 32, 4);
    let block = pool.alloc_raw().unwrap();
    // SAFETY: ours; the second time it is a misuse, which is the point.
    unsafe {
        pool.free_raw(block.as_ptr()).unwrap();
        assert_eq!(pool.free_raw(block.as_ptr()), Err(Error::DoubleFree));
    }
    assert_ne!(pool.alloc_raw().unwrap(), pool.alloc_raw().unwrap());
    assert_eq!(pool.validate(), Ok(()));
}

#[test]
fn free_of_a_stack_pointer_is_refused() {
    let mut memory = Memory::new();
    let pool = pool(&mut memory, 32, 4);
    let mut local = [0usize; 4];
    // SAFETY: no block of the pool, which is the point.
    assert_eq!(unsafe { pool.free_raw(local.as_mut_ptr().cast()) }, Err(Error::NotABlock));
    while let Ok(block) = pool.alloc_raw() {
        assert_ne!(block.as_ptr(), local.as_mut_ptr().cast());
    }
    assert_eq!(local, [0; 4]);
}

#[test]
fn free_of_a_block_of_another_pool_is_refused() {
    let (mut one, mut two) = (Memory::new(), Memory::new());
    let (one, two) = (pool(&mut one, 32, 4), pool(&mut two, 32, 4));
    let block = two.alloc_raw().unwrap();
    // SAFETY: no block of this pool, which is the point.
    assert_eq!(unsafe { one.free_raw(block.as_ptr()) }, Err(Error::NotABlock));
    assert_eq!((one.stats().refused, one.stats().free, two.stats().used()), (1, 4, 1));
}

#[test]
fn free_of_an_interior_pointer_is_refused() {
    let mut memory = Memory::new();
    let pool = pool(&mut memory, 48, 4);
    let block = pool.alloc_raw().unwrap().as_ptr();
    for inside in 1..48 {
        // SAFETY: no block of the pool, which is the point.
        assert_eq!(unsafe { pool.free_raw(block.wrapping_add(inside)) }, Err(Error::NotABlock));
    }
}

#[test]
fn block_smaller_than_a_pointer_is_refused() {
    let mut memory = Memory::new();
    for size in 0..WORD {
        assert_eq!(DynPool::<NoLock>::new(&mut memory.0, size, 1).err(), Some(Error::BlockTooSmall));
    }
    // A typed pool makes room for the link instead.
    static BYTES: Pool<u8, 3, SpinLock> = Pool::new();
    let handles: Vec<_> = (0..3).map(|value| BYTES.alloc(value).unwrap()).collect();
    assert!(handles.iter().zip(0u8..).all(|(handle, value)| **handle == value));
    assert_eq!(BYTES.stats().stride_bytes, WORD);
}

#[test]
fn size_whose_product_wraps_is_refused() {
    // On a 32-bit target 0x4000_0001 * 4 is 4: four blocks linked through four bytes.
    let quarter = (usize::MAX >> 2) + 1;
    assert_eq!(Geometry::new(quarter + 1, WORD, 4), Err(Error::TooLarge));
}

#[test]
fn blocks_of_30_bytes_are_aligned_for_links() {
    let mut memory = Memory::new();
    let pool = pool(&mut memory, 30, 10);
    while let Ok(block) = pool.alloc_raw() {
        assert!(block.cast::<usize>().is_aligned());
    }
}

#[test]
fn blocks_are_aligned_in_memory_with_any_start() {
    let mut memory = Memory::new();
    for skew in 0..16 {
        let pool = DynPool::<NoLock>::new(&mut memory.0[skew..2000], 24, 16).unwrap();
        assert!(pool.geometry().capacity() >= (2000 - 16 - 15) / 33);
        while let Ok(block) = pool.alloc_raw() {
            assert!(block.addr().get().is_multiple_of(16));
        }
    }
}

#[test]
fn forged_link_is_never_allocated() {
    let mut memory = Memory::new();
    let mut victim = [7usize; 8];
    let pool = pool(&mut memory, 32, 4);
    let block = pool.alloc_raw().unwrap().cast::<usize>();
    // SAFETY: ours to return; the write after that is the misuse at hand.
    unsafe {
        pool.free_raw(block.as_ptr().cast()).unwrap();
        block.write(victim.as_mut_ptr().addr());
    }
    assert_eq!(pool.validate(), Err(Error::Corrupt));
    assert!(pool.alloc_raw().is_ok(), "the block itself is sound");
    assert_eq!(pool.alloc_raw(), Err(Error::Corrupt));
    assert_eq!(victim, [7; 8]);
    pool.repair();
    assert_eq!(pool.validate(), Ok(()));
    assert_eq!((0..4).filter(|_| pool.alloc_raw().is_ok()).count(), 3);
    assert_eq!(pool.alloc_raw(), Err(Error::Exhausted));
}

#[test]
fn validate_finds_a_cycle_in_the_free_list() {
    let mut memory = Memory::new();
    let pool = pool(&mut memory, 32, 4);
    let blocks: Vec<_> = (0..4).map(|_| pool.alloc_raw().unwrap()).collect();
    for block in &blocks {
        // SAFETY: ours to return.
        unsafe { pool.free_raw(block.as_ptr()).unwrap() };
    }
    // The last block of the list points back at the first: as many steps as there are blocks, and no end.
    // SAFETY: a write after free, the misuse at hand.
    unsafe { blocks[0].cast::<usize>().write(blocks[3].addr().get()) };
    assert_eq!(pool.validate(), Err(Error::Corrupt));
    let handed_out: Vec<_> = std::iter::from_fn(|| pool.alloc_raw().ok()).collect();
    assert_eq!(handed_out.len(), 4, "each block once, then no more");
}

#[test]
fn failed_alloc_returns_the_value() {
    static POOL: Pool<String, 1, SpinLock> = Pool::new();
    let kept = POOL.alloc("first".into()).unwrap();
    let rejected = POOL.alloc("second".into()).unwrap_err();
    assert_eq!((rejected.error, rejected.value.as_str()), (Error::Exhausted, "second"));
    assert_eq!(kept.as_str(), "first");
}

#[test]
fn dropping_a_handle_drops_its_value() {
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    static POOL: Pool<Counted, 2, SpinLock> = Pool::new();
    let first = POOL.alloc_with(|| Counted).unwrap();
    let second = PoolBox::into_raw(PoolBox::write(POOL.alloc_uninit().unwrap(), Counted));
    drop(first);
    assert_eq!(DROPS.load(Ordering::Relaxed), 1);
    // SAFETY: from `into_raw`, used once.
    drop(unsafe { PoolBox::from_raw(&POOL, second) }.unwrap());
    assert_eq!(DROPS.load(Ordering::Relaxed), 2);
    // SAFETY: free by now, so it is refused.
    assert!(unsafe { PoolBox::from_raw(&POOL, second) }.is_err());
}

#[test]
fn two_threads_never_get_the_same_block() {
    static POOL: Pool<[AtomicUsize; 4], 6, SpinLock> = Pool::new();
    std::thread::scope(|scope| {
        for owner in 1..=4 {
            scope.spawn(move || {
                for _ in 0..if cfg!(miri) { 50 } else { 50_000 } {
                    let Ok(block) = POOL.alloc_with(|| std::array::from_fn(|_| owner.into())) else {
                        continue;
                    };
                    assert!(block.iter().all(|word| word.load(Ordering::Relaxed) == owner));
                }
            });
        }
    });
    assert_eq!((POOL.stats().used(), POOL.stats().damaged, POOL.validate()), (0, 0, Ok(())));
}

#[test]
fn static_pool_is_all_zero() {
    // All zero bytes: the linker puts it where nothing is stored and nothing is copied.
    static POOL: Pool<[u32; 100], 100, SpinLock> = Pool::new();
    let bytes = (&raw const POOL).cast::<u8>();
    let before = size_of_val(&POOL) - 100 * 400;
    // SAFETY: the fields before the blocks are initialised, and nothing else uses the pool.
    assert!((0..before).all(|at| unsafe { bytes.add(at).read() } == 0));
    assert_eq!(POOL.stats().free, 100);
}

#[test]
fn locks_order_other_memory() {
    // A block's content, written by one thread, is seen by the next owner in another.
    static POOL: Pool<usize, 1, SpinLock> = Pool::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for turn in 0..if cfg!(miri) { 20 } else { 20_000usize } {
                    if let Ok(mut block) = POOL.alloc(turn) {
                        *block += 1;
                        assert_eq!(*block, turn + 1);
                    }
                }
            });
        }
    });
}

#[test]
fn reserve_is_kept_from_tasks_and_changes_no_other_rule() {
    // Behind the gate that a reserve closes every answer is the same; only the path differs.
    use microusc_pool::{ByteMap, Counters, FreeList};
    let geometry = Geometry::new(16, WORD, 3).unwrap();
    let (mut blocks, mut marks) = ([0usize; 16], [0u8; 3]);
    let (mut head, mut listed, mut counters) = (std::ptr::null_mut(), 0, Counters::NEW);
    // SAFETY: the parts are made for one another and outlive the pool.
    let mut pool = unsafe {
        let marks = ByteMap::<0>::new(marks.as_mut_ptr());
        FreeList::new((&mut head, &mut listed), &mut counters, blocks.as_mut_ptr().cast(), &geometry, marks)
    };
    assert_eq!(pool.set_reserve(4), Err(Error::ReserveTooLarge));
    pool.set_reserve(1).unwrap();
    assert_eq!(pool.alloc_fast(), None);
    let first = pool.alloc().unwrap();
    // SAFETY: ours to return, once; then wrong, which is the point.
    unsafe {
        assert_eq!(pool.free_fast(first.as_ptr()), None);
        assert_eq!(pool.free(first.as_ptr()), Ok(()));
        assert_eq!(pool.free(first.as_ptr()), Err(Error::DoubleFree));
        assert_eq!(pool.free(first.as_ptr().wrapping_add(1)), Err(Error::NotABlock));
    }
    let mut blocks: Vec<_> = (0..2).map(|_| pool.alloc().unwrap()).collect();
    assert_eq!(pool.alloc(), Err(Error::Exhausted), "the last block is kept");
    blocks.push(pool.alloc_from_isr().unwrap());
    assert_eq!(pool.alloc_from_isr(), Err(Error::Exhausted));
    pool.set_reserve(0).unwrap();
    for block in blocks {
        // SAFETY: ours to return.
        assert_eq!(unsafe { pool.free_fast(block.as_ptr()) }, Some(()));
    }
    assert_eq!((pool.alloc_fast().is_some(), pool.stats().lowest_free, pool.stats().refused), (true, 0, 2));
    assert_eq!(pool.validate(), Ok(()));
}

#[test]
fn shared_value_is_dropped_once() {
    use microusc_pool::{PoolArc, Shared};
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug)]
    struct Counted(usize);
    impl Drop for Counted {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
        }
    }
    static POOL: Pool<Shared<Counted>, 3, SpinLock> = Pool::new();
    let turns = if cfg!(miri) { 5 } else { 2000 };
    for turn in 0..turns {
        let mut first = PoolArc::new(POOL.alloc(Shared::new(Counted(turn))).unwrap());
        assert!(PoolArc::get_mut(&mut first).is_some());
        std::thread::scope(|scope| {
            for owner in [first.clone(), first.clone()] {
                scope.spawn(move || assert_eq!(owner.clone().0, turn));
            }
            assert!(PoolArc::ptr_eq(&first, &first.clone()));
            drop(first);
        });
        assert_eq!((POOL.stats().used(), DROPS.load(Ordering::Relaxed)), (0, turn + 1));
    }
}
