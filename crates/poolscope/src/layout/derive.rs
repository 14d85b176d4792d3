//! A layout from a recording: as many blocks as were live at once, in the classes that take the fewest bytes.
//!
//! Two passes over the recording. The first, [`Survey`], finds the sizes that occur; when there are more than
//! [`MAX_CANDIDATES`] of them, neighbours are merged. The second, [`Peaks`], counts for *every* range of these sizes
//! how many blocks were live at once: what one class for that range would need. [`Peaks::layout`] then picks the
//! classes exactly, by dynamic programming, and the counts of blocks are exact for them.
//!
//! ```
//! use poolscope::layout::derive::{Peaks, Survey};
//!
//! let csv = "time_us,op,id,size\n0,alloc,a,20\n1,alloc,b,1500\n2,free,a,\n3,alloc,a,24\n4,alloc,big,9000\n";
//! let open = || poolscope::input::open(csv.as_bytes(), None);
//! let survey = Survey::take(&mut *open()?)?;
//! let layout = Peaks::count(&survey, &mut *open()?)?.layout(&survey);
//! let pools: Vec<_> = layout.pools.iter().map(|pool| (pool.block_size, pool.blocks)).collect();
//! assert_eq!(pools, [(1504, 1), (24, 1)]);
//! assert!(layout.heap_fallback); // for the 9000 bytes
//! # Ok::<(), poolscope::Error>(())
//! ```

use std::ops::Range;

use super::{Layout, MAX_NUMBER, Placement, PoolSpec};
use super::{MAP_BYTE, POOL_OVERHEAD};
use crate::error::Result;
use crate::input::Source;
use crate::trace::Event;

/// Largest request that gets a pool, bytes. Larger ones are few and live long as a rule, so a block of their own
/// would stand empty or used once: they are left to the rest of the heap.
pub const LIMIT: u32 = 4096;

/// Most pools in a derived layout.
pub const MAX_CLASSES: usize = 8;

/// Most sizes that the choice is made from.
pub const MAX_CANDIDATES: usize = 32;

/// Block sizes are multiples of this many bytes, so that they are right on hosts with 64-bit pointers, too.
const STEP: u32 = 8;

/// Sizes in steps of [`STEP`]: cell 0 holds those up to one step.
const CELLS: usize = (LIMIT / STEP) as usize;

/// Marks a slot whose block gets no pool: too large, or of no bytes.
const NO_CELL: u16 = u16::MAX;

/// The cell of a request, if it gets a pool.
#[inline]
fn cell_of(size: u64) -> Option<usize> {
    (1..=u64::from(LIMIT)).contains(&size).then(|| (size - 1) as usize / STEP as usize)
}

/// The block size of a cell, bytes.
fn size_of(cell: usize) -> u32 {
    (cell as u32 + 1) * STEP
}

/// Which cell each live block is of, by slot.
#[derive(Default)]
struct Cells(Vec<u16>);

impl Cells {
    /// A block was allocated. Returns its cell.
    #[inline]
    fn alloc(&mut self, slot: u32, size: u64) -> Option<usize> {
        let cell = cell_of(size);
        let entry = cell.map_or(NO_CELL, |cell| cell as u16);
        match self.0.get_mut(slot as usize) {
            Some(old) => *old = entry,
            // A source hands out slots densely.
            None => self.0.push(entry),
        }
        cell
    }

    /// A block was allocated that gets no pool.
    fn leave_out(&mut self, slot: u32) {
        self.alloc(slot, 0);
    }

    /// The cell of the block that is freed.
    #[inline]
    fn free(&self, slot: u32) -> Option<usize> {
        Some(self.0[slot as usize]).filter(|&cell| cell != NO_CELL).map(usize::from)
    }
}

/// The sizes in a recording.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Most blocks live at once, by cell.
    peaks: Vec<u32>,
    large: u64,
    largest: u64,
    external: u64,
}

impl Survey {
    /// Reads `source` to its end. Memory: 2 bytes per block of the peak.
    ///
    /// # Errors
    /// Those of [`Source::next_batch`].
    pub fn take(source: &mut dyn Source) -> Result<Self> {
        let mut survey = Survey { peaks: vec![0; CELLS], large: 0, largest: 0, external: 0 };
        let (mut cells, mut live) = (Cells::default(), vec![0_u32; CELLS]);
        let mut batch = Vec::new();
        let mut in_external = false;
        loop {
            batch.clear();
            let more = source.next_batch(&mut batch)?;
            for event in &batch {
                match *event {
                    Event::Memory { external } => in_external = external,
                    Event::Alloc { slot, .. } if in_external => {
                        cells.leave_out(slot);
                        survey.external += 1;
                    }
                    Event::Alloc { slot, size, .. } => match cells.alloc(slot, size) {
                        Some(cell) => {
                            live[cell] += 1;
                            survey.peaks[cell] = survey.peaks[cell].max(live[cell]);
                        }
                        None => survey.leave_out(size),
                    },
                    Event::Free { slot, .. } => {
                        if let Some(cell) = cells.free(slot) {
                            live[cell] -= 1;
                        }
                    }
                    Event::BadFree { .. } | Event::Switch { .. } => {}
                }
            }
            if !more {
                return Ok(survey);
            }
        }
    }

    fn leave_out(&mut self, size: u64) {
        if size > 0 {
            self.large += 1;
            self.largest = self.largest.max(size);
        }
    }

    /// Requests that were served from external RAM and get no pool.
    #[must_use]
    pub fn external(&self) -> u64 {
        self.external
    }

    /// Requests above [`LIMIT`].
    #[must_use]
    pub fn large(&self) -> u64 {
        self.large
    }

    /// The largest of these, bytes; 0 if there is none.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// The cells that classes may end with, ascending: all that occur, or if these are too many, those that are best
    /// when the blocks of a class are taken to be needed all at once.
    fn candidates(&self) -> Vec<usize> {
        let used: Vec<usize> = (0..CELLS).filter(|&cell| self.peaks[cell] > 0).collect();
        let mut sums = vec![0_u64];
        for &cell in &used {
            sums.push(sums[sums.len() - 1] + u64::from(self.peaks[cell]));
        }
        let ranges = partition(used.len(), MAX_CANDIDATES, |range| {
            let size = u64::from(size_of(used[range.end - 1]) + MAP_BYTE);
            (sums[range.end] - sums[range.start]) * size
        });
        ranges.iter().map(|range| used[range.end - 1]).collect()
    }
}

/// Most blocks live at once, for every range of candidate sizes.
#[derive(Debug, Clone)]
pub struct Peaks {
    /// Block sizes in bytes, ascending.
    sizes: Vec<u32>,
    /// By first candidate and end of the range.
    table: Box<[Row]>,
}

type Row = [u32; MAX_CANDIDATES + 1];

impl Peaks {
    /// Reads `source`, the recording that `survey` is of, to its end. Memory: 2 bytes per block of the peak.
    ///
    /// # Errors
    /// Those of [`Source::next_batch`].
    pub fn count(survey: &Survey, source: &mut dyn Source) -> Result<Self> {
        let candidates = survey.candidates();
        let mut count = Count::new(&candidates);
        let mut batch = Vec::new();
        loop {
            batch.clear();
            let more = source.next_batch(&mut batch)?;
            batch.iter().for_each(|event| count.event(event));
            if !more {
                break;
            }
        }
        Ok(Peaks { sizes: candidates.into_iter().map(size_of).collect(), table: count.table })
    }

    /// The best layout of at most [`MAX_CLASSES`] classes: the least bytes of blocks, allocation maps and control blocks.
    ///
    /// The pool with most bytes comes first, as a contiguous piece for it is the hardest to find.
    #[must_use]
    pub fn layout(&self, survey: &Survey) -> Layout {
        let blocks = |range: &Range<usize>| self.table[range.start][range.end];
        let ranges = partition(self.sizes.len(), MAX_CLASSES, |range| {
            let size = u64::from(self.sizes[range.end - 1] + MAP_BYTE);
            u64::from(blocks(range)) * size + u64::from(POOL_OVERHEAD)
        });
        let pool = |range: &Range<usize>| {
            let block_size = self.sizes[range.end - 1];
            // More than a layout can say is more than a chip can have: it will not fit either way.
            let blocks = blocks(range).min(MAX_NUMBER);
            PoolSpec { name: format!("b{block_size}"), block_size, blocks, placement: Placement::Dram }
        };
        let mut pools: Vec<PoolSpec> = ranges.iter().map(pool).collect();
        pools.sort_by_key(|pool| std::cmp::Reverse(u64::from(pool.block_size) * u64::from(pool.blocks)));
        Layout { spill: false, heap_fallback: survey.large() + survey.external() > 0, pools }
    }
}

struct Count {
    cells: Cells,
    /// The candidate that serves a cell.
    served_by: Vec<u8>,
    /// Live blocks of the candidates before each: differences are the live blocks of a range.
    before: Row,
    table: Box<[Row]>,
    ends: usize,
    external: bool,
}

impl Count {
    fn new(candidates: &[usize]) -> Self {
        let serves = |cell| candidates.partition_point(|&candidate| candidate < cell) as u8;
        Count {
            cells: Cells::default(),
            served_by: (0..CELLS).map(serves).collect(),
            before: [0; MAX_CANDIDATES + 1],
            table: vec![[0; MAX_CANDIDATES + 1]; MAX_CANDIDATES].into(),
            ends: candidates.len() + 1,
            external: false,
        }
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        match *event {
            Event::Memory { external } => self.external = external,
            Event::Alloc { slot, .. } if self.external => self.cells.leave_out(slot),
            Event::Alloc { slot, size, .. } => {
                if let Some(candidate) = self.cells.alloc(slot, size).map(|cell| self.served_by[cell]) {
                    self.alloc(candidate.into());
                }
            }
            Event::Free { slot, .. } => {
                if let Some(candidate) = self.cells.free(slot).map(|cell| self.served_by[cell]) {
                    let after = usize::from(candidate) + 1..self.ends;
                    self.before[after].iter_mut().for_each(|live| *live -= 1);
                }
            }
            Event::BadFree { .. } | Event::Switch { .. } => {}
        }
    }

    #[inline]
    fn alloc(&mut self, candidate: usize) {
        let after = candidate + 1..self.ends;
        let live = &mut self.before[after.clone()];
        live.iter_mut().for_each(|live| *live += 1);
        // Only the ranges with this candidate in them have grown.
        for first in 0..=candidate {
            let start = self.before[first];
            for (peak, end) in self.table[first][after.clone()].iter_mut().zip(&self.before[after.clone()]) {
                *peak = (*peak).max(end - start);
            }
        }
    }
}

/// Divides `0..n` into at most `most` ranges such that the sum of their costs is least; of equally good ways, the one
/// with the fewest ranges.
///
/// Exact, by dynamic programming over prefixes: `cost` is called O(n² · most) times and may be any function. Sums
/// that do not fit stay at their maximum.
///
/// ```
/// use poolscope::layout::derive::partition;
/// // One block of each size; a class costs its largest size a block, and 20 to exist.
/// let sizes = [8, 16, 100, 104];
/// let cost = |range: &std::ops::Range<usize>| 20 + sizes[range.end - 1] * range.len() as u64;
/// assert_eq!(partition(4, 3, cost), [0..2, 2..4]);
/// ```
pub fn partition(n: usize, most: usize, cost: impl Fn(&Range<usize>) -> u64) -> Vec<Range<usize>> {
    if n == 0 || most == 0 {
        return Vec::new();
    }
    let most = most.min(n);
    // rows[k][end]: the least cost of dividing 0..end into k + 1 ranges, and where the last of them begins.
    let first = (0..=n).map(|end| if end == 0 { NEVER } else { Cut { cost: cost(&(0..end)), begin: 0 } });
    let mut rows: Vec<Vec<Cut>> = vec![first.collect()];
    for k in 1..most {
        let before = &rows[k - 1];
        let best = |end: usize| {
            let cuts = (k..end)
                .map(|begin| Cut { cost: before[begin].cost.saturating_add(cost(&(begin..end))), begin });
            cuts.min_by_key(|cut| cut.cost).unwrap_or(NEVER)
        };
        let row = (0..=n).map(best).collect();
        rows.push(row);
    }
    let best = rows.iter().enumerate().min_by_key(|(_, row)| row[n].cost);
    let mut ranges = Vec::new();
    let (mut k, mut end) = (best.map_or(0, |(k, _)| k), n);
    loop {
        let begin = rows[k][end].begin;
        ranges.push(begin..end);
        if k == 0 {
            break;
        }
        (k, end) = (k - 1, begin);
    }
    ranges.reverse();
    ranges
}

#[derive(Clone, Copy)]
struct Cut {
    cost: u64,
    begin: usize,
}

/// A prefix too short to be divided so.
const NEVER: Cut = Cut { cost: u64::MAX, begin: 0 };

#[cfg(test)]
mod tests;
