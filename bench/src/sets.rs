//! Sets of eight classes, the most that a C set can have. Finding the class costs most for the last one.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

use microusc_memory::{
    DRAM, ESP_OK, MEMORY_POOL_SET_MAX_CLASSES, memory_pool_set_alloc, memory_pool_set_class_t,
    memory_pool_set_destroy, memory_pool_set_free, memory_pool_set_init, memory_pool_set_t,
};
use microusc_pool::{PoolSet, SizeClass};

use crate::measured_pools::{BLOCKS, MeasuredPool};

const CLASSES: usize = MEMORY_POOL_SET_MAX_CLASSES;

/// Bytes of a block of the first class, and the difference from one class to the next.
const SMALLEST: usize = 32;
const STEP: usize = 8;

/// Block sizes and counts; the measured class has enough blocks.
fn classes<C>(measured: usize, class: impl Fn(usize, usize) -> C) -> [C; CLASSES] {
    std::array::from_fn(|rank| class(SMALLEST + rank * STEP, if rank == measured { BLOCKS } else { 1 }))
}

/// The requested bytes: an odd number, which is the size of no class.
const fn request(measured: usize) -> usize {
    SMALLEST + measured * STEP - 3
}

/// A set of the Rust crate with its default lock; every request is for one class.
pub(crate) struct Rust {
    set: &'static PoolSet<'static, CLASSES>,
    size: usize,
}

impl Rust {
    pub(crate) fn of_class(rank: usize) -> Self {
        let classes = classes(rank, |block_size, blocks| SizeClass { block_size, blocks });
        let bytes = PoolSet::<CLASSES>::bytes_for(8, &classes);
        let memory: &'static mut [MaybeUninit<u8>] = Box::leak(Box::new_uninit_slice(bytes));
        let set = PoolSet::new(memory, 8, &classes).expect("the bytes are enough");
        Self { set: Box::leak(Box::new(set)), size: request(rank) }
    }
}

#[inline(never)]
fn rust_alloc(set: &PoolSet<'static, CLASSES>, size: usize) -> Option<NonNull<u8>> {
    set.alloc_raw(size, 8).ok()
}

#[inline(never)]
fn rust_free(set: &PoolSet<'static, CLASSES>, block: NonNull<u8>) -> bool {
    // SAFETY: called with blocks of the set, each freed once.
    unsafe { set.free_raw(block.as_ptr()) }.is_ok()
}

impl MeasuredPool for Rust {
    type Handle = NonNull<u8>;
    #[inline(always)]
    fn alloc(&mut self) -> NonNull<u8> {
        let block = rust_alloc(self.set, self.size);
        // SAFETY: the patterns never ask for more blocks than the class has.
        unsafe { block.unwrap_unchecked() }
    }
    #[inline(always)]
    fn free(&mut self, block: NonNull<u8>) {
        rust_free(self.set, block);
    }
}

/// The C functions for sets; every request is for one class.
pub(crate) struct C {
    set: *mut memory_pool_set_t,
    size: usize,
}

impl C {
    pub(crate) fn of_class(rank: usize) -> Self {
        let classes =
            classes(rank, |block_size, num_blocks| memory_pool_set_class_t { block_size, num_blocks });
        let set = Box::into_raw(Box::<memory_pool_set_t>::new_uninit()).cast();
        // SAFETY: a struct to write to, which lives until `drop`, and an array of classes with its length.
        let made = unsafe { memory_pool_set_init(set, classes.as_ptr(), CLASSES, DRAM) };
        assert_eq!(made, ESP_OK, "the chip's memory has room for one set");
        Self { set, size: request(rank) }
    }
}

impl Drop for C {
    fn drop(&mut self) {
        // SAFETY: made by `of_class` in a box, and not used again.
        unsafe {
            memory_pool_set_destroy(self.set);
            drop(Box::from_raw(self.set));
        }
    }
}

impl MeasuredPool for C {
    type Handle = *mut c_void;
    #[inline(always)]
    fn alloc(&mut self) -> *mut c_void {
        // SAFETY: the set lives as long as `self`.
        unsafe { memory_pool_set_alloc(self.set, self.size) }
    }
    #[inline(always)]
    fn free(&mut self, block: *mut c_void) {
        // SAFETY: a block of the set, freed once.
        unsafe { memory_pool_set_free(self.set, block) };
    }
}
