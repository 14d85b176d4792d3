//! The lock-free pool over memory that is provided at run time.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::bitmap::{AtomicCounters, AtomicStats, Bitmap};
use crate::dyn_pool::place;
use crate::words::BitWord;
use crate::{Error, Geometry, LINK_BYTES, Owns, PoolBox, Reclaim, Rejected};

/// The control words of an [`AtomicDynPool`]: `W` is [`words_for`](crate::words_for) its blocks.
///
/// All zero bytes, so that a static of them lies in `.bss`: internal data RAM on the ESP32 family, where atomics work.
/// Words serve one pool at a time.
#[derive(Debug)]
pub struct AtomicWords<const W: usize> {
    /// Bit 0: a pool uses them.
    claimed: BitWord,
    counters: AtomicCounters,
    words: [BitWord; W],
}

impl<const W: usize> AtomicWords<W> {
    /// Words that no pool uses yet.
    #[expect(
        clippy::new_without_default,
        reason = "words are made in a constant, where Default cannot be called"
    )]
    pub const fn new() -> Self {
        Self {
            claimed: BitWord::new(),
            counters: AtomicCounters::new(),
            words: [const { BitWord::new() }; W],
        }
    }
}

/// A pool of byte blocks over borrowed memory, without a lock: the blocks may lie anywhere, the control words may not.
///
/// Atomic instructions do not work in the external RAM (PSRAM) of the ESP32 family, but blocks may lie there. So the words
/// are an argument of their own. They cannot lie in the memory of the blocks, which is borrowed exclusively. Whether atomics
/// work where the words lie depends on the platform, so the program answers that when it makes the pool.
///
/// * Cost: making one is O(capacity / 32); alloc and free are those of [`AtomicPool`](crate::AtomicPool); no critical
///   section. RAM besides that memory: this struct (12 words), and [`AtomicWords`]. Nothing is
///   written into the blocks: all bytes are the owner's.
/// * Context: everywhere, non-maskable interrupts included (on targets with atomic words).
/// * It has no batches, no reserve for interrupts and no lowest number of free blocks: these need more than one atomic step.
///   There is no free list that could be damaged.
///
/// ```
/// use core::mem::MaybeUninit;
/// use microusc_pool::{AtomicDynPool, AtomicWords, Error, words_for};
///
/// static WORDS: AtomicWords<{ words_for(16) }> = AtomicWords::new();
///
/// // On a chip: external RAM. Atomics work in all of a host's memory; a chip compares the addresses with its map.
/// let mut memory = [MaybeUninit::uninit(); 1024];
/// let atomics_work = |_first: *const u8, _bytes: usize| true;
///
/// let pool = AtomicDynPool::new(&WORDS, atomics_work, &mut memory, 64, 8)?;
/// let mut block = pool.alloc()?;
/// block.fill(MaybeUninit::new(0x55));
/// let answer = pool.alloc_value(42u64)?;
/// assert_eq!((*answer, pool.stats().free), (42, pool.geometry().capacity() - 2));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct AtomicDynPool<'m> {
    claimed: &'m BitWord,
    map: Bitmap<'m>,
    geometry: Geometry,
    base: NonNull<u8>,
    memory: PhantomData<&'m mut [MaybeUninit<u8>]>,
}

// SAFETY: a block is reached by the one context that set its bit; the bits are changed atomically.
unsafe impl Sync for AtomicDynPool<'_> {}
// SAFETY: the pool owns what it points to, by exclusive borrow or by claim.
unsafe impl Send for AtomicDynPool<'_> {}

impl<'m> AtomicDynPool<'m> {
    /// Cuts `memory` into blocks of at least `block_size` bytes, aligned to `align` bytes and to a pointer: as many as
    /// fit, and as there are bits in `words`. O(capacity / 32).
    ///
    /// `atomics_work` answers whether atomics work on so many bytes from an address; it is asked about `words`.
    ///
    /// # Errors
    ///
    /// [`Error::NoAtomics`] when the answer is no; [`Error::Initialized`] while `words` are another pool's;
    /// [`Error::BlockTooSmall`], [`Error::BadAlignment`], [`Error::TooLarge`], and [`Error::UnsuitableMemory`] when
    /// not one block fits or there are no words.
    pub fn new<const W: usize>(
        words: &'m AtomicWords<W>,
        atomics_work: impl FnOnce(*const u8, usize) -> bool,
        memory: &'m mut [MaybeUninit<u8>],
        block_size: usize,
        align: usize,
    ) -> Result<Self, Error> {
        if !atomics_work((&raw const *words).cast(), size_of_val(words)) {
            return Err(Error::NoAtomics);
        }
        if block_size < LINK_BYTES {
            return Err(Error::BlockTooSmall);
        }
        let stride = Geometry::stride_for(block_size, align)?;
        let padding = memory.as_mut_ptr().align_offset(align.max(LINK_BYTES));
        // This runs once for each pool, so a division is acceptable.
        let fit = memory.len().saturating_sub(padding) / stride;
        let capacity = fit.min(W.saturating_mul(BitWord::BITS));
        if capacity == 0 {
            return Err(Error::UnsuitableMemory);
        }
        let geometry = Geometry::new(block_size, align, capacity)?;
        // A pointer to all bytes from here on, not to the first one only: the blocks are reached by it.
        let base = NonNull::from(&mut memory[padding..]).cast();
        if !words.claimed.try_set(1) {
            return Err(Error::Initialized);
        }
        words.counters.reset();
        words.words.iter().for_each(BitWord::clear_all);
        let map = Bitmap::new(&words.counters, &words.words, capacity);
        Ok(Self { claimed: &words.claimed, map, geometry, base, memory: PhantomData })
    }

    /// Allocates a block, a stride of bytes. The content of the bytes is undefined.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc(&self) -> Result<PoolBox<'_, [MaybeUninit<u8>], Self>, Error> {
        let bytes = NonNull::slice_from_raw_parts(self.alloc_raw()?.cast(), self.geometry.stride());
        // SAFETY: just allocated; a block is a stride long, and any byte is a `MaybeUninit`.
        Ok(unsafe { PoolBox::from_parts(self, bytes) })
    }

    /// Allocates a block and moves `value` into it.
    ///
    /// # Errors
    ///
    /// [`Error::UnsuitableMemory`] if a `T` is larger than a block, or more strictly aligned than the blocks are;
    /// [`Error::Exhausted`]. The value is returned.
    #[inline]
    pub fn alloc_value<T>(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        place(self, (self.base, &self.geometry), || self.alloc_raw(), value)
    }

    /// Allocates a block and returns its address.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc_raw(&self) -> Result<NonNull<u8>, Error> {
        let allocated = match self.map.alloc_fast() {
            Ok(index) => Some(self.block(index)),
            Err(start) => self.alloc_slow(start),
        };
        allocated.ok_or(Error::Exhausted)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, start: usize) -> Option<NonNull<u8>> {
        self.map.alloc_slow(start).map(|index| self.block(index))
    }

    #[inline(always)]
    fn block(&self, index: usize) -> NonNull<u8> {
        // SAFETY: an index below the capacity, and `new` cut the memory to so many strides.
        unsafe { self.base.add(index * self.geometry.stride()) }
    }

    /// Frees a block by its address.
    ///
    /// # Errors
    ///
    /// [`Error::DoubleFree`] and [`Error::NotABlock`]: the pool is unharmed and the refusal counted.
    ///
    /// # Safety
    ///
    /// If `block` is a block of this pool in use, then it is the caller's and is not used again.
    #[inline]
    pub unsafe fn free_raw(&self, block: *mut u8) -> Result<(), Error> {
        self.map.free(self.index_of(block.addr()))
    }

    /// The address of block 0. O(1).
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The geometry. O(1).
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The counters. O(capacity / 32).
    pub fn stats(&self) -> AtomicStats {
        self.map.stats()
    }

    #[inline(always)]
    fn index_of(&self, address: usize) -> Option<usize> {
        self.geometry.index_of(address.wrapping_sub(self.base.addr().get()))
    }
}

impl Drop for AtomicDynPool<'_> {
    /// Lets another pool use the words.
    fn drop(&mut self) {
        self.claimed.try_clear(1);
    }
}

// SAFETY: the memory is the pool's by exclusive borrow, wherever the pool moves; a bit is set until its block is freed.
unsafe impl Reclaim for AtomicDynPool<'_> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_raw(block.as_ptr()) };
    }
}

// SAFETY: a bit is set from the alloc of a block to its free.
unsafe impl Owns for AtomicDynPool<'_> {
    fn owns(&self, address: *const u8) -> bool {
        self.map.is_live(self.index_of(address.addr()))
    }
}
