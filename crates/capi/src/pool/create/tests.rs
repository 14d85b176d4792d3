//! What the C tests cannot do: give memory back to the heap with the struct of a live pool in it.

use core::mem::size_of;
use core::ptr::null;

use super::*;
use crate::pool::destroy::destroy_pool;

const BLOCKS: usize = 1000;

/// A program that frees the memory of a struct before it destroys the pool may get the same memory for its next pool.
#[test]
fn heap_struct_at_the_address_of_a_live_pool_is_refused() {
    let config =
        memory_pool_config_t { block_size: 16, num_blocks: BLOCKS, placement: DRAM, flags: 0, name: null() };
    // As much as struct, control block and map of the second pool take, and a little more, since the heap looks for a place in
    // which it can align them: so it takes this one again.
    let bytes = size_of::<memory_pool_t>() + size_of::<Control>() + BLOCKS;
    let spot = Allocation::for_control(bytes + 64, align_of::<Control>()).unwrap();
    let pool: *mut memory_pool_t = spot.0.as_ptr().cast();
    let small = memory_pool_config_t { num_blocks: 1, ..config };
    // SAFETY: the memory is this test's, and larger than a struct; there is no name.
    assert_eq!(unsafe { create(Location::Caller(pool), &small) }, Ok(pool));
    drop(spot);

    // SAFETY: there is no name.
    assert_eq!(unsafe { create(Location::Heap, &config) }, Err(refusals::STILL_A_POOL));

    let spot = Allocation::for_control(bytes, align_of::<Control>()).unwrap();
    assert_eq!(spot.0.as_ptr().cast(), pool, "the refused pool gave its memory back");
    // SAFETY: the struct is in this test's memory again, and nothing else uses the pool.
    assert!(unsafe { destroy_pool(pool, true, |_, _, _| {}) }.is_some_and(|ended| ended.refusal().is_none()));
}
