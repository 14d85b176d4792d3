//! One small error type for everything that a pool can refuse.

use core::fmt;

/// Why a pool refused.
///
/// A refusal changes a counter and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The block size is below the size of a pointer; a free block holds a link of that size.
    BlockTooSmall,
    /// A pool of no blocks.
    NoBlocks,
    /// The alignment is not a power of two.
    BadAlignment,
    /// Block size, alignment and count multiply to more than the address space holds.
    TooLarge,
    /// The memory or the block is too small, or not aligned, for the pool or the value.
    UnsuitableMemory,
    /// A batch of more blocks than the pool has.
    BatchTooLarge,
    /// A reserve of more blocks than the pool has.
    ReserveTooLarge,
    /// The classes of a set are not in order: smallest blocks first.
    ClassesUnsorted,
    /// Two classes of a set have blocks of the same size, once rounded up to the alignment.
    ClassesAlike,
    /// The request is larger, or more strictly aligned, than the blocks of every class of the set.
    NoClass,
    /// The vector or slice is longer than its block can hold.
    NoRoom,
    /// The allocator has its set already, or another pool uses the control words.
    Initialized,
    /// Atomics do not work where the control words of a lock-free pool lie.
    NoAtomics,
    /// Every block is in use, or the free ones are kept for interrupts or for waiting tasks.
    Exhausted,
    /// No block became free in the time that the caller was willing to wait.
    TimedOut,
    /// The caller must not wait: it is an interrupt, or there is no scheduler to run other tasks.
    CannotWait,
    /// The address is not the start of a block of this pool: another pool's, interior, stack or null.
    NotABlock,
    /// The block is free already.
    DoubleFree,
    /// The free list is damaged: a free block was written to, after its free or by an overrun of its neighbour.
    ///
    /// A damaged link is never used as an address. [`repair`](crate::DynPool::repair) rebuilds the list.
    Corrupt,
}

impl Error {
    /// The sentence that [`Display`](fmt::Display) prints, for code without a formatter.
    pub const fn message(self) -> &'static str {
        match self {
            Error::BlockTooSmall => "block size is smaller than a pointer",
            Error::NoBlocks => "a pool needs at least one block",
            Error::BadAlignment => "alignment is not a power of two",
            Error::TooLarge => "block size times count exceeds the address space",
            Error::UnsuitableMemory => "memory is too small or not aligned for the pool",
            Error::BatchTooLarge => "batch is larger than the pool",
            Error::ReserveTooLarge => "reserve is larger than the pool",
            Error::ClassesUnsorted => "classes of a set are not in order, smallest blocks first",
            Error::ClassesAlike => "two classes of a set have the same block size",
            Error::NoClass => "request is larger or more strictly aligned than every class",
            Error::NoRoom => "block has no room for so many elements",
            Error::Initialized => "initialised already",
            Error::NoAtomics => "atomics do not work where the control words lie",
            Error::Exhausted => "every block is in use",
            Error::TimedOut => "no block became free in time",
            Error::CannotWait => "the caller may not wait: an interrupt, or no scheduler",
            Error::NotABlock => "address is not a block of this pool",
            Error::DoubleFree => "block is free already",
            Error::Corrupt => "free list is damaged: a free block was written to",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Error {}

/// An allocation that failed, with the value that was to be moved into the block, so that it is not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected<T> {
    /// Why the pool refused.
    pub error: Error,
    /// The value.
    pub value: T,
}

impl<T> From<Rejected<T>> for Error {
    /// Drops the value, so that `?` can return the reason.
    fn from(rejected: Rejected<T>) -> Self {
        rejected.error
    }
}

impl<T> fmt::Display for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<T: fmt::Debug> core::error::Error for Rejected<T> {}
