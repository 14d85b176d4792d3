//! Random schedules of more threads than loom can exhaust:
//! `RUSTFLAGS="--cfg shuttle" cargo test --profile model --package microusc-pool --test shuttle`.
//!
//! Four threads, eight blocks, a random program of allocs and frees in each. Half of the schedules are uniformly random,
//! half by priorities with few changes (PCT), which finds errors that need a thread to sleep long. What shuttle does not
//! know is weak memory: that is loom's part.
#![cfg(shuttle)]

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::Arc;

use microusc_pool::{AtomicPool, DynPool, Error, FLAW, Flaw, PoolBox, RawLock, SpinLock};
use shuttle::rand::{Rng, thread_rng};
use shuttle::thread;

const THREADS: u64 = 4;
const BLOCKS: usize = 8;
const STEPS: usize = 24;
const SCHEDULES: usize = 20_000;

/// A pool that threads use.
trait ScheduledPool: Send + Sync + 'static {
    fn new() -> Self;
    fn take(&self) -> Result<NonNull<u64>, Error>;
    fn put(&self, block: NonNull<u64>);
    fn all_is_well(&self);
}

struct Locked<L: RawLock + Send + Sync + 'static> {
    pool: DynPool<'static, L>,
    memory: *mut [MaybeUninit<usize>],
}

// SAFETY: the pool is `Sync` as its lock is; the memory is the pool's until `drop`.
unsafe impl<L: RawLock + Send + Sync> Sync for Locked<L> {}
// SAFETY: as above.
unsafe impl<L: RawLock + Send + Sync> Send for Locked<L> {}

impl<L: RawLock + Send + Sync> ScheduledPool for Locked<L> {
    fn new() -> Self {
        let memory = Box::into_raw(Box::<[usize]>::new_uninit_slice(BLOCKS + 1));
        // SAFETY: lives until `drop`, and is used through the pool only.
        let bytes =
            unsafe { std::slice::from_raw_parts_mut(memory.cast(), memory.len() * size_of::<usize>()) };
        let pool = DynPool::new(bytes, 8, 8).unwrap();
        assert_eq!(pool.geometry().capacity(), BLOCKS);
        Self { pool, memory }
    }

    fn take(&self) -> Result<NonNull<u64>, Error> {
        self.pool.alloc_raw().map(NonNull::cast)
    }

    fn put(&self, block: NonNull<u64>) {
        // SAFETY: the caller's own.
        unsafe { self.pool.free_raw(block.as_ptr().cast()) }.unwrap();
    }

    fn all_is_well(&self) {
        let stats = self.pool.stats();
        assert_eq!((stats.free, stats.refused, stats.damaged), (BLOCKS, 0, 0));
        assert_eq!(self.pool.validate(), Ok(()));
    }
}

impl<L: RawLock + Send + Sync> Drop for Locked<L> {
    fn drop(&mut self) {
        // SAFETY: made from a box in `new`; the pool is not used again.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

impl ScheduledPool for AtomicPool<u64, BLOCKS, 1> {
    fn new() -> Self {
        Self::new()
    }

    fn take(&self) -> Result<NonNull<u64>, Error> {
        Ok(PoolBox::into_raw(self.alloc_uninit()?).cast())
    }

    fn put(&self, block: NonNull<u64>) {
        // SAFETY: the caller's own.
        unsafe { self.free_raw(block.as_ptr()) }.unwrap();
    }

    fn all_is_well(&self) {
        assert_eq!((self.stats().free, self.stats().refused), (BLOCKS, 0));
    }
}

fn program<S: ScheduledPool>() {
    let pool = Arc::new(S::new());
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let pool = pool.clone();
            thread::spawn(move || random_steps(&*pool, number << 32))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    pool.all_is_well();
}

/// Takes and returns at random; each block keeps what its owner wrote.
fn random_steps<S: ScheduledPool>(pool: &S, mut owner: u64) {
    let mut held: Vec<(NonNull<u64>, u64)> = Vec::new();
    let put = |(block, owner): (NonNull<u64>, u64)| {
        // SAFETY: allocated by this thread, written below.
        assert_eq!(unsafe { block.read() }, owner, "a block changed under its owner");
        pool.put(block);
    };
    for _ in 0..STEPS {
        if held.is_empty() || thread_rng().gen_range(0..2) == 0 {
            match pool.take() {
                Ok(block) => {
                    owner += 1;
                    // SAFETY: allocated just now.
                    unsafe { block.write(owner) };
                    held.push((block, owner));
                }
                Err(error) => assert_eq!(error, Error::Exhausted),
            }
        } else {
            let which = thread_rng().gen_range(0..held.len());
            put(held.swap_remove(which));
        }
    }
    held.into_iter().for_each(put);
}

#[test]
fn locked_pool_keeps_blocks_apart_in_random_schedules() {
    shuttle::check_random(program::<Locked<SpinLock>>, SCHEDULES);
}

#[test]
fn locked_pool_keeps_blocks_apart_in_schedules_by_priority() {
    shuttle::check_pct(program::<Locked<SpinLock>>, SCHEDULES, 3);
}

#[test]
fn lock_free_pool_keeps_blocks_apart_in_random_schedules() {
    shuttle::check_random(program::<AtomicPool<u64, BLOCKS, 1>>, SCHEDULES);
}

#[test]
fn lock_free_pool_keeps_blocks_apart_in_schedules_by_priority() {
    shuttle::check_pct(program::<AtomicPool<u64, BLOCKS, 1>>, SCHEDULES, 3);
}

/// Locks and words that are broken on purpose are found.
mod broken {
    use super::*;
    use shuttle::sync::atomic::{AtomicBool, Ordering};

    struct Nothing;

    // SAFETY: none; that this is a lie is what must be found.
    unsafe impl RawLock for Nothing {
        const INIT: Self = Self;
        type Saved = ();
        fn acquire(&self) {}
        unsafe fn release(&self, (): ()) {}
    }

    /// Reads the flag, then sets it: two threads may read before either sets it.
    struct LookThenTake(AtomicBool);

    // SAFETY: none; that this is a race is what must be found.
    unsafe impl RawLock for LookThenTake {
        const INIT: Self = Self(AtomicBool::new(false));
        type Saved = ();
        fn acquire(&self) {
            while self.0.load(Ordering::Acquire) {
                thread::yield_now();
            }
            self.0.store(true, Ordering::Release);
        }
        unsafe fn release(&self, (): ()) {
            self.0.store(false, Ordering::Release);
        }
    }

    #[test]
    #[should_panic = "two at once"]
    fn missing_lock_is_found() {
        shuttle::check_random(program::<Locked<Nothing>>, SCHEDULES);
    }

    /// Two owners of a block, or a pool that counts one too many in the end.
    #[test]
    #[should_panic]
    fn word_changed_in_two_steps_is_found() {
        FLAW.set(Flaw::TwoSteps);
        shuttle::check_random(program::<AtomicPool<u64, BLOCKS, 1>>, SCHEDULES);
    }

    #[test]
    #[should_panic = "two at once"]
    fn lock_acquired_in_two_steps_is_found() {
        shuttle::check_random(program::<Locked<LookThenTake>>, SCHEDULES);
    }
}
