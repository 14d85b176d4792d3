//! Every interleaving, within bounds: `RUSTFLAGS="--cfg loom" cargo test --profile model --package microusc-pool --test loom`.
//!
//! Bounds: two threads, pools of one or two blocks, one or two operations each; within these, every schedule. (With two
//! threads waiting for a third, loom may let the two take turns for ever.) The content of each block is watched as well:
//! two owners at once, or an owner that does not see what the last one did, is a report.
#![cfg(loom)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use microusc_pool::{AtomicPool, DynPool, Error, FLAW, Flaw, LINK_BYTES, PoolBox, RawLock, SpinLock};

#[path = "loom/arc.rs"]
mod arc;
#[path = "loom/host_lock.rs"]
mod host_lock;
#[path = "loom/operations.rs"]
mod operations;
#[path = "loom/sets.rs"]
mod sets;
#[path = "loom/two_phase_free.rs"]
mod two_phase_free;
#[path = "loom/wait_blocking.rs"]
mod wait_blocking;

/// A pool whose blocks are watched.
struct Watched<L: RawLock + 'static> {
    pool: DynPool<'static, L>,
    base: usize,
    content: Vec<UnsafeCell<u32>>,
    memory: *mut [MaybeUninit<usize>],
}

// SAFETY: the pool is `Sync` as its lock is; loom watches the content.
unsafe impl<L: RawLock + Sync> Sync for Watched<L> {}
// SAFETY: as above.
unsafe impl<L: RawLock + Sync> Send for Watched<L> {}

impl<L: RawLock + Sync> Watched<L> {
    fn new(blocks: usize) -> Arc<Self> {
        let memory = Box::into_raw(Box::<[usize]>::new_uninit_slice(blocks + blocks.div_ceil(LINK_BYTES)));
        // SAFETY: lives until `drop`, and is used through the pool only.
        let bytes = unsafe { std::slice::from_raw_parts_mut(memory.cast(), memory.len() * LINK_BYTES) };
        let pool = DynPool::new(&mut bytes[..blocks * (LINK_BYTES + 1)], LINK_BYTES, 1).unwrap();
        assert_eq!(pool.geometry().capacity(), blocks);
        let content = (0..blocks).map(|_| UnsafeCell::new(0)).collect();
        let watched = Arc::new(Self { pool, base: memory.cast::<u8>().addr(), content, memory });
        // What loom watches is made when first used: here, before there are threads.
        watched.all_is_well(0);
        watched
    }

    fn alloc(&self) -> Result<NonNull<u8>, Error> {
        let block = self.pool.alloc_raw()?;
        self.touch(block);
        Ok(block)
    }

    /// What an owner does with a block: it writes.
    fn touch(&self, block: NonNull<u8>) {
        let index = (block.addr().get() - self.base) / LINK_BYTES;
        // SAFETY: loom reports a second owner.
        self.content[index].with_mut(|word| unsafe { *word += 1 });
    }

    fn free(&self, block: NonNull<u8>) -> Result<(), Error> {
        // SAFETY: what is no block in use of the caller's is the misuse under test.
        unsafe { self.pool.free_raw(block.as_ptr()) }
    }

    fn pair(&self) {
        if let Ok(block) = self.alloc() {
            self.touch(block);
            self.free(block).unwrap();
        }
    }

    fn all_is_well(&self, used: usize) {
        let stats = self.pool.stats();
        assert_eq!((stats.used(), stats.damaged), (used, 0));
        assert_eq!(self.pool.validate(), Ok(()));
    }
}

impl<L: RawLock> Drop for Watched<L> {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`; the pool is not used again.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

fn pairs_against_pairs<L: RawLock + Sync + 'static>() {
    loom::model(|| {
        let pool = Watched::<L>::new(2);
        let other = pool.clone();
        let thread = thread::spawn(move || other.pair());
        pool.pair();
        thread.join().unwrap();
        pool.all_is_well(0);
    });
}

#[test]
fn pairs_of_two_threads_keep_two_blocks_apart() {
    pairs_against_pairs::<SpinLock>();
}

#[test]
fn pairs_of_two_threads_keep_one_block_apart() {
    loom::model(|| {
        let pool = Watched::<SpinLock>::new(1);
        let other = pool.clone();
        let thread = thread::spawn(move || other.pair());
        pool.pair();
        pool.pair();
        thread.join().unwrap();
        pool.all_is_well(0);
    });
}

#[test]
fn block_freed_by_one_thread_is_allocated_by_the_other() {
    loom::model(|| {
        let pool = Watched::<SpinLock>::new(1);
        let first = pool.alloc().unwrap();
        let other = pool.clone();
        let thread = thread::spawn(move || other.alloc());
        pool.touch(first);
        pool.free(first).unwrap();
        match thread.join().unwrap() {
            Ok(block) => pool.free(block).unwrap(),
            Err(error) => assert_eq!(error, Error::Exhausted),
        }
        pool.all_is_well(0);
    });
}

#[test]
fn block_allocated_by_one_thread_is_freed_by_the_other() {
    loom::model(|| {
        let pool = Watched::<SpinLock>::new(2);
        let block = pool.alloc().unwrap();
        let other = pool.clone();
        let address = block.as_ptr() as usize;
        let thread = thread::spawn(move || {
            let block = NonNull::new(address as *mut u8).unwrap();
            other.touch(block);
            other.free(block).unwrap();
        });
        pool.pair();
        thread.join().unwrap();
        pool.all_is_well(0);
    });
}

#[test]
fn one_of_two_racing_frees_is_refused() {
    loom::model(|| {
        let pool = Watched::<SpinLock>::new(2);
        let block = pool.alloc().unwrap();
        let other = pool.clone();
        let address = block.as_ptr() as usize;
        let thread = thread::spawn(move || other.free(NonNull::new(address as *mut u8).unwrap()));
        let answers = [pool.free(block), thread.join().unwrap()];
        assert!(answers.contains(&Ok(())) && answers.contains(&Err(Error::DoubleFree)));
        pool.all_is_well(0);
    });
}

/// Locks that are broken on purpose are found.
mod broken {
    use super::*;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use std::sync::OnceLock;

    /// Says that it locks.
    pub(super) struct Nothing;

    // SAFETY: none; that this is a lie is what must be found.
    unsafe impl RawLock for Nothing {
        const INIT: Self = Self;
        type Saved = ();
        fn acquire(&self) {}
        unsafe fn release(&self, (): ()) {}
    }

    /// Excludes, but orders nothing: what is written under it may not be seen by the next.
    pub(super) struct Relaxed(OnceLock<AtomicBool>);

    // SAFETY: none; that this is not enough is what must be found.
    unsafe impl RawLock for Relaxed {
        const INIT: Self = Self(OnceLock::new());
        type Saved = ();
        fn acquire(&self) {
            let flag = self.0.get_or_init(|| AtomicBool::new(false));
            while flag.compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                thread::yield_now();
            }
        }
        unsafe fn release(&self, (): ()) {
            self.0.get().unwrap().store(false, Ordering::Relaxed);
        }
    }

    /// Reads the flag, then sets it: two threads may read before either sets it.
    pub(super) struct LookThenTake(OnceLock<AtomicBool>);

    // SAFETY: none; that this is a race is what must be found.
    unsafe impl RawLock for LookThenTake {
        const INIT: Self = Self(OnceLock::new());
        type Saved = ();
        fn acquire(&self) {
            let flag = self.0.get_or_init(|| AtomicBool::new(false));
            while flag.load(Ordering::Acquire) {
                thread::yield_now();
            }
            flag.store(true, Ordering::Release);
        }
        unsafe fn release(&self, (): ()) {
            self.0.get().unwrap().store(false, Ordering::Release);
        }
    }

    #[test]
    #[should_panic]
    fn missing_lock_is_found() {
        pairs_against_pairs::<Nothing>();
    }

    #[test]
    #[should_panic]
    fn weakened_ordering_is_found() {
        pairs_against_pairs::<Relaxed>();
    }

    #[test]
    #[should_panic]
    fn lock_acquired_in_two_steps_is_found() {
        pairs_against_pairs::<LookThenTake>();
    }
}

/// The lock-free pool, without and with flaws.
mod lock_free {
    use super::*;

    /// Two words, so that the step from one to the next is covered; all but two blocks are allocated beforehand.
    const BLOCKS: usize = 33;

    /// A watched pool with two blocks left: one in each word.
    struct Pair {
        pool: AtomicPool<usize, BLOCKS, 2>,
        content: Vec<UnsafeCell<u32>>,
    }

    impl Pair {
        fn new() -> Arc<Self> {
            let pool = AtomicPool::new();
            let content = (0..BLOCKS).map(|_| UnsafeCell::new(0)).collect();
            let pair = Arc::new(Self { pool, content });
            let all: Vec<_> = (0..BLOCKS).map(|_| pair.take().unwrap()).collect();
            pair.put(all[31]).unwrap();
            pair.put(all[32]).unwrap();
            pair
        }

        fn base(&self) -> usize {
            (&raw const self.pool).addr()
        }

        fn take(&self) -> Result<NonNull<usize>, Error> {
            let block = PoolBox::into_raw(self.pool.alloc_uninit()?).cast();
            self.touch(block);
            Ok(block)
        }

        fn touch(&self, block: NonNull<usize>) {
            // Any number of its own will do for a block.
            let index = ((block.addr().get() - self.base()) / size_of::<usize>()) % BLOCKS;
            // SAFETY: loom reports a second owner.
            self.content[index].with_mut(|word| unsafe { *word += 1 });
        }

        fn put(&self, block: NonNull<usize>) -> Result<(), Error> {
            // SAFETY: what is no block in use of the caller's is the misuse under test.
            unsafe { self.pool.free_raw(block.as_ptr()) }
        }

        fn pair(&self) {
            if let Ok(block) = self.take() {
                self.touch(block);
                self.put(block).unwrap();
            }
        }
    }

    fn check(threads: usize, preemptions: Option<usize>, flaw: Flaw) {
        FLAW.set(Flaw::None);
        let mut model = loom::model::Builder::new();
        model.preemption_bound = preemptions;
        model.max_branches = 10_000;
        model.check(move || {
            FLAW.set(Flaw::None);
            let pair = Pair::new();
            FLAW.set(flaw);
            let others: Vec<_> = (1..threads)
                .map(|_| {
                    let pair = pair.clone();
                    thread::spawn(move || pair.pair())
                })
                .collect();
            pair.pair();
            others.into_iter().for_each(|other| other.join().unwrap());
            assert_eq!(pair.pool.stats().free, 2);
        });
    }

    #[test]
    fn two_threads_keep_their_blocks_apart() {
        check(2, None, Flaw::None);
    }

    #[test]
    fn three_threads_with_two_preemptions_keep_their_blocks_apart() {
        check(3, Some(2), Flaw::None);
    }

    #[test]
    fn block_freed_by_one_thread_is_allocated_by_the_other() {
        loom::model(|| {
            let pair = Pair::new();
            let held = [pair.take().unwrap(), pair.take().unwrap()];
            let other = pair.clone();
            let thread = thread::spawn(move || other.pair());
            pair.touch(held[0]);
            pair.put(held[0]).unwrap();
            pair.pair();
            thread.join().unwrap();
            assert_eq!(pair.pool.stats().free, 1);
        });
    }

    #[test]
    fn one_of_two_racing_frees_is_refused() {
        loom::model(|| {
            let pair = Pair::new();
            let address = pair.take().unwrap().as_ptr() as usize;
            let other = pair.clone();
            let block = move || NonNull::new(address as *mut usize).unwrap();
            let thread = thread::spawn(move || other.put(block()));
            let answers = [pair.put(block()), thread.join().unwrap()];
            assert!(answers.contains(&Ok(())) && answers.contains(&Err(Error::DoubleFree)));
            assert_eq!(pair.pool.stats().free, 2);
        });
    }

    #[test]
    #[should_panic]
    fn weakened_ordering_is_found() {
        check(2, None, Flaw::Relaxed);
    }

    #[test]
    #[should_panic]
    fn word_changed_in_two_steps_is_found() {
        check(2, None, Flaw::TwoSteps);
    }
}

/// The lock-free pool over borrowed memory: two words, the first of which is full, so that the step to the next is covered.
mod lock_free_over_given_memory {
    use super::*;
    use microusc_pool::{AtomicDynPool, AtomicWords};

    const BLOCKS: usize = 33;

    struct Given {
        pool: AtomicDynPool<'static>,
        content: Vec<UnsafeCell<u32>>,
        parts: (*mut AtomicWords<2>, *mut [MaybeUninit<usize>]),
    }

    // SAFETY: the pool is `Sync`; loom watches the content.
    unsafe impl Sync for Given {}
    // SAFETY: as above.
    unsafe impl Send for Given {}

    impl Given {
        fn new() -> Self {
            let words = Box::into_raw(Box::new(AtomicWords::new()));
            let memory = Box::into_raw(Box::<[usize]>::new_uninit_slice(BLOCKS));
            // SAFETY: both live until `clear`, and are used through the pool only.
            let (control, bytes) =
                unsafe { (&*words, std::slice::from_raw_parts_mut(memory.cast(), BLOCKS * LINK_BYTES)) };
            let pool = AtomicDynPool::new(control, |_, _| true, bytes, LINK_BYTES, 1).unwrap();
            let content = (0..BLOCKS).map(|_| UnsafeCell::new(0)).collect();
            let given = Self { pool, content, parts: (words, memory) };
            let all: Vec<_> = (0..BLOCKS).map(|_| given.pool.alloc_raw().unwrap()).collect();
            // SAFETY: allocated just now.
            unsafe { given.pool.free_raw(all[32].as_ptr()) }.unwrap();
            given
        }

        fn pair(&self) {
            match self.pool.alloc_raw() {
                Ok(block) => {
                    let index = (block.addr().get() - self.pool.base().addr().get()) / LINK_BYTES;
                    // SAFETY: loom reports a second owner.
                    self.content[index].with_mut(|word| unsafe { *word += 1 });
                    // SAFETY: allocated just now.
                    unsafe { self.pool.free_raw(block.as_ptr()) }.unwrap();
                }
                Err(error) => assert_eq!(error, Error::Exhausted),
            }
        }

        fn clear(self) {
            let (words, memory) = self.parts;
            drop(self.pool);
            // SAFETY: made from boxes in `new`; the pool over them is gone.
            drop(unsafe { (Box::from_raw(words), Box::from_raw(memory)) });
        }
    }

    fn check(flaw: Flaw) {
        FLAW.set(Flaw::None);
        loom::model(move || {
            FLAW.set(Flaw::None);
            let given = Arc::new(Given::new());
            FLAW.set(flaw);
            let other = given.clone();
            let thread = thread::spawn(move || other.pair());
            given.pair();
            thread.join().unwrap();
            assert_eq!(given.pool.stats().free, 1);
            if let Ok(given) = Arc::try_unwrap(given) {
                given.clear();
            }
        });
    }

    #[test]
    fn two_threads_keep_their_blocks_apart() {
        check(Flaw::None);
    }

    #[test]
    #[should_panic]
    fn weakened_ordering_is_found() {
        check(Flaw::Relaxed);
    }

    #[test]
    #[should_panic]
    fn word_changed_in_two_steps_is_found() {
        check(Flaw::TwoSteps);
    }

    /// Of two pools that want the same words at one time, one gets them.
    #[test]
    fn words_are_claimed_by_one_pool() {
        loom::model(|| {
            FLAW.set(Flaw::None);
            let words: &'static AtomicWords<1> = Box::leak(Box::new(AtomicWords::new()));
            let claim = move || {
                let mut memory = [MaybeUninit::uninit(); 64];
                let pool = AtomicDynPool::new(words, |_, _| true, &mut memory, 16, 8);
                let outcome = pool.as_ref().err().copied();
                // Kept until both have tried.
                std::mem::forget(pool);
                outcome
            };
            // What loom watches is made when first used: here, before there are threads.
            let mut memory = [MaybeUninit::uninit(); 64];
            drop(AtomicDynPool::new(words, |_, _| true, &mut memory, 16, 8).unwrap());
            let thread = thread::spawn(claim);
            let mut outcomes = [claim(), thread.join().unwrap()];
            outcomes.sort_by_key(Option::is_some);
            assert_eq!(outcomes, [None, Some(Error::Initialized)]);
        });
    }
}

/// Hand-over against cancellation.
mod waiting {
    use super::*;
    use microusc_pool::{Pool, WaitOrder, WaitPool};
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    type PoolWithWaiters = WaitPool<Pool<usize, 1, SpinLock>>;

    #[test]
    fn block_granted_while_the_wait_is_cancelled_is_not_lost() {
        loom::model(|| {
            let pool: &'static PoolWithWaiters =
                Box::leak(Box::new(WaitPool::new(Pool::new(), WaitOrder::Fifo)));
            let held = pool.try_alloc().unwrap();
            let address = PoolBox::into_raw(held).as_ptr() as usize;
            let thread = thread::spawn(move || {
                let value = NonNull::new(address as *mut std::mem::MaybeUninit<usize>).unwrap();
                // SAFETY: from `into_raw`, used once.
                drop(unsafe { PoolBox::from_raw(pool, value) }.unwrap());
            });
            {
                let mut wait = pin!(pool.wait(0));
                let polled = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                if let Poll::Ready(block) = polled {
                    drop(block.unwrap());
                }
                // Dropped here, whatever it came to.
            }
            thread.join().unwrap();
            assert_eq!((pool.stats().free, pool.validate()), (1, Ok(())));
        });
    }

    #[test]
    fn one_block_serves_two_waiters_in_turn() {
        loom::model(|| {
            let pool: &'static PoolWithWaiters =
                Box::leak(Box::new(WaitPool::new(Pool::new(), WaitOrder::Fifo)));
            drop(pool.try_alloc().unwrap());
            let once = move || {
                let mut wait = pin!(pool.wait(0));
                if let Poll::Ready(block) = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    drop(block.unwrap());
                }
            };
            let thread = thread::spawn(once);
            once();
            thread.join().unwrap();
            assert_eq!((pool.stats().free, pool.validate()), (1, Ok(())));
        });
    }
}
