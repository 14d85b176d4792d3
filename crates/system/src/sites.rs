//! Call-site records: who took each block, when, and where he was. What a leak report is made of.
//!
//! ```text
//!   pool:     | block 0 | block 1 | block 2 | ...         nothing is kept in the blocks
//!   records:  | site    | -       | site    | ...         one for each block, found by its number: O(1)
//! ```
//!
//! A record is written when its block is taken and cleared when it is returned, so it lives exactly as long as its block,
//! there is always room for it, and a report needs no search. Times have 64 bits: they do not wrap.

use core::ffi::c_void;

/// Where and when a block was taken. A file name and a return address are both an address: which of them is known from
/// `line`, which is 0 for a return address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Site {
    /// Microseconds since the start.
    pub time_us: u64,
    /// The file's name, a C string that lives for ever; or the address that the call returns to.
    pub place: *const c_void,
    /// The task, as the kernel names it; null in an interrupt, or before there are tasks.
    pub task: *const c_void,
    /// The line in that file, or 0.
    pub line: u32,
    /// The core.
    pub core: u8,
    /// Taken by an interrupt.
    pub in_interrupt: bool,
}

/// What is kept for each block: a site, or nothing.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub struct Record(Option<Site>);

/// What the C header reserves for each record; a few bytes fewer in fact.
const _: () = assert!(size_of::<Record>() <= 16 + 2 * size_of::<usize>() && align_of::<Record>() <= 8);

impl Record {
    /// No site: for the memory that [`Sites::new`] is given.
    pub const NONE: Self = Self(None);
}

/// The records of one pool. Whoever uses it holds the pool's lock, or is the pool's only user.
///
/// ```
/// use core::ptr::null;
/// use microusc_system::sites::{Record, Site, Sites};
///
/// let mut records = [Record::NONE; 4];
/// let mut sites = Sites::new(&mut records);
/// let site = Site { time_us: 1_000, place: null(), task: null(), line: 7, core: 0, in_interrupt: false };
/// sites.taken(2, site);
/// assert_eq!(sites.older_than(500, 2_000).next(), Some((2, site)));
/// assert_eq!(sites.older_than(1_500, 2_000).next(), None, "it is 1000 us old");
/// sites.returned(2);
/// assert_eq!(sites.older_than(0, 2_000).next(), None);
/// ```
#[derive(Debug)]
pub struct Sites<'m> {
    records: &'m mut [Record],
}

impl<'m> Sites<'m> {
    /// Records for blocks `0..records.len()`, all empty. O(blocks).
    ///
    /// Blocks that are in use already have none until they are taken again: [`site_of`](Self::site_of) says so.
    pub fn new(records: &'m mut [Record]) -> Self {
        records.fill(Record::NONE);
        Self { records }
    }

    /// The records as they are, for an owner that keeps them elsewhere between operations. O(1).
    #[inline]
    pub fn resume(records: &'m mut [Record]) -> Self {
        Self { records }
    }

    /// Block `index` was taken, at `site`. O(1).
    #[inline]
    pub fn taken(&mut self, index: usize, site: Site) {
        if let Some(record) = self.records.get_mut(index) {
            record.0 = Some(site);
        }
    }

    /// Block `index` was returned. O(1).
    #[inline]
    pub fn returned(&mut self, index: usize) {
        if let Some(record) = self.records.get_mut(index) {
            record.0 = None;
        }
    }

    /// Where block `index` was taken; `None` if it is free, or was taken before records were kept. O(1).
    pub fn site_of(&self, index: usize) -> Option<Site> {
        self.records.get(index)?.0
    }

    /// The blocks that were taken at least `age_us` microseconds before `now_us`, by number. O(blocks).
    pub fn older_than(&self, age_us: u64, now_us: u64) -> impl Iterator<Item = (usize, Site)> + '_ {
        self.records.iter().enumerate().filter_map(move |(index, record)| {
            let site = record.0?;
            (now_us.saturating_sub(site.time_us) >= age_us).then_some((index, site))
        })
    }

    /// The same by place: each with its first block's site, the number of its blocks, and the oldest of them. O(blocks²)
    /// at worst, without memory of its own.
    pub fn by_place(&self, age_us: u64, now_us: u64) -> impl Iterator<Item = Place> + '_ {
        let same = |left: &Site, right: &Site| left.place == right.place && left.line == right.line;
        self.older_than(age_us, now_us).filter_map(move |(index, site)| {
            let mut alike = self.older_than(age_us, now_us).filter(|(_, other)| same(&site, other));
            if alike.next()?.0 != index {
                return None; // counted with the first of its place
            }
            let (count, oldest_us) = alike.fold((1, site.time_us), |(count, oldest), (_, other)| {
                (count + 1, oldest.min(other.time_us))
            });
            Some(Place { site, blocks: count, oldest_us })
        })
    }
}

/// All blocks that one place took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The site of the first of them, by number.
    pub site: Site,
    /// How many.
    pub blocks: usize,
    /// When the oldest of them was taken, in microseconds since the start.
    pub oldest_us: u64,
}
