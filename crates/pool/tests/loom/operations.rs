//! Each operation of a locked pool at the same time as each other one, on its fast path and on its slow ones: a lock that is
//! released too early or not acquired shows as an access that no lock orders.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use microusc_pool::{Owns, Pool, WaitOrder, WaitPool};

use super::*;

type Operation = fn(&Watched<SpinLock>);

/// Each leaves the pool as it found it, or as any other may leave it.
const OPERATIONS: &[(&str, Operation)] = &[
    ("alloc and free", |pool| pool.pair()),
    ("alloc from the reserve and free", |pool| {
        if let Ok(block) = pool.pool.alloc_raw_from_isr() {
            pool.touch(block);
            pool.free(block).unwrap();
        }
    }),
    ("a batch", |pool| {
        let mut blocks = [MaybeUninit::uninit()];
        if pool.pool.alloc_batch_raw(&mut blocks).is_ok() {
            // SAFETY: written by the batch.
            let block = unsafe { blocks[0].assume_init() };
            pool.touch(block);
            // SAFETY: allocated just now.
            unsafe { pool.pool.free_batch_raw(&[block.as_ptr()]) }.unwrap();
        }
    }),
    ("a free that is refused", |pool| {
        let inside = pool.pool.base().as_ptr().wrapping_add(1);
        // SAFETY: not the start of a block.
        assert_eq!(unsafe { pool.pool.free_raw(inside) }, Err(Error::NotABlock));
    }),
    ("a batch that is refused", |pool| {
        let inside = pool.pool.base().as_ptr().wrapping_add(1);
        // SAFETY: not the start of a block.
        assert_eq!(unsafe { pool.pool.free_batch_raw(&[inside]) }, Err((0, Error::NotABlock)));
    }),
    ("set_isr_reserve", |pool| pool.pool.set_isr_reserve(1).unwrap()),
    ("stats", |pool| assert!(pool.pool.stats().free <= 2)),
    ("can_alloc", |pool| assert_ne!(pool.pool.can_alloc(), Err(Error::Corrupt))),
    ("owns", |pool| assert!(!pool.pool.owns(std::ptr::null()))),
    ("validate", |pool| assert_eq!(pool.pool.validate(), Ok(()))),
    ("repair", |pool| assert!(pool.pool.repair() <= 2)),
    ("reset_lowest_free", |pool| pool.pool.reset_lowest_free()),
];

/// Every pair of operations on a pool that was prepared.
fn in_pairs(prepare: fn(&Watched<SpinLock>)) {
    for (at, &(_one, one)) in OPERATIONS.iter().enumerate() {
        for &(_other, other) in &OPERATIONS[at..] {
            let mut model = loom::model::Builder::new();
            model.preemption_bound = Some(2);
            model.check(move || {
                let pool = Watched::<SpinLock>::new(2);
                prepare(&pool);
                let shared = pool.clone();
                let thread = thread::spawn(move || other(&shared));
                one(&pool);
                thread.join().unwrap();
                pool.all_is_well(0);
            });
        }
    }
}

/// Blocks that were never used: each alloc is by a slow path.
#[test]
fn every_two_operations_on_a_new_pool_keep_the_rules() {
    in_pairs(|_| {});
}

#[test]
fn every_two_operations_on_a_used_pool_keep_the_rules() {
    in_pairs(|pool| {
        let held = [pool.alloc().unwrap(), pool.alloc().unwrap()];
        held.into_iter().for_each(|block| pool.free(block).unwrap());
    });
}

/// With a reserve every operation takes a slow path.
#[test]
fn every_two_operations_on_a_pool_with_a_reserve_keep_the_rules() {
    in_pairs(|pool| {
        let held = [pool.alloc().unwrap(), pool.alloc().unwrap()];
        held.into_iter().for_each(|block| pool.free(block).unwrap());
        pool.pool.set_isr_reserve(1).unwrap();
    });
}

/// A typed pool, in whose handles the slow paths of alloc and free are others than those of a pool over memory.
#[test]
fn slow_paths_of_a_typed_pool_keep_the_rules() {
    for reserve in [0, 1] {
        loom::model(move || {
            let pool: &'static Pool<usize, 2, SpinLock> = Box::leak(Box::new(Pool::new()));
            pool.set_isr_reserve(reserve).unwrap();
            let thread = thread::spawn(|| {
                let taken = pool.alloc(1);
                drop(taken);
            });
            let taken = pool.alloc_from_isr(2);
            drop(taken);
            thread.join().unwrap();
            assert_eq!((pool.stats().free, pool.validate()), (2, Ok(())));
        });
    }
}

type PoolWithWaiters = WaitPool<Pool<usize, 1, SpinLock>>;
type BesideAWaiter = fn(&'static PoolWithWaiters);

/// The operations that can serve a waiter, or compete with it, while it waits and is cancelled.
const BESIDE_A_WAITER: &[(&str, BesideAWaiter)] = &[
    ("alloc and free", |pool| drop(pool.try_alloc())),
    ("alloc from the reserve and free", |pool| drop(pool.try_alloc_from_isr())),
    ("set_isr_reserve", |pool| pool.set_isr_reserve(0).unwrap()),
    ("repair", |pool| pool.repair()),
    ("stats", |pool| assert!(pool.stats().free <= 1)),
    ("validate", |pool| assert_eq!(pool.validate(), Ok(()))),
];

#[test]
fn every_operation_beside_a_waiter_keeps_the_rules() {
    for &(_name, beside) in BESIDE_A_WAITER {
        let mut model = loom::model::Builder::new();
        model.preemption_bound = Some(2);
        model.check(move || {
            let pool: &'static PoolWithWaiters =
                Box::leak(Box::new(WaitPool::new(Pool::new(), WaitOrder::Fifo)));
            // The reserve keeps the block from the waiter, unless the other lets it go.
            pool.set_isr_reserve(1).unwrap();
            let thread = thread::spawn(move || beside(pool));
            {
                let mut wait = pin!(pool.wait(0));
                let mut context = Context::from_waker(Waker::noop());
                if let Poll::Ready(block) = wait.as_mut().poll(&mut context) {
                    drop(block.unwrap());
                }
            }
            thread.join().unwrap();
            assert_eq!((pool.stats().free, pool.validate()), (1, Ok(())));
        });
    }
}
