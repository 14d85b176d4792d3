//! The unsafe part: words and blocks at an address.

use core::marker::PhantomData;
use core::ptr::NonNull;

use super::image::Words;

/// Borrowed memory: words of the pool's books first, then the blocks.
pub(super) struct Memory<'m> {
    start: NonNull<u32>,
    words: usize,
    /// Words before block 0.
    header: usize,
    borrowed: PhantomData<&'m mut [u32]>,
}

impl Memory<'_> {
    /// `words` words at `start`, of which the first `header` are the books.
    ///
    /// # Safety
    ///
    /// They may be read and written for as long as the result is used, and nothing else writes to the header and map meanwhile.
    pub(super) unsafe fn new(start: NonNull<u32>, words: usize, header: usize) -> Self {
        Self { start, words, header: header.min(words), borrowed: PhantomData }
    }

    /// The address of block `index` of the pool, which fits the memory: `Image::open` saw to that.
    pub(super) fn block(&self, index: usize, stride: usize) -> NonNull<u8> {
        let base = self.base();
        debug_assert!((index + 1) * stride <= (self.words - self.header) * size_of::<u32>());
        // SAFETY: an image that opened has room for all blocks, and gives numbers below their count only.
        unsafe { base.add(index * stride) }
    }

    /// How far from block 0 an address is, in bytes; wraps below it.
    pub(super) fn offset_of(&self, block: *const u8) -> usize {
        block.addr().wrapping_sub(self.base().addr().get())
    }

    fn base(&self) -> NonNull<u8> {
        // SAFETY: at most one past the end, since `header` is at most `words`.
        unsafe { self.start.add(self.header) }.cast()
    }
}

impl Words for Memory<'_> {
    fn len(&self) -> usize {
        self.words
    }

    fn is_aligned(&self) -> bool {
        self.start.cast::<usize>().is_aligned()
    }

    fn load(&self, at: usize) -> u32 {
        if at >= self.header {
            return 0;
        }
        // SAFETY: inside the borrowed memory. Volatile, for it holds what an earlier program left, not what this one
        // initialised it with.
        unsafe { self.start.add(at).read_volatile() }
    }

    fn store(&mut self, at: usize, value: u32) {
        if at < self.header {
            // SAFETY: inside the borrowed memory, before the blocks. Volatile, so that it is one store, in the order of
            // the program: power may fail after any of them.
            unsafe { self.start.add(at).write_volatile(value) };
        }
    }
}
