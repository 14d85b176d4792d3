//! An archive without the feature `diagnostics`: nothing is recorded, and calls that ask for records are refused.
#![cfg(not(feature = "diagnostics"))]

use std::ptr::null_mut;

use microusc_memory::*;

#[test]
fn records_are_refused_and_live_blocks_are_still_reported() {
    // SAFETY: a pool of this thread's own.
    unsafe {
        let pool = memory_pool_malloc(32, 4);
        assert_eq!(memory_pool_record_sites(pool, true), ESP_ERR_NOT_SUPPORTED);
        assert_eq!(memory_pool_record_sites(pool, false), ESP_ERR_NOT_SUPPORTED);
        let mut memory = [0u64; 64];
        let given = (memory.as_mut_ptr().cast(), size_of_val(&memory));
        assert_eq!(memory_pool_record_sites_in(pool, given.0, given.1), ESP_ERR_NOT_SUPPORTED);

        let block = memory_pool_alloc_at(pool, 7, c"file.c".as_ptr());
        let other = memory_pool_alloc(pool);
        assert_eq!(memory_pool_dump_leaks(pool, u64::MAX, None, null_mut()), 2);
        let mut site = std::mem::MaybeUninit::uninit();
        assert_eq!(memory_pool_get_site(pool, block, site.as_mut_ptr()), ESP_OK);
        let site = site.assume_init();
        assert!(!site.recorded && site.file.is_null() && site.age_us == u64::MAX);
        memory_pool_free(pool, block);
        memory_pool_free(pool, other);
        assert_eq!(memory_pool_dump_leaks(pool, 0, None, null_mut()), 0);
        memory_pool_destroy(pool);
    }
}

unsafe extern "C" fn ignored(_: *const memory_pool_event_t) {}

#[test]
fn events_and_checks_are_refused_and_can_be_turned_off() {
    assert_eq!(memory_pool_trace_new_pools(true), ESP_ERR_NOT_SUPPORTED);
    assert_eq!(memory_pool_trace_new_pools(false), ESP_OK);
    assert_eq!(memory_pool_set_trace_callback(Some(ignored)), ESP_ERR_NOT_SUPPORTED);
    assert_eq!(memory_pool_set_trace_callback(None), ESP_OK);
    // SAFETY: a pool of this thread's own.
    unsafe {
        let pool = memory_pool_malloc(32, 4);
        assert_eq!(memory_pool_trace(pool, true), ESP_ERR_NOT_SUPPORTED);
        assert_eq!(memory_pool_trace(pool, false), ESP_OK);
        assert_eq!(memory_pool_set_checks(pool, MEMORY_POOL_CHECKS_POISON), ESP_ERR_NOT_SUPPORTED);
        assert_eq!(memory_pool_set_checks(pool, MEMORY_POOL_CHECKS_BASIC), ESP_OK);
        memory_pool_destroy(pool);
    }
}
