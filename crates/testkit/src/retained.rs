//! A retained pool, as the pool model drives it: every few operations the program starts again, as after a reset.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::ptr::NonNull;

use microusc_pool::NoLock;
use microusc_retained::{Found, RetainedPool, Shape};

use crate::pools::refusal;
use crate::{Counts, PoolUnderTest, Refusal};

/// Operations from one start to the next.
const OPERATIONS: u8 = 5;

/// A retained pool with its memory.
pub struct Retained {
    pool: Option<RetainedPool<'static, NoLock>>,
    memory: *mut [u64],
    shape: Shape,
    /// Operations until the next start.
    until_start: u8,
    /// The counters of earlier starts.
    exhausted: u32,
    refused: u32,
    lowest_free: usize,
}

impl Retained {
    /// A pool in memory of any content, and what was found there.
    ///
    /// # Panics
    ///
    /// If there is no such pool.
    pub fn over(content: &[u8], block_size: usize, blocks: usize) -> (Self, Found) {
        let shape = Shape::new(block_size, blocks).expect("there is such a pool");
        let mut memory = vec![0u64; shape.words().div_ceil(2)];
        for (at, byte) in content.iter().enumerate().take(memory.len() * 8) {
            memory[at / 8] |= u64::from(*byte) << (at % 8 * 8);
        }
        let memory = Box::into_raw(memory.into_boxed_slice());
        let mut this = Self {
            pool: None,
            memory,
            shape,
            until_start: OPERATIONS,
            exhausted: 0,
            refused: 0,
            lowest_free: usize::MAX,
        };
        let found = this.start();
        (this, found)
    }

    /// The pool.
    pub fn pool(&self) -> &RetainedPool<'static, NoLock> {
        self.pool.as_ref().expect("there is a pool, except in `start`")
    }

    /// What a reset does: everything outside the retained memory is lost.
    pub fn start(&mut self) -> Found {
        if let Some(pool) = self.pool.take() {
            let stats = pool.stats();
            self.exhausted += stats.exhausted;
            self.refused += stats.refused;
            self.lowest_free = self.lowest_free.min(stats.lowest_free);
        }
        let words = self.memory.len() * 2;
        let memory = NonNull::new(self.memory.cast::<u32>()).expect("a box is not null");
        // SAFETY: `self` owns the memory until `drop`, and the pool that used it before is gone.
        let (pool, found) =
            unsafe { RetainedPool::open_at(memory, words, self.shape) }.expect("there is such a pool");
        self.pool = Some(pool);
        found
    }

    /// Flips bits of header and map, as radiation or a faulty program would. The pool looks at them in the next start.
    pub fn damage(&mut self, flipped: &[u32]) {
        for (at, bits) in flipped.iter().enumerate() {
            // SAFETY: inside the memory, which no reference borrows: the pool keeps its address only.
            unsafe {
                let word = self.memory.cast::<u32>().add(at);
                word.write(word.read() ^ bits);
            }
        }
    }

    /// Sets every counter to 0. No block is in use.
    pub fn forget(&mut self) {
        self.start();
        (self.exhausted, self.refused) = (0, 0);
        self.reset_lowest_free();
    }

    fn start_sometimes(&mut self) {
        self.until_start -= 1;
        if self.until_start == 0 {
            self.until_start = OPERATIONS;
            let before: Vec<_> = self.pool().live().collect();
            assert_eq!(self.start(), Found::Intact { live: before.len() });
            assert_eq!(self.pool().live().collect::<Vec<_>>(), before);
        }
    }
}

impl Drop for Retained {
    fn drop(&mut self) {
        self.pool = None;
        // SAFETY: made from a box in `over`; the pool over it is gone.
        drop(unsafe { Box::from_raw(self.memory) });
    }
}

impl PoolUnderTest for Retained {
    const HAS_LINKS: bool = false;

    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.start_sometimes();
        let block = self.pool().alloc().map_err(refusal)?;
        let index = self.pool().index_of(block.as_ptr()).expect("an allocated block has an index");
        assert_eq!(self.pool().address_of(index), Some(block));
        assert_eq!(self.pool().next_live(index), Some(index));
        Ok(block)
    }

    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        self.start_sometimes();
        // SAFETY: as the caller promises.
        unsafe { self.pool().free(block) }.map_err(refusal)
    }

    fn counts(&mut self) -> Counts {
        let stats = self.pool().stats();
        Counts {
            stride_bytes: self.pool().block_bytes(),
            capacity: stats.capacity,
            free: stats.capacity - self.pool().live().count(),
            lowest_free: Some(stats.lowest_free.min(self.lowest_free)),
            exhausted: stats.exhausted + self.exhausted,
            refused: stats.refused + self.refused,
        }
    }

    fn validate(&mut self) -> bool {
        self.pool().validate().is_ok()
    }

    fn repair(&mut self) -> usize {
        let stats = self.pool().stats();
        stats.capacity - stats.used
    }

    fn reset_lowest_free(&mut self) {
        self.pool().reset_lowest_free();
        self.lowest_free = usize::MAX;
    }

    fn restart(&mut self, block_size: usize, count: usize) {
        *self = Self::over(&[], block_size, count).0;
    }
}
