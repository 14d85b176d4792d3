//! A set behind the C functions.

use std::boxed::Box;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use microusc_memory::*;

use super::answer;
use crate::{ClassCounts, Refusal, SetCounts, SetUnderTest};

/// The sizes differ by more than a cache line, to which the size of blocks in external RAM is rounded up.
const CLASSES: [memory_pool_set_class_t; 4] = [
    memory_pool_set_class_t { block_size: 9, num_blocks: 3 },
    memory_pool_set_class_t { block_size: 48, num_blocks: 2 },
    memory_pool_set_class_t { block_size: 70, num_blocks: 5 },
    memory_pool_set_class_t { block_size: 256, num_blocks: 1 },
];

/// A set behind the C functions.
pub struct CSet {
    set: *mut memory_pool_set_t,
}

impl CSet {
    /// A set of four classes in the memory that `placement` names.
    pub fn new(placement: memory_placement_t) -> Self {
        let set = Box::into_raw(Box::<memory_pool_set_t>::new_uninit()).cast();
        // SAFETY: a struct to write to, which lives until `drop`, and an array of classes with its length.
        let made = unsafe { memory_pool_set_init(set, CLASSES.as_ptr(), CLASSES.len(), placement) };
        assert_eq!(made, ESP_OK);
        Self { set }
    }

    fn info(&self, rank: usize) -> memory_pool_set_info_t {
        let mut info = MaybeUninit::uninit();
        // SAFETY: the set is live; the snapshot was written if the call succeeded.
        unsafe {
            assert_eq!(memory_pool_set_get_info(self.set, rank, info.as_mut_ptr()), ESP_OK);
            info.assume_init()
        }
    }

    fn class(&self, rank: usize) -> *mut memory_pool_t {
        // SAFETY: the set is live, and it has a class of this rank.
        unsafe { (&raw mut (*self.set).classes).cast::<memory_pool_t>().add(rank) }
    }
}

impl Drop for CSet {
    fn drop(&mut self) {
        // SAFETY: made by `new` in a box, and not used again.
        unsafe {
            memory_pool_set_destroy(self.set);
            drop(Box::from_raw(self.set));
        }
    }
}

impl SetUnderTest for CSet {
    const ALIGN: Option<usize> = None;

    fn alloc(&mut self, size: usize, _: usize) -> Result<NonNull<u8>, Refusal> {
        let mut reason = ESP_ERR_INVALID_ARG;
        // SAFETY: the set is live.
        let block = unsafe { memory_pool_set_alloc_reason(self.set, size, &mut reason) };
        assert_eq!(block.is_null(), reason != ESP_OK);
        answer(reason, Refusal::NoClass)?;
        Ok(NonNull::new(block.cast()).expect("compared above"))
    }
    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        // SAFETY: the set is live; the block is as the caller promises.
        let reason = unsafe { memory_pool_set_free(self.set, block.cast()) };
        answer(reason, Refusal::NoClass)
    }
    unsafe fn realloc(&mut self, block: *mut u8, size: usize) -> Result<NonNull<u8>, Option<Refusal>> {
        // SAFETY: the set is live; the block is as the caller promises.
        let moved = unsafe { memory_pool_set_realloc(self.set, block.cast(), size) };
        // This function returns no reason; the counters show it.
        NonNull::new(moved.cast()).ok_or(None)
    }
    fn usable_size(&mut self, block: *mut u8) -> Option<usize> {
        // SAFETY: the set is live.
        match unsafe { memory_pool_set_usable_size(self.set, block.cast()) } {
            0 => None,
            usable => Some(usable),
        }
    }
    fn set_spill(&mut self, spill: bool) {
        // SAFETY: the set is live.
        assert_eq!(unsafe { memory_pool_set_spill(self.set, spill) }, ESP_OK);
    }
    fn base(&mut self, rank: usize) -> *mut u8 {
        // SAFETY: the set is live.
        unsafe { (*self.class(rank)).memory.cast() }
    }
    fn counts(&mut self) -> SetCounts {
        let classes = (0..CLASSES.len()).map(|rank| {
            let memory_pool_set_info_t { pool, spilled_in } = self.info(rank);
            assert_eq!(pool.used_blocks + pool.free_blocks, pool.num_blocks);
            ClassCounts {
                stride_bytes: pool.block_size,
                capacity: pool.num_blocks,
                used: pool.used_blocks,
                lowest_free: pool.lowest_free,
                misses: pool.alloc_failures,
                spilled_in,
                refused: pool.refused_frees,
            }
        });
        let classes = classes.collect();
        // SAFETY: the set is live, and only this thread uses it.
        let (no_class, refused) = unsafe { ((*self.set).too_large, (*self.set).refused_frees) };
        SetCounts { classes, no_class, refused }
    }
    fn validate(&mut self) -> bool {
        // SAFETY: the classes of a live set.
        (0..CLASSES.len()).all(|rank| unsafe { memory_pool_validate(self.class(rank)) } == ESP_OK)
    }
}
