//! A free list whose parts lie open, as they do for the C functions: a test may read and damage each of them.

use alloc::boxed::Box;
use alloc::vec;
use core::ptr::null_mut;

use microusc_pool::{ByteMap, Counters, Error, FreeList, Geometry, Link};

/// The parts of a pool of `BLOCKS` blocks of `WORDS` words. One context uses it, without a lock.
#[derive(Debug)]
pub struct BarePool<const BLOCKS: usize, const WORDS: usize> {
    /// The first block of the free list.
    pub head: *mut Link,
    /// Blocks on the free list.
    pub listed: usize,
    /// The counters.
    pub counters: Counters,
    geometry: Geometry,
    /// The allocation map, with one entry more than the pool has blocks, as if memory of another pool followed.
    pub marks: Box<[u8]>,
    /// The blocks.
    pub blocks: Box<[[usize; WORDS]; BLOCKS]>,
}

impl<const BLOCKS: usize, const WORDS: usize> BarePool<BLOCKS, WORDS> {
    /// A pool in which no block was ever used.
    ///
    /// # Panics
    ///
    /// If there is no such geometry.
    #[expect(clippy::new_without_default, reason = "each test makes a pool of its own size")]
    pub fn new() -> Self {
        Self {
            head: null_mut(),
            listed: 0,
            counters: Counters::NEW,
            geometry: Geometry::new(WORDS * size_of::<usize>(), align_of::<usize>(), BLOCKS)
                .expect("a geometry"),
            marks: vec![0; BLOCKS + 1].into(),
            blocks: Box::new([[0; WORDS]; BLOCKS]),
        }
    }

    /// The free list over these parts.
    pub fn list(&mut self) -> FreeList<'_, ByteMap> {
        // SAFETY: the parts were made for each other. What a test wrote into them is the damage under test.
        unsafe {
            FreeList::new(
                (&mut self.head, &mut self.listed),
                &mut self.counters,
                self.blocks.as_mut_ptr().cast(),
                &self.geometry,
                ByteMap::new(self.marks.as_mut_ptr()),
            )
        }
    }

    /// Allocates a block that is there.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn alloc(&mut self) -> *mut u8 {
        self.list().alloc().expect("there is a free block").as_ptr()
    }

    /// Frees a block.
    ///
    /// # Errors
    ///
    /// As `FreeList::free`.
    ///
    /// # Safety
    ///
    /// If `block` is a live block, the caller owns it and does not use it again.
    pub unsafe fn free(&mut self, block: *mut u8) -> Result<(), Error> {
        // SAFETY: as the caller promises.
        unsafe { self.list().free(block) }
    }

    /// The address of a block, as a link has it.
    pub fn link(&mut self, index: usize) -> *mut Link {
        self.blocks[index].as_mut_ptr().cast()
    }

    /// Makes the link in the block `from` lead to the block `to`.
    pub fn lead(&mut self, from: usize, to: usize) {
        self.blocks[from][0] = self.link(to).expose_provenance();
    }
}
