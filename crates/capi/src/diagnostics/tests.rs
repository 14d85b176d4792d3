//! What no function of the header shows: the slot of a block that is not in use.

use core::ptr::null_mut;

use super::call_sites::record_of;
use crate::control::block::{control_of, with_free_list};
use crate::*;

/// Whether the slot of block 0 of `pool` holds a record.
fn slot_is_filled(pool: *mut memory_pool_t) -> bool {
    // SAFETY: a live pool, and the lock is held.
    unsafe {
        let control = control_of(pool).expect("a live pool");
        with_free_list(pool, control, |_| record_of(control, 0).is_some())
    }
}

#[test]
fn record_is_empty_after_its_block_was_freed_in_any_way() {
    // SAFETY: a pool of this thread's own, and its one block.
    unsafe {
        let pool = memory_pool_malloc(32, 1);
        assert_eq!(memory_pool_record_sites(pool, true), ESP_OK);
        let ways: [&dyn Fn(*mut core::ffi::c_void); 4] = [
            &|block| memory_pool_free(pool, block),
            &|block| assert_eq!(memory_pool_free_reason(pool, block), ESP_OK),
            &|block| assert_eq!(memory_pool_free_unsynchronized(pool, block), ESP_OK),
            &|block| assert_eq!(memory_pool_free_batch(pool, &block, 1), ESP_OK),
        ];
        for give in ways {
            assert!(!slot_is_filled(pool));
            let block = memory_pool_alloc(pool);
            assert!(!block.is_null() && slot_is_filled(pool));
            give(block);
        }
        assert!(!slot_is_filled(pool));
        assert_eq!(memory_pool_dump_leaks(pool, 0, None, null_mut()), 0);
        memory_pool_destroy(pool);
    }
}

/// A call that fills a block asks whether the fill was turned off and on meanwhile.
#[test]
fn each_turn_of_the_fill_is_counted_and_no_other_change() {
    // SAFETY: a pool of this thread's own.
    unsafe {
        let pool = memory_pool_malloc(32, 1);
        let turns = || (*control_of(pool).expect("a live pool").as_ptr()).diagnostics.switches();
        let before = turns();
        for turn in 1..=4 {
            let level = if turn % 2 == 1 { MEMORY_POOL_CHECKS_POISON } else { MEMORY_POOL_CHECKS_BASIC };
            assert_eq!(memory_pool_set_checks(pool, level), ESP_OK);
            assert_eq!(turns(), before + turn);
            assert_eq!(memory_pool_trace(pool, turn % 2 == 1), ESP_OK);
            assert_eq!(turns(), before + turn);
        }
        memory_pool_destroy(pool);
    }
}

/// What is on for a pool costs it the fast path, and only as long as it is on.
#[test]
fn fast_path_is_back_when_all_diagnostics_are_off() {
    // SAFETY: a pool of this thread's own, and its blocks.
    unsafe {
        let pool = memory_pool_malloc(32, 2);
        let control = control_of(pool).expect("a live pool");
        let is_fast = || {
            with_free_list(pool, control, |list| {
                list.alloc_fast().is_some_and(|block| list.free_fast(block.as_ptr()).is_some())
            })
        };
        assert!(is_fast());
        assert_eq!(memory_pool_trace(pool, true), ESP_OK);
        assert_eq!(memory_pool_record_sites(pool, true), ESP_OK);
        assert!(!is_fast());
        assert_eq!(memory_pool_trace(pool, false), ESP_OK);
        assert!(!is_fast(), "records are kept");
        assert_eq!(memory_pool_record_sites(pool, false), ESP_OK);
        assert!(is_fast());
        memory_pool_destroy(pool);
    }
}
