//! Why the system layer refused.

use core::fmt;

/// Why a function of the system layer refused. Nothing is taken or changed then, unless the reason says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// Called from an interrupt, or before there is a kernel to lock with.
    NoLock,
    /// This part was made before. It goes on as it is.
    MadeBefore,
    /// A part that this needs was not made: the driver list, or the task stacks.
    NotMade,
    /// The parts exist, so that this cannot be changed any more.
    InUse,
    /// A size of zero, a stack below the kernel's least, or more than the address space holds.
    BadSize,
    /// Not enough internal memory.
    NoMemory,
    /// As many drivers as there are nodes and stacks for.
    Full,
    /// A name of more than 15 bytes, or with a zero in it.
    BadName,
    /// Another driver has that name.
    NameTaken,
    /// No driver has that number or name.
    NoSuchDriver,
    /// A task cannot take the stack away on which it runs; another has to.
    OwnTask,
    /// The task did not stop in time. The driver stays in the list, with its memory; try again later.
    StillRunning,
    /// The kernel would not make the semaphore or the task.
    Kernel,
}

impl Error {
    /// The sentence that [`Display`](fmt::Display) prints, usable where no formatter is wanted.
    pub const fn message(self) -> &'static str {
        match self {
            Error::NoLock => "called from an interrupt or before the kernel runs",
            Error::MadeBefore => "made before",
            Error::NotMade => "driver list or task stacks are not made yet",
            Error::InUse => "cannot be changed while the parts exist",
            Error::BadSize => "size is zero, too small or too large",
            Error::NoMemory => "not enough internal memory",
            Error::Full => "every node or stack is in use",
            Error::BadName => "name is longer than 15 bytes or contains a zero",
            Error::NameTaken => "another driver has that name",
            Error::NoSuchDriver => "no such driver",
            Error::OwnTask => "a driver cannot do that to its own task",
            Error::StillRunning => "task did not stop",
            Error::Kernel => "kernel would not make the semaphore or the task",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl core::error::Error for Error {}
