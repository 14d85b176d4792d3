//! Pools without an allocation map, and without any check: what their types do not exclude.
#![cfg(not(any(loom, shuttle)))]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use microusc_pool::{Boxed, Checks, Error, LinksChecked, NoLock, Pool, Unchecked};
use proptest::prelude::*;

const BLOCKS: usize = 6;

type Bare<M> = Pool<u64, BLOCKS, NoLock, M>;

/// Takes (even) or returns (odd) as `steps` say, next to a map of what must be there.
fn follow<M: Checks + 'static>(steps: &[u8]) {
    let pool: &'static Bare<M> = Box::leak(Box::new(Pool::new()));
    let mut held: BTreeMap<u8, (u64, Boxed<Bare<M>>)> = BTreeMap::new();
    let (mut most, mut refused) = (0, 0);
    for (turn, &step) in steps.iter().enumerate() {
        let value = u64::from(step) << 32 | turn as u64;
        if step % 2 == 1 {
            held.remove(&(step - 1));
        } else if let Entry::Vacant(room) = held.entry(step) {
            match pool.alloc(value) {
                Ok(handle) => {
                    room.insert((value, handle));
                }
                Err(rejected) => {
                    assert_eq!((rejected.error, held.len()), (Error::Exhausted, BLOCKS));
                    refused += 1;
                }
            }
        }
        most = most.max(held.len());
        assert!(held.values().all(|(value, handle)| *value == **handle));
        let stats = pool.stats();
        assert_eq!((stats.used(), stats.lowest_free, stats.exhausted), (held.len(), BLOCKS - most, refused));
        assert_eq!(pool.validate(), Ok(()));
    }
}

proptest! {
    #[test]
    fn values_of_live_blocks_do_not_change(steps in prop::collection::vec(0u8..20, 1..300)) {
        follow::<LinksChecked>(&steps);
        follow::<Unchecked>(&steps);
    }
}

#[test]
fn link_out_of_the_pool_is_found_without_an_allocation_map() {
    let pool: &'static Bare<LinksChecked> = Box::leak(Box::new(Pool::new()));
    let address = Boxed::<Bare<LinksChecked>>::as_ptr(&pool.alloc(1).unwrap());
    // The block is free now, and a write follows.
    // SAFETY: inside the pool, which lives for ever; the write after free is the misuse under test.
    unsafe { address.cast::<usize>().write(address.addr().get() + 1) };
    let held = pool.alloc(2).unwrap();
    assert_eq!(pool.alloc(3).unwrap_err().error, Error::Corrupt);
    assert_eq!(pool.stats().damaged, 1);
    drop(held);
}

#[test]
fn pool_without_checks_refuses_a_reserve() {
    let pool: &'static Bare<Unchecked> = Box::leak(Box::new(Pool::new()));
    assert_eq!(pool.set_isr_reserve(1), Err(Error::ReserveTooLarge));
    let unmarked: &'static Bare<LinksChecked> = Box::leak(Box::new(Pool::new()));
    assert_eq!(unmarked.set_isr_reserve(BLOCKS), Ok(()));
    assert_eq!(unmarked.alloc(1).unwrap_err().error, Error::Exhausted);
}
