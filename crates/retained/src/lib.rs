#![no_std]
//! Pools in memory that survives a reset: RTC memory over deep sleep, memory that no start-up code clears.
//!
//! ```text
//!   retained memory, 32-bit words                                             ordinary RAM, made anew at each start
//!   +-------+----------+---------+--------+--------+-----+-----------+------+  +------------------------------+
//!   | magic | checksum | version | stride | blocks | tag | map ...   | pad  |  | lock, counters, index        |
//!   +-------+----------+---------+--------+--------+-----+-----------+------+  | which groups have free blocks|
//!   | block 0 | block 1 | ...                                              |  +------------------------------+
//!
//!   a word of the map:  | CRC-16 of the group's number and bits | 16 bits: block 16 * group + i is in use |
//! ```
//!
//! **One store.** Taking or returning a block changes one word of the map, and its checksum lies in the same word. So
//! there is no moment at which power may not fail: the memory is as it was before the operation, or as it is after.
//! Formatting clears the magic number first and writes it last.
//!
//! **No address** is kept there: blocks are numbers, so the program may lie elsewhere after an update. **No lock** is
//! kept there either: one that was held when power failed would stay held for ever.
//!
//! What the blocks hold is the application's; it may change without the pool knowing, hence without a checksum of it.

#[cfg(test)]
extern crate std;

mod image;
mod memory;
#[cfg(test)]
mod tests;

use core::cell::UnsafeCell;
use core::fmt;
use core::ptr::NonNull;

use microusc_pool::{DefaultLock, Error, RawLock};

use image::Image;
pub use image::{Fault, MAX_BLOCKS, RetainedStats, Shape};
use memory::Memory;

/// What was found in the memory of a retained pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The pool as it was left, with so many blocks in use.
    Intact {
        /// Blocks in use: [`RetainedPool::live`] lists them.
        live: usize,
    },
    /// No pool of this shape: every block is free now, and this is what was wrong.
    Formatted(Fault),
}

/// A pool whose blocks, and the knowledge which are in use, outlive a reset.
///
/// * Cost: opening is O(words of the map); alloc and free are O(1), one critical section of `L` with two checksums of
///   16 steps in it. RAM: 12 words and the lock; in the retained memory 6 words and a word for each 16 blocks.
/// * Context: whatever `L` allows.
///
/// ```
/// use microusc_pool::NoLock;
/// use microusc_retained::{Found, RetainedPool, Shape};
///
/// #[repr(align(8))] // aligned as a pointer, on any machine
/// struct Rtc([u32; 64]);
///
/// let mut rtc = Rtc([0; 64]); // on a chip: a static in a section that no start-up code clears
/// let shape = Shape::new(16, 8)?.tag(3); // 8 blocks of 16 bytes; 3: the version of their contents
///
/// let (pool, found) = RetainedPool::<NoLock>::open(&mut rtc.0, shape)?;
/// assert!(matches!(found, Found::Formatted(_)));
/// let number = pool.index_of(pool.alloc()?.as_ptr()).unwrap();
/// drop(pool); // deep sleep
///
/// let (pool, found) = RetainedPool::<NoLock>::open(&mut rtc.0, shape)?;
/// assert_eq!(found, Found::Intact { live: 1 });
/// assert_eq!(pool.live().collect::<Vec<_>>(), [number]);
/// # Ok::<(), microusc_pool::Error>(())
/// ```
pub struct RetainedPool<'m, L: RawLock = DefaultLock> {
    lock: L,
    image: UnsafeCell<Image<Memory<'m>>>,
}

// SAFETY: the image is used with the lock held only.
unsafe impl<L: RawLock + Sync> Sync for RetainedPool<'_, L> {}
// SAFETY: the pool owns, by exclusive borrow, all it points to.
unsafe impl<L: RawLock + Send> Send for RetainedPool<'_, L> {}

impl<'m, L: RawLock> RetainedPool<'m, L> {
    /// Looks at `memory`, whatever it holds, and takes over the pool in it or makes a new one. O(words of the map).
    ///
    /// The memory must not be cleared at start: on ESP chips a static in `.rtc_noinit`.
    ///
    /// # Errors
    ///
    /// [`Error::UnsuitableMemory`] if it is too small for `shape`, or not aligned to a pointer.
    pub fn open(memory: &'m mut [u32], shape: Shape) -> Result<(Self, Found), Error> {
        let words = memory.len();
        // SAFETY: borrowed for as long as the pool.
        unsafe { Self::open_at(NonNull::from(memory).cast(), words, shape) }
    }

    /// The same with memory at an address, where pointers to blocks may be in use that were taken when this memory was
    /// opened before.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    ///
    /// # Safety
    ///
    /// `words` words of 32 bits at `memory` may be read and written for `'m`; nothing but this pool and the owners of its
    /// blocks writes to them meanwhile.
    pub unsafe fn open_at(memory: NonNull<u32>, words: usize, shape: Shape) -> Result<(Self, Found), Error> {
        // SAFETY: as the caller promises.
        let memory = unsafe { Memory::new(memory, words, shape.header_words()) };
        let (image, found) = Image::open(memory, shape)?;
        Ok((Self { lock: L::INIT, image: UnsafeCell::new(image) }, found))
    }

    /// Allocates a block; its content is what was left there. O(1); one critical section. Once this returned, the block
    /// stays in use over a reset, also before anything was written to it.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`]; [`Error::Corrupt`] if the map was damaged since it was opened: the 16 blocks that the
    /// damaged word is about are left alone until the next start.
    pub fn alloc(&self) -> Result<NonNull<u8>, Error> {
        self.with(|image| image.take().map(|index| image.words().block(index, image.stride())))
    }

    /// Frees a block. O(1); one critical section.
    ///
    /// # Errors
    ///
    /// [`Error::NotABlock`] and [`Error::DoubleFree`]: the pool is unharmed and the refusal counted.
    /// [`Error::Corrupt`] as in [`alloc`](Self::alloc).
    ///
    /// # Safety
    ///
    /// If `block` is in use, it is the caller's and is not used again.
    pub unsafe fn free(&self, block: *mut u8) -> Result<(), Error> {
        self.with(|image| {
            let offset = image.words().offset_of(block);
            image.put(offset)
        })
    }

    /// The number of the block at `block`, or `None` if none begins there: what may be kept over a reset in place of
    /// an address. O(1), one critical section.
    pub fn index_of(&self, block: *const u8) -> Option<usize> {
        self.with(|image| image.index_of(image.words().offset_of(block)))
    }

    /// The address of block `index`, or `None` if it is not in use. O(1); one critical section.
    pub fn address_of(&self, index: usize) -> Option<NonNull<u8>> {
        self.with(|image| image.is_live(index).then(|| image.words().block(index, image.stride())))
    }

    /// The numbers of the blocks in use, lowest first; one critical section for each 16 blocks and each result.
    pub fn live(&self) -> impl Iterator<Item = usize> + '_ {
        let mut from = 0;
        core::iter::from_fn(move || {
            let index = self.next_live(from)?;
            from = index + 1;
            Some(index)
        })
    }

    /// The first block in use whose number is at least `from`. O(blocks / 16), a critical section for each 16.
    pub fn next_live(&self, from: usize) -> Option<usize> {
        let groups = self.with(|image| image.groups());
        (from / image::GROUP..groups).find_map(|group| self.with(|image| image.first_live(group, from)))
    }

    /// Bytes that the owner of a block may use. O(1).
    pub fn block_bytes(&self) -> usize {
        self.with(|image| image.stride())
    }

    /// A snapshot of the counters, which begin anew at each start. O(1); one critical section.
    pub fn stats(&self) -> RetainedStats {
        self.with(|image| image.stats())
    }

    /// Starts [`RetainedStats::lowest_free`] anew from now. O(1); one critical section.
    pub fn reset_lowest_free(&self) {
        self.with(Image::reset_lowest_free);
    }

    /// Checks everything in the retained memory as the next start will. O(words of the map) inside one critical
    /// section.
    ///
    /// # Errors
    ///
    /// What the next start would report, and format the pool for.
    pub fn validate(&self) -> Result<(), Fault> {
        self.with(|image| image.check())
    }

    fn with<R>(&self, work: impl FnOnce(&mut Image<Memory<'m>>) -> R) -> R {
        // SAFETY: with the lock closed nothing else has a reference to the image.
        self.lock.with(|| work(unsafe { &mut *self.image.get() }))
    }
}

impl<L: RawLock> fmt::Debug for RetainedPool<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetainedPool").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
