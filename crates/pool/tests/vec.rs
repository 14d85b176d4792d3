//! Vectors, strings and slices in blocks, against `Vec` as the model.

use std::fmt::{Debug, Write};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;

use microusc_pool::{
    AllocSlice, AtomicPool, DynPool, Error, LinksChecked, NoLock, Pool, PoolBox, PoolSet, PoolString,
    PoolVec, Reclaim, SizeClass, SpinLock,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Op {
    Push(u8),
    Pop,
    Extend(Vec<u8>),
    Truncate(usize),
    Clear,
    Change(usize, u8),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => any::<u8>().prop_map(Op::Push),
        4 => Just(Op::Pop),
        4 => proptest::collection::vec(any::<u8>(), 0..12).prop_map(Op::Extend),
        2 => (0..20usize).prop_map(Op::Truncate),
        1 => Just(Op::Clear),
        2 => (any::<usize>(), any::<u8>()).prop_map(|(at, value)| Op::Change(at, value)),
    ]
}

/// Runs a program on a vector beside a `Vec`; returns both as they are in the end.
fn run<'p, T: Clone + PartialEq + Debug, P: Reclaim>(
    mut vec: PoolVec<'p, T, P>,
    make: impl Fn(u8) -> T,
    program: Vec<Op>,
) -> (PoolVec<'p, T, P>, Vec<T>) {
    let mut model: Vec<T> = Vec::new();
    let capacity = vec.capacity();
    for op in program {
        match op {
            Op::Push(value) => match vec.push(make(value)) {
                Ok(()) => model.push(make(value)),
                Err(rejected) => {
                    assert_eq!((rejected.error, rejected.value), (Error::NoRoom, make(value)));
                    assert_eq!(model.len(), capacity, "refused, though there is room");
                }
            },
            Op::Pop => assert_eq!(vec.pop(), model.pop()),
            Op::Extend(values) => {
                let values: Vec<T> = values.into_iter().map(&make).collect();
                let fits = values.len() <= capacity - model.len();
                assert_eq!(vec.extend_from_slice(&values), if fits { Ok(()) } else { Err(Error::NoRoom) });
                if fits {
                    model.extend_from_slice(&values);
                }
            }
            Op::Truncate(len) => {
                vec.truncate(len);
                model.truncate(len);
            }
            Op::Clear => {
                vec.clear();
                model.clear();
            }
            Op::Change(at, value) => {
                let at = at % model.len().max(1);
                assert_eq!(vec.get_mut(at).is_some(), model.get_mut(at).is_some());
                if at < model.len() {
                    vec[at] = make(value);
                    model[at] = make(value);
                }
            }
        }
        assert_eq!((&*vec, vec.capacity()), (&model[..], capacity));
    }
    (vec, model)
}

/// Runs a program, and ends the vector in one way or the other.
fn check<T: Clone + PartialEq + Debug, P: Reclaim>(
    vec: PoolVec<'_, T, P>,
    make: impl Fn(u8) -> T,
    program: Vec<Op>,
    boxed: bool,
) {
    let (vec, model) = run(vec, make, program);
    if boxed {
        let slice = vec.into_boxed_slice();
        assert_eq!(&*slice, &model[..]);
    } else {
        drop(vec);
    }
}

/// A value whose copies are counted.
fn counted(alive: &Rc<()>) -> impl Fn(u8) -> (Rc<()>, u8) {
    |value| (alive.clone(), value)
}

type Arrays<T, const K: usize> = Pool<[T; K], 2, SpinLock>;

fn leak<T, const K: usize>() -> &'static Arrays<T, K> {
    Box::leak(Box::new(Pool::new()))
}

const CLASSES: [SizeClass; 2] =
    [SizeClass { block_size: 48, blocks: 2 }, SizeClass { block_size: 160, blocks: 2 }];

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, ..ProptestConfig::default() })]

    #[test]
    fn vector_in_arrays_of_a_static_pool_agrees_with_vec(program in proptest::collection::vec(op(), 0..60), boxed in any::<bool>()) {
        static BYTES: Pool<[u8; 9], 2, SpinLock, LinksChecked> = Pool::new();
        check(PoolVec::new(BYTES.alloc_uninit().unwrap()), |value| value, program.clone(), boxed);
        prop_assert_eq!(BYTES.stats().used(), 0);
        let wide = PoolVec::new(leak::<u128, 7>().alloc_uninit().unwrap());
        check(wide, u128::from, program.clone(), boxed);
        let nothing = PoolVec::new(leak::<(), 5>().alloc_uninit().unwrap());
        check(nothing, |_| (), program.clone(), boxed);
        check(PoolVec::new(leak::<u32, 0>().alloc_uninit().unwrap()), u32::from, program, boxed);
    }

    #[test]
    fn elements_are_dropped_once(program in proptest::collection::vec(op(), 0..60), boxed in any::<bool>()) {
        let alive = Rc::new(());
        let pool: AtomicPool<[(Rc<()>, u8); 10], 2, 1> = AtomicPool::new();
        check(pool.alloc_vec(10).unwrap(), counted(&alive), program, boxed);
        prop_assert_eq!((Rc::strong_count(&alive), pool.stats().free), (1, 2));
    }

    #[test]
    fn vector_in_bytes_agrees_with_vec(program in proptest::collection::vec(op(), 0..60), boxed in any::<bool>()) {
        let alive = Rc::new(());
        let mut memory = [MaybeUninit::uninit(); 1000];
        let pool: DynPool<NoLock> = DynPool::new(&mut memory, 100, 16).unwrap();
        let vec: PoolVec<u128, _> = pool.alloc_vec(7).unwrap();
        prop_assert_eq!(vec.capacity(), 7);
        check(vec, u128::from, program.clone(), boxed);
        let vec = PoolVec::in_bytes(pool.alloc().unwrap()).unwrap();
        prop_assert_eq!(vec.capacity(), 112 / size_of::<(Rc<()>, u8)>());
        check(vec, counted(&alive), program.clone(), boxed);
        let vec = PoolVec::in_bytes(pool.alloc().unwrap()).unwrap();
        prop_assert_eq!(vec.capacity(), usize::MAX);
        check(vec, |_| (), program, boxed);
        prop_assert_eq!((Rc::strong_count(&alive), pool.stats().used(), pool.stats().refused), (1, 0, 0));
    }

    #[test]
    fn vector_in_a_set_agrees_with_vec(program in proptest::collection::vec(op(), 0..60), boxed in any::<bool>()) {
        let alive = Rc::new(());
        let mut memory = [MaybeUninit::uninit(); PoolSet::<2>::bytes_for(16, &CLASSES)];
        let set: PoolSet<2, NoLock> = PoolSet::new(&mut memory, 16, &CLASSES).unwrap();
        check(set.alloc_vec(3).unwrap(), counted(&alive), program.clone(), boxed);
        let second = set.alloc_vec(4).unwrap();
        prop_assert_eq!(set.stats().classes[1].pool.used(), 1);
        prop_assert_eq!(second.capacity(), 10);
        check(second, counted(&alive), program, boxed);
        prop_assert_eq!(Rc::strong_count(&alive), 1);
        prop_assert_eq!(set.stats().classes.map(|class| class.pool.used()), [0, 0]);
    }

    #[test]
    fn pool_string_agrees_with_string(parts in proptest::collection::vec(any::<Option<String>>(), 0..20)) {
        static LINES: Pool<[u8; 40], 1, SpinLock> = Pool::new();
        let mut text = PoolString::new(PoolVec::new(LINES.alloc_uninit().unwrap()));
        let mut model = String::new();
        for part in parts {
            match part {
                Some(part) if model.len() + part.len() <= 40 => {
                    text.push_str(&part).unwrap();
                    model.push_str(&part);
                }
                Some(part) => prop_assert!(text.write_str(&part).is_err()),
                None => prop_assert_eq!(text.pop(), model.pop()),
            }
            prop_assert_eq!((&*text, text.capacity()), (&*model, 40));
        }
        let text = PoolString::from_utf8(text.into_bytes()).unwrap();
        prop_assert_eq!(text.to_string(), model);
    }
}

#[test]
fn bytes_that_are_not_aligned_are_returned() {
    let mut memory = [MaybeUninit::uninit(); 300];
    let pool: DynPool<NoLock> = DynPool::new(&mut memory, size_of::<usize>(), 1).unwrap();
    // Two blocks in a row: one of them is not aligned to both.
    let (first, second) = (pool.alloc().unwrap(), pool.alloc().unwrap());
    let answers = [first, second].map(PoolVec::<Twice, _>::in_bytes);
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err()).next().unwrap();
    assert_eq!((refused.error, refused.value.len()), (Error::UnsuitableMemory, size_of::<usize>()));
    assert_eq!(pool.stats().used(), 2);
    drop(answers);
    assert_eq!(pool.stats().used(), 0);
    // A refused request allocates no block.
    assert_eq!(pool.alloc_slice_filled(2, 0usize).err(), Some(Error::NoRoom));
    assert_eq!(pool.alloc_slice_filled(usize::MAX, 0u16).err(), Some(Error::TooLarge));
    assert_eq!(pool.stats().used(), 0);
    // A block that is smaller than one element holds none.
    let mut none = PoolVec::in_bytes(pool.alloc().unwrap()).unwrap();
    assert_eq!((none.capacity(), none.push([0usize; 2]).unwrap_err().error), (0, Error::NoRoom));
}

#[test]
fn alignment_of_slices_is_decided_for_the_whole_pool() {
    let mut memory = [MaybeUninit::uninit(); 300];
    // Every other block is aligned to two words.
    let stride = 3 * size_of::<usize>();
    let pool: DynPool<NoLock> = DynPool::new(&mut memory, stride, 1).unwrap();
    let mut held = Vec::new();
    loop {
        let answer = pool.alloc_vec(1).map(|empty: PoolVec<Twice, _>| empty.len());
        assert_eq!(answer, Err(Error::UnsuitableMemory), "with {} blocks in use", held.len());
        match pool.alloc() {
            Ok(block) => held.push(block),
            Err(_) => break,
        }
    }
    assert_eq!((pool.stats().exhausted, pool.stats().used()), (1, held.len()), "no block was taken for it");
}

/// Aligned to two pointers.
#[repr(align(16))]
struct Twice;

#[test]
fn slices_are_allocated_from_every_kind_of_pool() {
    static ARRAYS: Arrays<u16, 6> = Pool::new();
    let slice: PoolBox<'static, [u16], _> = ARRAYS.alloc_slice_copy(&[1, 2, 3]).unwrap();
    let other = ARRAYS.alloc_slice(7..9u16).unwrap();
    assert_eq!((&*slice, &*other), (&[1, 2, 3][..], &[7, 8][..]));
    assert_eq!(ARRAYS.alloc_slice_copy(&[]).err(), Some(Error::Exhausted));
    assert_eq!(ARRAYS.alloc_slice_filled(7, 0).err(), Some(Error::NoRoom));
    drop((slice, other));
    assert_eq!((ARRAYS.stats().used(), ARRAYS.stats().exhausted), (0, 1));

    let pool: AtomicPool<[u16; 6], 2, 1> = AtomicPool::new();
    assert_eq!(*pool.alloc_slice_filled(6, 5).unwrap(), [5; 6]);
    assert_eq!(pool.alloc_slice_filled(7, 5).err(), Some(Error::NoRoom));
    assert_eq!(pool.stats().free, 2);
}

/// Counts its drops, and panics in them if it is set to.
struct Bomb<'a> {
    drops: &'a std::cell::Cell<u32>,
    armed: bool,
}

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        self.drops.set(self.drops.get() + 1);
        assert!(!self.armed, "as announced");
    }
}

#[test]
fn drop_that_panics_loses_neither_other_elements_nor_the_block() {
    let drops = std::cell::Cell::new(0);
    let pool: AtomicPool<[Bomb; 4], 1, 1> = AtomicPool::new();
    let fill = || {
        let mut vec = pool.alloc_vec(4).unwrap();
        for at in 0..4 {
            assert!(vec.push(Bomb { drops: &drops, armed: at == 1 }).is_ok());
        }
        vec
    };
    assert!(catch_unwind(AssertUnwindSafe(|| drop(fill()))).is_err());
    assert_eq!((drops.take(), pool.stats().free), (4, 1));
    let mut vec = fill();
    assert!(catch_unwind(AssertUnwindSafe(|| vec.truncate(1))).is_err());
    assert_eq!((vec.len(), drops.take()), (1, 3));
    drop(vec);
    assert_eq!((drops.take(), pool.stats().free), (1, 1));
}

#[test]
fn clone_that_panics_keeps_the_elements_that_were_cloned() {
    #[derive(Debug)]
    struct Fussy(Rc<()>, bool);
    impl Clone for Fussy {
        fn clone(&self) -> Self {
            assert!(!self.1, "as announced");
            Self(self.0.clone(), false)
        }
    }
    let alive = Rc::new(());
    let pool: AtomicPool<[Fussy; 4], 1, 1> = AtomicPool::new();
    let source = [false, false, true].map(|fussy| Fussy(alive.clone(), fussy));
    let mut vec = pool.alloc_vec(0).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| vec.extend_from_slice(&source))).is_err());
    assert_eq!((vec.len(), Rc::strong_count(&alive)), (2, 6));
    drop((vec, source));
    assert_eq!((Rc::strong_count(&alive), pool.stats().free), (1, 1));
}

#[test]
fn bytes_that_are_not_utf8_are_returned() {
    static LINES: Pool<[u8; 4], 1, SpinLock> = Pool::new();
    let mut bytes = LINES.alloc_vec(4).unwrap();
    write!(bytes, "ab").unwrap();
    bytes.push(0xFF).unwrap();
    let (error, mut bytes) = PoolString::from_utf8(bytes).unwrap_err();
    assert_eq!((error.valid_up_to(), &*bytes), (2, &b"ab\xFF"[..]));
    bytes.truncate(2);
    let mut text = PoolString::from_utf8(bytes).unwrap();
    assert_eq!(format!("{text} {text:?}"), "ab \"ab\"");
    assert_eq!(text.push_str("éé"), Err(Error::NoRoom));
    text.push_str("é").unwrap();
    text.clear();
    assert!(text.is_empty() && PoolString::new(text.into_bytes()).is_empty());
}

#[test]
fn pinned_elements_do_not_move() {
    static POOL: AtomicPool<[Pinned; 2], 1, 1> = AtomicPool::new();
    let mut vec = POOL.alloc_vec(2).unwrap();
    assert!(vec.push(Pinned(0, std::marker::PhantomPinned)).is_ok());
    let address = (&raw const vec[0]).addr();
    let pinned: Pin<PoolVec<_, _>> = vec.into_pin();
    let moved = Some(pinned);
    assert_eq!(moved.as_ref().map(|vec| (&raw const vec[0]).addr()), Some(address));
    drop(moved);
    let slice = PoolBox::into_pin(POOL.alloc_slice([Pinned(0, std::marker::PhantomPinned)]).unwrap());
    assert_eq!(((&raw const slice[0]).addr(), POOL.stats().free), (address, 0));
    drop(slice);
    assert_eq!(POOL.stats().free, 1);
}

/// What must not move once it is pinned.
struct Pinned(
    #[expect(dead_code, reason = "so that it has an address of its own")] u32,
    std::marker::PhantomPinned,
);
