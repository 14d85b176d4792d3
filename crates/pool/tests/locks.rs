//! Every operation holds its pool's lock while it uses what the lock guards, on the fast path and on each slow one; takes it
//! as often as its documentation says; and has released it when it returns.
//!
//! The lock of these tests keeps a record, and pools ask it (`RawLock::assert_held`) before and after each access.
#![cfg(not(any(loom, shuttle)))]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use microusc_pool::{
    Checked, Checks, DynPool, Error, GlobalSet, LinksChecked, NoFallback, NonAllocatingLock, Owns, Pool,
    PoolBox, PoolSet, RawLock, SizeClass, Unchecked, WaitOrder, WaitPool,
};

thread_local! {
    static HELD: Cell<u32> = const { Cell::new(0) };
    static TAKEN: Cell<u32> = const { Cell::new(0) };
    static ASKED: Cell<u32> = const { Cell::new(0) };
    static INTERRUPT: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// An interrupt that was masked while a lock was held. It is not interrupted itself.
fn interrupt() {
    if let Some(handler) = INTERRUPT.take() {
        handler();
        INTERRUPT.set(Some(handler));
    }
}

/// A lock that keeps a record. One thread at a time uses a pool here, so a cell is enough; what is tested is that the lock
/// is held, not that it excludes.
struct Recorded(Cell<bool>);

// SAFETY: each test uses its pools on one thread.
unsafe impl Sync for Recorded {}
// SAFETY: as above.
unsafe impl Send for Recorded {}

// SAFETY: one thread, and a second `acquire` panics.
unsafe impl RawLock for Recorded {
    const INIT: Self = Self(Cell::new(false));

    type Saved = ();

    fn acquire(&self) {
        assert!(!self.0.replace(true), "a lock is taken while it is held: it would be waited for, for ever");
        HELD.set(HELD.get() + 1);
        TAKEN.set(TAKEN.get() + 1);
    }

    unsafe fn release(&self, (): ()) {
        assert!(self.0.replace(false), "a lock is released that is not held");
        HELD.set(HELD.get() - 1);
        interrupt();
    }

    fn assert_held(&self) {
        ASKED.set(ASKED.get() + 1);
        assert!(self.0.get(), "what a lock guards is used while the lock is not held");
    }
}

// SAFETY: neither allocates.
unsafe impl NonAllocatingLock for Recorded {}

/// Runs an operation that is to take `locks` locks, one after the other.
#[track_caller]
fn takes<R>(locks: u32, operation: impl FnOnce() -> R) -> R {
    TAKEN.set(0);
    ASKED.set(0);
    let result = operation();
    assert_eq!(HELD.get(), 0, "a lock is held when the operation returned");
    assert_eq!(TAKEN.get(), locks, "locks taken");
    assert!(ASKED.get() >= 2 * locks, "what the lock guards was reached another way");
    result
}

type TypedPool<M> = Pool<u64, 4, Recorded, M>;

fn leaked<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// What pools with and without marks have in common.
fn typed_pool<M: Checks + 'static>() {
    let pool: &'static TypedPool<M> = leaked(Pool::new());
    // Never used, hence by the slow path; then from the list.
    let first = takes(1, || pool.alloc(1)).unwrap();
    takes(1, || drop(first));
    let mut held: Vec<_> = (0..4).map(|value| takes(1, || pool.alloc(value)).unwrap()).collect();
    assert_eq!(takes(1, || pool.alloc(4)).unwrap_err().error, Error::Exhausted);
    assert_eq!(takes(1, || pool.alloc_from_isr(4)).unwrap_err().error, Error::Exhausted);
    assert_eq!(takes(1, || pool.alloc_with(|| 4)).unwrap_err(), Error::Exhausted);
    takes(1, || drop(held.pop()));
    held.push(takes(1, || pool.alloc_from_isr(4)).unwrap());
    assert_eq!(takes(1, || pool.stats()).used(), 4);
    assert_eq!(takes(1, || pool.validate()), Ok(()));
    assert_eq!(takes(1, || pool.set_isr_reserve(5)), Err(Error::ReserveTooLarge));
}

#[test]
fn typed_pool_holds_its_lock() {
    typed_pool::<Checked>();
    typed_pool::<LinksChecked>();
    typed_pool::<Unchecked>();
}

#[test]
fn typed_pool_holds_its_lock_on_each_slow_path() {
    let pool: &'static TypedPool<Checked> = leaked(Pool::new());
    takes(1, || pool.set_isr_reserve(2)).unwrap();
    let [one, two] = takes(1, || pool.alloc_batch::<2>()).unwrap();
    assert_eq!(takes(1, || pool.alloc(1)).unwrap_err().error, Error::Exhausted);
    assert_eq!(takes(1, || pool.alloc_batch::<1>()).unwrap_err(), Error::Exhausted);
    let urgent = takes(1, || pool.alloc_from_isr(1)).unwrap();
    takes(1, || drop(urgent));
    takes(1, || drop(one));
    takes(1, || pool.set_isr_reserve(0)).unwrap();
    // Wrong frees.
    let address = PoolBox::into_raw(two).cast::<u64>();
    assert!(takes(1, || pool.owns(address.as_ptr().cast())));
    // SAFETY: a block in use, then wrong addresses, which are refused.
    unsafe {
        takes(1, || pool.free_raw(address.as_ptr())).unwrap();
        assert_eq!(takes(1, || pool.free_raw(address.as_ptr())), Err(Error::DoubleFree));
        assert_eq!(takes(1, || pool.free_raw(std::ptr::null_mut())), Err(Error::NotABlock));
        assert!(takes(1, || PoolBox::from_raw(pool, address)).is_err());
        // A write after free.
        address.cast::<usize>().write(4);
    }
    let first = takes(1, || pool.alloc(1)).unwrap();
    assert_eq!(takes(1, || pool.alloc(2)).unwrap_err().error, Error::Corrupt);
    assert_eq!(takes(1, || pool.alloc_from_isr(2)).unwrap_err().error, Error::Corrupt);
    assert_eq!(takes(1, || pool.alloc_batch::<1>()).unwrap_err(), Error::Corrupt);
    assert_eq!(takes(1, || pool.validate()), Err(Error::Corrupt));
    assert_eq!(takes(1, || pool.repair()), 2);
    takes(1, || pool.reset_lowest_free());
    takes(1, || drop(first));
}

fn bytes(length: usize) -> &'static mut [MaybeUninit<u8>] {
    let words = Box::leak(Box::<[usize]>::new_uninit_slice(length / size_of::<usize>()));
    // SAFETY: the words live for ever, and any byte is a `MaybeUninit`.
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), length) }
}

#[test]
fn dynamic_pool_holds_its_lock() {
    // Four blocks of 16 bytes and their marks.
    let pool: DynPool<'_, Recorded> = DynPool::new(&mut bytes(72)[..68], 16, 8).unwrap();
    let first = takes(1, || pool.alloc_raw()).unwrap().as_ptr();
    assert_eq!(takes(1, || pool.can_alloc()), Ok(()));
    // SAFETY: blocks in use, then wrong addresses, which are refused.
    unsafe {
        takes(1, || pool.free_raw(first)).unwrap();
        assert_eq!(takes(1, || pool.free_raw(first)), Err(Error::DoubleFree));
        assert_eq!(takes(1, || pool.free_raw(first.add(1))), Err(Error::NotABlock));
    }
    takes(1, || pool.set_isr_reserve(4)).unwrap();
    assert_eq!(takes(1, || pool.alloc_raw()), Err(Error::Exhausted));
    let urgent = takes(1, || pool.alloc_raw_from_isr()).unwrap().as_ptr();
    // SAFETY: allocated just now.
    takes(1, || unsafe { pool.free_raw(urgent) }).unwrap();
    takes(1, || pool.set_isr_reserve(0)).unwrap();
    let mut blocks = [MaybeUninit::<NonNull<u8>>::uninit(); 4];
    takes(1, || pool.alloc_batch_raw(&mut blocks)).unwrap();
    // SAFETY: written by the batch.
    let blocks = blocks.map(|block| unsafe { block.assume_init() }.as_ptr());
    assert_eq!(takes(1, || pool.alloc()).unwrap_err(), Error::Exhausted);
    assert_eq!(takes(1, || pool.alloc_value(1u8)).unwrap_err().error, Error::Exhausted);
    // SAFETY: blocks in use; the second time they are refused.
    unsafe {
        takes(1, || pool.free_batch_raw(&blocks)).unwrap();
        assert_eq!(takes(1, || pool.free_batch_raw(&blocks)), Err((0, Error::DoubleFree)));
    }
    let value = takes(1, || pool.alloc_value(7u64)).unwrap();
    let last = PoolBox::as_ptr(&value).cast::<usize>();
    assert!(takes(1, || pool.owns(last.as_ptr().cast())));
    takes(1, || drop(value));
    // SAFETY: a write after free, inside the memory of the pool.
    unsafe { last.write(4) };
    let first = takes(1, || pool.alloc_raw()).unwrap();
    assert_eq!(takes(1, || pool.alloc_raw()), Err(Error::Corrupt));
    assert_eq!(takes(1, || pool.validate()), Err(Error::Corrupt));
    assert_eq!(takes(1, || pool.repair()), 3);
    takes(1, || pool.reset_lowest_free());
    assert_eq!(takes(1, || pool.stats()).used(), 1);
    // SAFETY: allocated above.
    takes(1, || unsafe { pool.free_raw(first.as_ptr()) }).unwrap();
}

#[test]
fn stats_hold_the_lock_for_64_blocks_at_a_time() {
    let pool: &'static Pool<u64, 200, Recorded> = leaked(Pool::new());
    let all: Vec<_> = (0..200).map(|value| pool.alloc(value).unwrap()).collect();
    assert_eq!(takes(4, || pool.stats()).used(), 200);
    drop(all);
}

#[test]
fn set_holds_a_lock_for_each_class_and_one_for_its_counters() {
    const CLASSES: [SizeClass; 2] =
        [SizeClass { block_size: 16, blocks: 1 }, SizeClass { block_size: 32, blocks: 1 }];
    let memory = bytes(PoolSet::<2, Recorded>::bytes_for(8, &CLASSES).next_multiple_of(8));
    let set: PoolSet<'_, 2, Recorded> = PoolSet::new(memory, 8, &CLASSES).unwrap().with_spill(true);
    // The set's own counters are guarded by a cell of their own, which asks nothing.
    let takes = |locks, operation: &dyn Fn() -> Result<NonNull<u8>, Error>| {
        TAKEN.set(0);
        let result = operation();
        assert_eq!((HELD.get(), TAKEN.get()), (0, locks));
        result
    };
    let small = takes(1, &|| set.alloc_raw(16, 8)).unwrap();
    let spilled = takes(3, &|| set.alloc_raw(16, 8)).unwrap();
    assert_eq!(takes(2, &|| set.alloc_raw(16, 8)), Err(Error::Exhausted));
    assert_eq!(takes(1, &|| set.alloc_raw(33, 8)), Err(Error::NoClass));
    for block in [small, spilled] {
        // SAFETY: allocated above.
        takes(1, &|| unsafe { set.free_raw(block.as_ptr()) }.map(|()| block)).unwrap();
    }
    // SAFETY: refused.
    let refused = takes(1, &|| unsafe { set.free_raw(std::ptr::null_mut()) }.map(|()| small));
    assert_eq!(refused, Err(Error::NotABlock));
}

#[test]
fn global_set_is_installed_with_its_lock_held() {
    const CLASSES: [SizeClass; 1] = [SizeClass { block_size: 16, blocks: 1 }];
    static GLOBAL: GlobalSet<1, NoFallback, Recorded> = GlobalSet::new(NoFallback);
    for expected in [None, Some(Error::Initialized)] {
        let memory = bytes(PoolSet::<1, Recorded>::bytes_for(8, &CLASSES).next_multiple_of(8));
        let set = PoolSet::new(memory, 8, &CLASSES).unwrap();
        TAKEN.set(0);
        assert_eq!(GLOBAL.init(set).err(), expected);
        assert_eq!((HELD.get(), TAKEN.get()), (0, 1));
    }
}

#[test]
fn wait_pool_holds_its_lock() {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let pool: &'static WaitPool<Pool<u64, 2, Recorded>> = leaked(WaitPool::new(Pool::new(), WaitOrder::Fifo));
    let mut context = Context::from_waker(Waker::noop());
    let held = [takes(1, || pool.try_alloc()).unwrap(), takes(1, || pool.try_alloc_from_isr()).unwrap()];
    let mut wait = pin!(pool.wait(0));
    assert!(takes(1, || wait.as_mut().poll(&mut context)).is_pending());
    assert_eq!(takes(1, || pool.try_alloc()).unwrap_err(), Error::Exhausted);
    let [one, two] = held;
    takes(1, || drop(one));
    let Poll::Ready(Ok(block)) = takes(1, || wait.as_mut().poll(&mut context)) else { panic!("not granted") };
    takes(1, || drop(block));
    {
        // The last free block is allocated at once.
        let mut at_once = Box::pin(pool.wait(0));
        let Poll::Ready(Ok(block)) = takes(1, || at_once.as_mut().poll(&mut context)) else {
            panic!("it waits though a block is free")
        };
        takes(1, || drop(at_once));
        takes(1, || drop(block));
    }
    takes(1, || drop(two));
    assert!(takes(1, || pool.validate()).is_ok());
    assert_eq!(takes(1, || pool.stats()).used(), 0);
}

/// Wherever a lock is released while waiters are served, something else tries to be first.
mod newcomers {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use microusc_pool::Wait;

    use super::*;

    type Inner = Pool<usize, 3, Recorded>;
    type PoolWithWaiters = WaitPool<Inner>;

    thread_local! {
        static POOL: Cell<Option<&'static PoolWithWaiters>> = const { Cell::new(None) };
        static CAME: Cell<u32> = const { Cell::new(0) };
    }

    /// A task that comes later, and an interrupt: neither gets what the waiters are owed.
    fn comes_later() {
        let pool = POOL.get().unwrap();
        CAME.set(CAME.get() + 1);
        assert_eq!(pool.try_alloc().map(|_| ()), Err(Error::Exhausted));
        assert_eq!(pool.try_alloc_from_isr().map(|_| ()), Err(Error::Exhausted));
        let mut wait = Box::pin(pool.wait(u8::MAX));
        assert!(is_pending(wait.as_mut()), "it has to wait as well");
    }

    fn is_pending(wait: Pin<&mut Wait<Inner>>) -> bool {
        matches!(wait.poll(&mut Context::from_waker(Waker::noop())), Poll::Pending)
    }

    fn granted(wait: Pin<&mut Wait<Inner>>) {
        let Poll::Ready(Ok(block)) = wait.poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("overtaken");
        };
        drop(block);
    }

    /// Three wait for three blocks, which `makes_free` makes free.
    fn are_not_first(pool: &'static PoolWithWaiters, makes_free: impl FnOnce()) {
        let mut waits: [_; 3] = std::array::from_fn(|_| Box::pin(pool.wait(0)));
        assert!(waits.iter_mut().all(|wait| is_pending(wait.as_mut())));
        POOL.set(Some(pool));
        CAME.set(0);
        INTERRUPT.set(Some(comes_later));
        makes_free();
        INTERRUPT.set(None);
        assert!(CAME.get() >= 3, "it came between every two of them");
        waits.iter_mut().for_each(|wait| granted(wait.as_mut()));
        drop(waits);
        assert_eq!((pool.stats().used(), pool.validate()), (0, Ok(())));
    }

    #[test]
    fn later_allocs_do_not_overtake_waiters_while_blocks_are_freed() {
        let pool = leaked(WaitPool::new(Pool::new(), WaitOrder::Priority));
        let held = [(); 3].map(|()| pool.try_alloc().unwrap());
        are_not_first(pool, || drop(held));
    }

    #[test]
    fn later_allocs_do_not_overtake_waiters_while_a_reserve_is_reduced() {
        let pool: &'static PoolWithWaiters = leaked(WaitPool::new(Pool::new(), WaitOrder::Priority));
        pool.set_isr_reserve(3).unwrap();
        are_not_first(pool, || pool.set_isr_reserve(0).unwrap());
    }

    #[test]
    fn later_allocs_do_not_overtake_waiters_while_the_list_is_repaired() {
        let pool: &'static PoolWithWaiters = leaked(WaitPool::new(Pool::new(), WaitOrder::Priority));
        let blocks = [(); 3].map(|()| pool.try_alloc().unwrap());
        let first = PoolBox::as_ptr(&blocks[2]).cast::<usize>();
        drop(blocks);
        pool.set_isr_reserve(3).unwrap();
        are_not_first(pool, || {
            // SAFETY: a write after free, inside the memory of the pool: to the block that was returned last, hence first.
            unsafe { first.write(4) };
            // What damage there is keeps the waiters from being served before it is repaired.
            INTERRUPT.set(None);
            pool.set_isr_reserve(0).unwrap();
            INTERRUPT.set(Some(comes_later));
            pool.repair();
        });
    }
}

/// On hosts where the default lock may allocate (`CriticalSection` on macOS) a bound on the type itself would refuse the crate.
#[test]
fn global_set_is_a_type_with_every_lock() {
    struct Any(u8);
    // SAFETY: never acquired.
    unsafe impl RawLock for Any {
        const INIT: Self = Self(0);
        type Saved = ();
        fn acquire(&self) {
            unreachable!("lock {}", self.0);
        }
        unsafe fn release(&self, (): ()) {}
    }
    assert!(size_of::<GlobalSet<1, NoFallback, Any>>() > size_of::<PoolSet<'static, 1, Any>>());
}
