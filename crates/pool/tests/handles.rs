//! What the lock allows, compiles and works: every handle goes to another thread and is dropped there. What it does not
//! allow is in `ui/`.

use std::mem::MaybeUninit;
use std::thread;

use microusc_pool::{
    AllocSlice, AtomicDynPool, AtomicPool, AtomicWords, DynPool, Error, Pool, PoolArc, PoolSet, PoolString,
    PoolVec, Rejected, Shared, SizeClass, SpinLock,
};

#[test]
fn handle_of_a_static_pool_may_be_dropped_in_another_thread() {
    static VALUES: Pool<u32, 4, SpinLock> = Pool::new();
    static SHARED: Pool<Shared<u32>, 4, SpinLock> = Pool::new();
    static ARRAYS: Pool<[u8; 8], 4, SpinLock> = Pool::new();
    static LOCK_FREE: AtomicPool<[u8; 8], 4, 1> = AtomicPool::new();
    let shared = PoolArc::new(SHARED.alloc(Shared::new(1)).unwrap());
    let handles = (
        VALUES.alloc(1).unwrap(),
        shared.clone(),
        ARRAYS.alloc_vec(8).unwrap(),
        PoolString::new(ARRAYS.alloc_vec(8).unwrap()),
        ARRAYS.alloc_slice_copy(b"abc").unwrap(),
        LOCK_FREE.alloc_vec(8).unwrap(),
    );
    thread::spawn(move || drop(handles)).join().unwrap();
    assert_eq!((VALUES.stats().used(), ARRAYS.stats().used(), LOCK_FREE.stats().free), (0, 0, 4));
    assert_eq!((*shared, SHARED.stats().used()), (1, 1));
    drop(shared);
    assert_eq!(SHARED.stats().used(), 0);
}

#[test]
fn handle_of_a_dynamic_pool_may_be_dropped_in_another_thread() {
    let mut memory = [MaybeUninit::uninit(); 1000];
    let pool: DynPool<SpinLock> = DynPool::new(&mut memory, 64, 8).unwrap();
    let mut memory = [MaybeUninit::uninit(); 1000];
    let classes = [SizeClass { block_size: 64, blocks: 4 }];
    let set: PoolSet<1, SpinLock> = PoolSet::new(&mut memory, 8, &classes).unwrap();
    let handles = (
        pool.alloc_value(1u32).unwrap(),
        PoolArc::new(pool.alloc_value(Shared::new(1u32)).unwrap()),
        PoolVec::<u32, _>::in_bytes(pool.alloc().unwrap()).unwrap(),
        set.alloc_value(1u32).unwrap(),
        set.alloc_slice_copy(b"abc").unwrap(),
    );
    thread::scope(|scope| drop(scope.spawn(move || drop(handles))));
    assert_eq!((pool.stats().used(), set.stats().classes[0].pool.used()), (0, 0));
}

#[test]
fn value_needs_a_block_of_its_size_and_alignment() {
    #[repr(align(32))]
    struct Memory([MaybeUninit<u8>; 512]);
    #[repr(align(16))]
    #[derive(Debug)]
    struct Aligned;
    let mut memory = Memory([MaybeUninit::uninit(); 512]);
    let pool: DynPool<SpinLock> = DynPool::new(&mut memory.0, 64, 8).unwrap();
    assert_eq!(*pool.alloc_value([1u8; 64]).unwrap(), [1; 64], "all of a block");
    assert_eq!(pool.alloc_value([1u8; 65]).unwrap_err().error, Error::UnsuitableMemory);
    // Aligned are: all blocks, every second one, none; and every second one beginning with the second.
    for (first, stride, suits) in [(0, 32, true), (0, 24, false), (8, 32, false), (8, 24, false)] {
        let pool: DynPool<SpinLock> = DynPool::new(&mut memory.0[first..], stride, 8).unwrap();
        let answer = pool.alloc_value(Aligned).map(drop).map_err(|refused| refused.error);
        let expected = if suits { Ok(()) } else { Err(Error::UnsuitableMemory) };
        assert_eq!(answer, expected, "{stride} bytes apart, {first} bytes from an aligned address");
    }
}

#[test]
fn arcs_of_equal_values_are_not_the_same_arc() {
    static POOL: Pool<Shared<u32>, 2, SpinLock> = Pool::new();
    let [one, other] = [1, 1].map(|value| PoolArc::new(POOL.alloc(Shared::new(value)).unwrap()));
    assert_eq!(*one, *other);
    assert!(PoolArc::ptr_eq(&one, &one.clone()) && !PoolArc::ptr_eq(&one, &other));
}

/// A value that is not `Clone` and cannot be made again.
#[derive(Debug, PartialEq, Eq)]
struct Only(&'static str);

#[test]
fn refused_value_is_returned() {
    static VALUES: Pool<Only, 1, SpinLock> = Pool::new();
    static SHARED: Pool<Shared<Only>, 1, SpinLock> = Pool::new();
    static LOCK_FREE: AtomicPool<Shared<Only>, 1, 1> = AtomicPool::new();
    static ARRAYS: Pool<[Only; 1], 1, SpinLock> = Pool::new();
    static WORDS: AtomicWords<1> = AtomicWords::new();

    let _first = VALUES.alloc(Only("a")).unwrap();
    assert_eq!(VALUES.alloc(Only("b")).unwrap_err(), Rejected { error: Error::Exhausted, value: Only("b") });
    assert_eq!(VALUES.alloc_from_isr(Only("c")).unwrap_err().value, Only("c"));

    // In a pool of values with several owners: the value itself, and what was to be put into the block.
    let _first = SHARED.alloc_arc(Only("a")).unwrap();
    assert_eq!(
        SHARED.alloc_arc(Only("b")).unwrap_err(),
        Rejected { error: Error::Exhausted, value: Only("b") }
    );
    assert_eq!(SHARED.alloc(Shared::new(Only("c"))).unwrap_err().value.into_inner(), Only("c"));
    let _first = LOCK_FREE.alloc_arc(Only("a")).unwrap();
    assert_eq!(LOCK_FREE.alloc_arc(Only("b")).unwrap_err().value, Only("b"));

    let mut vec = ARRAYS.alloc_vec(1).unwrap();
    vec.push(Only("a")).unwrap();
    assert_eq!(vec.push(Only("b")).unwrap_err(), Rejected { error: Error::NoRoom, value: Only("b") });

    // An iterator that is lent is the caller's, and nothing was taken from it.
    let mut values = [Only("a"), Only("b")].into_iter();
    assert_eq!(ARRAYS.alloc_slice(&mut values).unwrap_err(), Error::NoRoom);
    assert_eq!(values.next(), Some(Only("a")));

    let mut memory = [MaybeUninit::uninit(); 140];
    let pool: DynPool<SpinLock> = DynPool::new(&mut memory, 128, 8).unwrap();
    let _first = pool.alloc_arc(Only("a")).unwrap();
    assert_eq!(pool.alloc_arc(Only("b")).unwrap_err().value, Only("b"));
    assert_eq!(pool.alloc_value(Only("c")).unwrap_err().value, Only("c"));
    assert_eq!(pool.alloc_arc([const { Only("d") }; 100]).unwrap_err().error, Error::UnsuitableMemory);

    let mut memory = [MaybeUninit::uninit(); 140];
    let set: PoolSet<1, SpinLock> =
        PoolSet::new(&mut memory, 8, &[SizeClass { block_size: 128, blocks: 1 }]).unwrap();
    let _first = set.alloc_arc(Only("a")).unwrap();
    assert_eq!(set.alloc_arc(Only("b")).unwrap_err().value, Only("b"));
    assert_eq!(set.alloc_value(Only("c")).unwrap_err().value, Only("c"));
    assert_eq!(set.alloc_arc([const { Only("d") }; 100]).unwrap_err().value[99], Only("d"));

    let mut memory = [MaybeUninit::uninit(); 140];
    let pool = AtomicDynPool::new(&WORDS, |_, _| true, &mut memory, 128, 8).unwrap();
    let _first = pool.alloc_arc(Only("a")).unwrap();
    assert_eq!(pool.alloc_arc(Only("b")).unwrap_err().value, Only("b"));
    assert_eq!(pool.alloc_value(Only("c")).unwrap_err().value, Only("c"));
}
