//! A retained pool as the shadow model sees it, for property tests and the fuzzer.

use std::ptr::NonNull;

use microusc_pool::{Error, NoLock};
use microusc_retained::{Found, RetainedPool, Shape};
use microusc_testkit::{Counts, Refusal, Subject};

/// A retained pool with its memory; every so many operations the program starts anew.
pub(crate) struct Retained {
    pool: Option<RetainedPool<'static, NoLock>>,
    memory: *mut [u64],
    shape: Shape,
    other: u64,
    /// Operations until the next start.
    awake: u8,
    /// Counters of the starts before.
    exhausted: u32,
    refused: u32,
    lowest_free: usize,
}

impl Retained {
    /// A pool in memory of any content, and whether it was formatted.
    pub(crate) fn over(content: &[u8], block_size: usize, blocks: usize) -> (Self, Found) {
        let shape = Shape::new(block_size, blocks).unwrap();
        let mut memory = vec![0u64; shape.words().div_ceil(2)];
        for (at, byte) in content.iter().enumerate().take(memory.len() * 8) {
            memory[at / 8] |= u64::from(*byte) << (at % 8 * 8);
        }
        let memory = Box::into_raw(memory.into_boxed_slice());
        let mut subject = Self {
            pool: None,
            memory,
            shape,
            other: 0,
            awake: 5,
            exhausted: 0,
            refused: 0,
            lowest_free: usize::MAX,
        };
        let found = subject.start();
        (subject, found)
    }

    pub(crate) fn pool(&self) -> &RetainedPool<'static, NoLock> {
        self.pool.as_ref().expect("between two starts only")
    }

    /// What a reset does: all that is not in the retained memory is made anew.
    pub(crate) fn start(&mut self) -> Found {
        if let Some(pool) = self.pool.take() {
            let stats = pool.stats();
            self.exhausted += stats.exhausted;
            self.refused += stats.refused;
            self.lowest_free = self.lowest_free.min(stats.lowest_free);
        }
        let words = self.memory.len() * 2;
        let memory = NonNull::new(self.memory.cast::<u32>()).expect("a box is somewhere");
        // SAFETY: the memory is ours until `drop`, and the pool that used it before is gone.
        let (pool, found) = unsafe { RetainedPool::open_at(memory, words, self.shape) }.unwrap();
        self.pool = Some(pool);
        found
    }

    /// Flips bits of the books, as radiation or a broken program would. The pool does not know before it is started.
    #[allow(dead_code, reason = "the fuzzer's")]
    pub(crate) fn damage(&mut self, flipped: &[u32]) {
        for (at, bits) in flipped.iter().enumerate() {
            // SAFETY: inside the memory, of which no reference is alive: the pool keeps an address and uses it when asked.
            unsafe {
                let word = self.memory.cast::<u32>().add(at);
                word.write(word.read() ^ bits);
            }
        }
    }

    /// Counts anew, with nothing in use.
    #[allow(dead_code, reason = "the fuzzer's")]
    pub(crate) fn forget(&mut self) {
        self.start();
        (self.exhausted, self.refused) = (0, 0);
        self.reset_lowest_free();
    }

    fn sleep_sometimes(&mut self) {
        self.awake -= 1;
        if self.awake == 0 {
            self.awake = 5;
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

fn refusal(error: Error) -> Refusal {
    match error {
        Error::Exhausted => Refusal::Exhausted,
        Error::NotABlock => Refusal::NotABlock,
        Error::DoubleFree => Refusal::DoubleFree,
        Error::Corrupt => Refusal::Corrupt,
        other => panic!("{other} is no answer to an operation"),
    }
}

impl Subject for Retained {
    const HAS_LINKS: bool = false;

    fn alloc(&mut self) -> Result<NonNull<u8>, Refusal> {
        self.sleep_sometimes();
        let block = self.pool().alloc().map_err(refusal)?;
        let index = self.pool().index_of(block.as_ptr()).expect("it is a block");
        assert_eq!(self.pool().address_of(index), Some(block));
        assert_eq!(self.pool().next_live(index), Some(index));
        Ok(block)
    }

    unsafe fn free(&mut self, block: *mut u8) -> Result<(), Refusal> {
        self.sleep_sometimes();
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

    fn foreign(&mut self) -> *mut u8 {
        (&raw mut self.other).cast()
    }
}
