//! The lock-free pool over memory that is given at run time.

use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use super::bitmap::{AtomicCounters, AtomicStats, Bitmap};
use crate::dyn_pool::place;
use crate::sync::BitWord;
use crate::{Error, Geometry, LINK_BYTES, Owns, PoolBox, Reclaim, Rejected};

/// The control words of an [`AtomicDynPool`]: `W` is [`words_for`](crate::words_for) its blocks.
///
/// All zero bytes, so that a static of them lies in `.bss`: internal data RAM on the ESP32 family, where atomics work.
/// Words serve one pool at a time.
#[derive(Debug)]
pub struct AtomicWords<const W: usize> {
    /// Bit 0: a pool has them.
    claimed: BitWord,
    counters: AtomicCounters,
    words: [BitWord; W],
}

impl<const W: usize> AtomicWords<W> {
    /// Words of no pool yet.
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
/// Atomics do not work in the external RAM (PSRAM) of the ESP32 family, though blocks there are welcome. So the words are
/// an argument of their own. They cannot lie in the memory of the blocks, which is borrowed exclusively; and
/// whether they lie where atomics work is for the platform to say, when the pool is made.
///
/// * Cost: making one is O(capacity / 32); alloc and free are those of [`AtomicPool`](crate::AtomicPool); no critical
///   section. RAM besides the memory given: this struct (12 words), and [`AtomicWords`]. The blocks are not touched: a
///   block is all its owner's.
/// * Context: everywhere, non-maskable interrupts included (on targets with atomic words).
/// * What needs more than one step has no lock-free counterpart: batches, the reserve for interrupts, lowest-free marks.
///   A free list that could be damaged does not exist.
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
    bits: Bitmap<'m>,
    geometry: Geometry,
    base: NonNull<u8>,
    memory: PhantomData<&'m mut [MaybeUninit<u8>]>,
}

// SAFETY: a block is reached by the one context that set its bit; the bits are changed atomically.
unsafe impl Sync for AtomicDynPool<'_> {}
// SAFETY: the pool has, by exclusive borrow or by claim, all it points to.
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
        // Once for each pool, far from any hot path: a division is welcome here.
        let fit = memory.len().saturating_sub(padding) / stride;
        let capacity = fit.min(W.saturating_mul(BitWord::BITS));
        if capacity == 0 {
            return Err(Error::UnsuitableMemory);
        }
        let geometry = Geometry::new(block_size, align, capacity)?;
        // A pointer to all that is behind it, not to the one byte: blocks are reached by it.
        let base = NonNull::from(&mut memory[padding..]).cast();
        if !words.claimed.take(1) {
            return Err(Error::Initialized);
        }
        words.counters.reset();
        words.words.iter().for_each(BitWord::clear);
        let bits = Bitmap::new(&words.counters, &words.words, capacity);
        Ok(Self { claimed: &words.claimed, bits, geometry, base, memory: PhantomData })
    }

    /// Takes a block of a stride's bytes. Its content is whatever was there.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc(&self) -> Result<PoolBox<'_, [MaybeUninit<u8>], Self>, Error> {
        let bytes = NonNull::slice_from_raw_parts(self.alloc_raw()?.cast(), self.geometry.stride());
        // SAFETY: just taken; a block is a stride long, and any byte is a `MaybeUninit`.
        Ok(unsafe { PoolBox::from_parts(self, bytes) })
    }

    /// Moves `value` into a block.
    ///
    /// # Errors
    ///
    /// [`Error::UnsuitableMemory`] if a `T` is larger than a block, or more strictly aligned than the blocks are;
    /// [`Error::Exhausted`]. The value is given back.
    #[inline]
    pub fn alloc_value<T>(&self, value: T) -> Result<PoolBox<'_, T, Self>, Rejected<T>> {
        place(self, (self.base, &self.geometry), || self.alloc_raw(), value)
    }

    /// Takes a block as an address.
    ///
    /// # Errors
    ///
    /// [`Error::Exhausted`].
    #[inline]
    pub fn alloc_raw(&self) -> Result<NonNull<u8>, Error> {
        let taken = match self.bits.alloc_fast() {
            Ok(index) => Some(self.block(index)),
            Err(start) => self.take_elsewhere(start),
        };
        taken.ok_or(Error::Exhausted)
    }

    #[cold]
    #[inline(never)]
    fn take_elsewhere(&self, start: usize) -> Option<NonNull<u8>> {
        self.bits.take_elsewhere(start).map(|index| self.block(index))
    }

    #[inline(always)]
    fn block(&self, index: usize) -> NonNull<u8> {
        // SAFETY: an index below the capacity, and `new` cut the memory to so many strides.
        unsafe { self.base.add(index * self.geometry.stride()) }
    }

    /// Returns a block by its address.
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
        self.bits.put(self.index_of(block.addr()))
    }

    /// Where block 0 begins. O(1).
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The geometry. O(1).
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The counters. O(capacity / 32).
    pub fn stats(&self) -> AtomicStats {
        self.bits.stats()
    }

    #[inline(always)]
    fn index_of(&self, address: usize) -> Option<usize> {
        self.geometry.index_of(address.wrapping_sub(self.base.addr().get()))
    }
}

impl Drop for AtomicDynPool<'_> {
    /// Lets the words go, for another pool.
    fn drop(&mut self) {
        self.claimed.put(1);
    }
}

// SAFETY: the memory is the pool's by exclusive borrow, wherever the pool moves; a bit is set until its block is reclaimed.
unsafe impl Reclaim for AtomicDynPool<'_> {
    #[inline(always)]
    unsafe fn reclaim(&self, block: NonNull<u8>) {
        // SAFETY: as the caller promises. A refusal is counted by the pool.
        let _counted = unsafe { self.free_raw(block.as_ptr()) };
    }
}

// SAFETY: a bit is set from when a block is given out until it is reclaimed.
unsafe impl Owns for AtomicDynPool<'_> {
    fn owns(&self, address: *const u8) -> bool {
        self.bits.is_live(self.index_of(address.addr()))
    }
}
