//! One small error type for everything a pool can refuse.

use core::fmt;

/// Why a pool refused.
///
/// A refusal changes nothing but a counter: the pool goes on as before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The block size is below the size of a pointer, in which a free block keeps its link.
    BlockTooSmall,
    /// A pool of no blocks.
    NoBlocks,
    /// The alignment is not a power of two.
    BadAlignment,
    /// Block size, alignment and count multiply to more than the address space holds.
    TooLarge,
    /// The memory given is too small, or not aligned, for what was asked of it.
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
    /// The vector or slice is longer than its block holds.
    NoRoom,
    /// There is a set already, or the control words have a pool.
    Initialized,
    /// Atomics do not work where the control words of a lock-free pool lie.
    NoAtomics,
    /// Every block is in use, or what is left is kept for interrupts.
    Exhausted,
    /// No block became free in the time that the caller would wait.
    TimedOut,
    /// The caller may not wait: it is an interrupt, or nothing else could run meanwhile.
    CannotWait,
    /// The address is not the start of a block of this pool: another pool's, interior, stack or null.
    NotABlock,
    /// The block is free already.
    DoubleFree,
    /// The free list is damaged: a free block was written to after it was returned, or by its neighbour.
    ///
    /// No address is taken from a damaged link. [`repair`](crate::DynPool::repair) makes the list anew.
    Corrupt,
}

impl Error {
    /// The sentence that [`Display`](fmt::Display) prints, usable where no formatter is wanted.
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

/// An allocation that failed, with the value that could not be placed: it is never lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected<T> {
    /// Why the pool refused.
    pub error: Error,
    /// What was to be put into a block.
    pub value: T,
}

impl<T> From<Rejected<T>> for Error {
    /// Lets the value go, so that `?` can pass the reason on.
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
