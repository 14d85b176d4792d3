//! Which diagnostics are on for a pool, and its call-site records: what its control block keeps for them.
//!
//! ```text
//!   pool:     | block 0 | block 1 | block 2 | ...         nothing is kept in the blocks
//!   records:  | record  | -       | record  | ...         one for each block, found by its index: O(1)
//! ```
//!
//! A record is written when its block is allocated and cleared when the block is freed. So it exists exactly as long as the
//! block is in use, there is always room for it, and it is found without a search. Times have 64 bits and do not wrap.

use core::cell::Cell;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};

/// Whether the archive has diagnostics. Without them no mode is ever on: control blocks keep nothing for them, and the compiler
/// removes the code.
pub(crate) const ENABLED: bool = cfg!(feature = "diagnostics");

/// The diagnostics that are on for a pool, a bit each.
pub(crate) type Modes = u32;

/// The call site of each alloc is recorded.
pub(crate) const RECORDS: Modes = 1;
/// Blocks are filled with a pattern when they are freed.
pub(crate) const FILL: Modes = 2;
/// The pattern is checked when a block is allocated: every free block is filled.
pub(crate) const VERIFY: Modes = 4;
/// The program's callback gets every operation.
pub(crate) const TRACE: Modes = 8;
/// Not a mode: the records are in memory from the heap.
pub(crate) const OWN_RECORDS: Modes = 16;
/// Not a mode: a call is about to begin records, and no other call may.
pub(crate) const RECORDS_BEGIN: Modes = 32;
/// All of these bits. The same word also has, in 12 bits each: ...
const MODES: u32 = CALL - 1;
/// ... the number of calls that are freeing blocks in two phases, ...
pub(crate) const CALL: u32 = 1 << 8;
/// ... and how often [`FILL`] was switched on or off, modulo 4096.
const SWITCH: u32 = 1 << 20;

/// The diagnostics of one pool. Nothing, in an archive without them.
#[derive(Debug)]
pub(crate) struct Diagnostics {
    /// The modes, the number of [`CALL`]s and that of [`SWITCH`]es. Changed with the pool's lock held. A read without it only
    /// decides whether the lock is worth acquiring. Relaxed, since the lock orders.
    word: [AtomicU32; ENABLED as usize],
    /// A record for each block, or null. Used with the pool's lock held.
    records: [Cell<*mut Record>; ENABLED as usize],
}

impl Diagnostics {
    /// No mode is on.
    pub(crate) const fn off() -> Self {
        Self {
            word: [const { AtomicU32::new(0) }; ENABLED as usize],
            records: [const { Cell::new(null_mut()) }; ENABLED as usize],
        }
    }

    #[inline(always)]
    fn word(&self) -> u32 {
        self.word.first().map_or(0, |word| word.load(Ordering::Relaxed))
    }

    fn set_word(&self, value: u32) {
        if let Some(word) = self.word.first() {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// The modes that are on now. Read in the critical section that allocates a block, they say what is done to it.
    #[inline(always)]
    pub(crate) fn modes(&self) -> Modes {
        self.word() & MODES
    }

    /// Switches modes off, then others on; whether any is on now. With the pool's lock held.
    pub(crate) fn set_modes(&self, on: Modes, off: Modes) -> bool {
        let switches = if (on | off) & FILL != 0 { SWITCH } else { 0 };
        let word = (self.word() & !off | on).wrapping_add(switches);
        self.set_word(word);
        word & MODES != 0
    }

    /// Adds to the number of calls that are freeing blocks in two phases; whether there are any now. With the pool's lock held.
    pub(crate) fn count_calls(&self, by: u32) -> bool {
        self.set_word(self.word().wrapping_add(by));
        self.has_retiring_blocks()
    }

    /// How often [`FILL`] was switched on or off so far, modulo 4096.
    pub(crate) fn switches(&self) -> u32 {
        self.word() / SWITCH
    }

    /// Whether any mode is on: then a block is freed in two phases.
    #[inline(always)]
    pub(crate) fn is_on(&self) -> bool {
        self.modes() != 0
    }

    /// Whether blocks are retiring: a call is freeing them, and will use the pool once more.
    pub(crate) fn has_retiring_blocks(&self) -> bool {
        self.word() % SWITCH / CALL != 0
    }

    /// Whether call sites are recorded.
    pub(crate) fn keeps_records(&self) -> bool {
        self.modes() & RECORDS != 0
    }

    /// The address of the records of so many blocks, and their bytes; 0 and 0 without records. With the pool's lock held.
    pub(crate) fn records_range(&self, blocks: usize) -> (usize, usize) {
        match self.records.first().map_or(null_mut(), Cell::get) {
            records if records.is_null() => (0, 0),
            records => (records.addr(), blocks * size_of::<Record>()),
        }
    }

    /// The records of so many blocks, if any are kept.
    ///
    /// # Safety
    ///
    /// As many blocks as the pool has. Its lock is held, or nothing else uses the pool, as long as the result is used.
    #[inline(always)]
    pub(crate) unsafe fn records<'a>(&self, blocks: usize) -> Option<&'a mut [Record]> {
        let first = NonNull::new(self.records.first()?.get())?;
        // SAFETY: while the pointer is there it points to a record for each block, which are used with the lock held.
        Some(unsafe { slice::from_raw_parts_mut(first.as_ptr(), blocks) })
    }

    /// Replaces the records; the former ones, or null. With the pool's lock held.
    pub(crate) fn replace_records(&self, records: *mut Record) -> *mut Record {
        self.records.first().map_or(null_mut(), |cell| cell.replace(records))
    }

    /// The memory that is returned to the heap when the pool is destroyed, or null.
    pub(crate) fn own_memory(&self) -> *mut u8 {
        match self.records.first() {
            Some(records) if self.modes() & OWN_RECORDS != 0 => records.get().cast(),
            _ => null_mut(),
        }
    }
}

/// Where and when a block was allocated. A file name and a return address are both an address; `line` says which it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct CallSiteRecord {
    /// Microseconds since the start.
    pub(crate) time_us: u64,
    /// The file's name, a C string that lives for ever; or, if `line` is 0, the return address of the call, or null.
    pub(crate) address: *const c_void,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub(crate) task: *const c_void,
    /// The line in that file, or 0.
    pub(crate) line: u32,
    /// The core.
    pub(crate) core: u8,
    /// Allocated by an interrupt.
    pub(crate) in_interrupt: bool,
}

/// The place for the record of one block: a record while the block is in use, otherwise nothing.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Record(pub(crate) Option<CallSiteRecord>);

/// The bytes that the C header reserves for each record; a few more than needed.
const _: () = assert!(size_of::<Record>() <= 16 + 2 * size_of::<usize>() && align_of::<Record>() <= 8);

impl Record {
    /// No record.
    pub(crate) const NONE: Self = Self(None);
}
