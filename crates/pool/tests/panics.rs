//! A value that panics while it is made, cloned or dropped costs its value and nothing else: the block returns.
#![cfg(not(any(loom, shuttle)))]
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use microusc_pool::{
    AllocSlice, AtomicDynPool, AtomicPool, AtomicWords, DynPool, Pool, PoolArc, PoolBox, PoolSet, PoolVec,
    Shared, SizeClass, SpinLock, WaitOrder, WaitPool,
};

thread_local! {
    /// Values alive in the test that this thread runs.
    static ALIVE: Cell<isize> = const { Cell::new(0) };
}

/// Panics when it is dropped or cloned, as `0` says, unless there is a panic already.
#[derive(Debug)]
struct Bad(Panics);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panics {
    Dropped,
    Cloned,
    Never,
}

impl Bad {
    fn new(panics: Panics) -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self(panics)
    }
}

impl Clone for Bad {
    fn clone(&self) -> Self {
        assert!(self.0 != Panics::Cloned, "cloned");
        Self::new(self.0)
    }
}

impl Drop for Bad {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
        assert!(self.0 != Panics::Dropped || std::thread::panicking(), "dropped");
    }
}

/// Runs what panics, and is over.
fn panics<R>(work: impl FnOnce() -> R) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let ended = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    assert!(ended.is_err(), "it was to panic");
}

/// The hook is one for all threads.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn bad() -> Bad {
    Bad::new(Panics::Dropped)
}

const CLASSES: [SizeClass; 2] =
    [SizeClass { block_size: 16, blocks: 2 }, SizeClass { block_size: 64, blocks: 2 }];

#[test]
fn value_that_panics_when_dropped_frees_its_block() {
    static VALUES: Pool<Bad, 2> = Pool::new();
    static SHARED: Pool<Shared<Bad>, 2> = Pool::new();
    static ARRAYS: Pool<[Bad; 4], 2> = Pool::new();
    static LOCK_FREE: AtomicPool<Bad, 2, 1> = AtomicPool::new();
    static SHARED_LOCK_FREE: AtomicPool<Shared<Bad>, 2, 1> = AtomicPool::new();
    let _alone = ONE_AT_A_TIME.lock().unwrap();

    panics(|| drop(VALUES.alloc(bad()).unwrap()));
    panics(|| drop(VALUES.alloc_from_isr(bad()).unwrap()));
    assert_eq!(VALUES.stats().used(), 0);

    let first = PoolArc::new(SHARED.alloc(Shared::new(bad())).map_err(|refused| refused.error).unwrap());
    let second = first.clone();
    drop(first);
    assert_eq!(SHARED.stats().used(), 1);
    panics(|| drop(second));
    panics(|| drop(SHARED.alloc_arc(bad()).unwrap()));
    assert_eq!(SHARED.stats().used(), 0);

    let mut vec = ARRAYS.alloc_vec(4).unwrap();
    (0..4).for_each(|_| vec.push(bad()).unwrap());
    panics(|| drop(vec));
    let mut vec = ARRAYS.alloc_vec(4).unwrap();
    (0..4).for_each(|_| vec.push(bad()).unwrap());
    panics(|| vec.truncate(1));
    panics(|| vec.clear());
    assert_eq!((vec.len(), ARRAYS.stats().used()), (0, 1));
    drop(vec);
    let slice = ARRAYS.alloc_slice([bad(), bad()]).unwrap();
    panics(|| drop(slice));
    let pinned = PoolBox::into_pin(ARRAYS.alloc_slice([bad()]).unwrap());
    panics(|| drop(pinned));
    assert_eq!(ARRAYS.stats().used(), 0);

    panics(|| drop(LOCK_FREE.alloc(bad()).unwrap()));
    panics(|| drop(SHARED_LOCK_FREE.alloc_arc(bad()).unwrap()));
    assert_eq!((LOCK_FREE.stats().free, SHARED_LOCK_FREE.stats().free), (2, 2));
    assert_eq!(ALIVE.get(), 0, "each was dropped once");
}

#[test]
fn value_in_borrowed_memory_that_panics_when_dropped_frees_its_block() {
    static WORDS: AtomicWords<1> = AtomicWords::new();
    let _alone = ONE_AT_A_TIME.lock().unwrap();
    let mut memory = [MaybeUninit::uninit(); 500];
    let pool: DynPool<SpinLock> = DynPool::new(&mut memory, 64, 8).unwrap();
    panics(|| drop(pool.alloc_value(bad()).unwrap()));
    panics(|| drop(pool.alloc_arc(bad()).unwrap()));
    panics(|| drop(pool.alloc_slice([bad(), bad()]).unwrap()));
    panics(|| {
        let mut vec = PoolVec::in_bytes(pool.alloc().unwrap()).map_err(|refused| refused.error).unwrap();
        vec.push(bad()).unwrap();
    });
    assert_eq!(pool.stats().used(), 0);

    let mut memory = [MaybeUninit::uninit(); 500];
    let set: PoolSet<2, SpinLock> = PoolSet::new(&mut memory, 8, &CLASSES).unwrap();
    panics(|| drop(set.alloc_value(bad()).unwrap()));
    panics(|| drop(set.alloc_value([bad(), bad(), bad()]).unwrap()));
    panics(|| drop(set.alloc_arc(bad()).unwrap()));
    panics(|| drop(set.alloc_slice([bad(), bad()]).unwrap()));
    assert_eq!(set.stats().classes.map(|class| class.pool.used()), [0, 0]);

    let mut memory = [MaybeUninit::uninit(); 500];
    let pool = AtomicDynPool::new(&WORDS, |_, _| true, &mut memory, 64, 8).unwrap();
    let free = pool.stats().free;
    panics(|| drop(pool.alloc_value(bad()).unwrap()));
    panics(|| drop(pool.alloc_arc(bad()).unwrap()));
    assert_eq!(pool.stats().free, free);
    assert_eq!(ALIVE.get(), 0, "each was dropped once");
}

#[test]
fn block_of_a_value_that_panics_when_dropped_goes_to_the_waiter() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    static POOL: WaitPool<Pool<Bad, 1>> = WaitPool::new(Pool::new(), WaitOrder::Fifo);
    let _alone = ONE_AT_A_TIME.lock().unwrap();
    let only = PoolBox::write(POOL.try_alloc().unwrap(), bad());
    let mut wait = pin!(POOL.wait(0));
    let mut context = Context::from_waker(Waker::noop());
    assert!(wait.as_mut().poll(&mut context).is_pending());
    panics(|| drop(only));
    assert!(wait.as_mut().poll(&mut context).is_ready(), "served while unwinding");
    assert_eq!((POOL.stats().used(), POOL.validate()), (0, Ok(())));
}

#[test]
fn value_that_panics_while_it_is_made_allocates_no_block() {
    static VALUES: Pool<Bad, 2> = Pool::new();
    static ARRAYS: Pool<[Bad; 4], 2> = Pool::new();
    let _alone = ONE_AT_A_TIME.lock().unwrap();
    panics(|| VALUES.alloc_with(|| panic!("made")));
    let make = || -> Bad { panic!("made") };
    panics(|| PoolBox::write(VALUES.alloc_uninit().unwrap(), make()));
    assert_eq!(VALUES.stats().used(), 0);

    let mut made = 0;
    panics(|| {
        ARRAYS.alloc_slice((0..4).map(|at| {
            assert!(at < 2, "iterated");
            made += 1;
            Bad::new(Panics::Never)
        }))
    });
    assert_eq!((made, ARRAYS.stats().used()), (2, 0));
    panics(|| ARRAYS.alloc_slice_filled(3, Bad::new(Panics::Cloned)));
    assert_eq!(ARRAYS.stats().used(), 0);

    let mut vec = ARRAYS.alloc_vec(4).unwrap();
    let values = [Bad::new(Panics::Never), Bad::new(Panics::Cloned)];
    panics(|| vec.extend_from_slice(&values));
    assert_eq!((vec.len(), ARRAYS.stats().used()), (1, 1), "what was cloned before is the vector's");
    drop((vec, values));
    assert_eq!((ARRAYS.stats().used(), ALIVE.get()), (0, 0));
}
