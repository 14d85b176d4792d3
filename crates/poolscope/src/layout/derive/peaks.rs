//! The second pass: what a class for any range of sizes would need.

use super::survey::{CELLS, Cells, size_of};
use super::{MAX_CANDIDATES, MAX_CLASSES, Survey, partition};
use crate::error::Result;
use crate::input::Source;
use crate::layout::target::{MARK, POOL_OVERHEAD};
use crate::layout::{Layout, MAX_NUMBER, Placement, PoolSpec};
use crate::trace::Event;

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

    /// The best layout of at most [`MAX_CLASSES`] classes: the least bytes of blocks, marks and control blocks.
    ///
    /// The pool with most bytes comes first, as a contiguous piece for it is the hardest to find.
    #[must_use]
    pub fn layout(&self, survey: &Survey) -> Layout {
        let blocks = |range: &std::ops::Range<usize>| self.table[range.start][range.end];
        let ranges = partition(self.sizes.len(), MAX_CLASSES, |range| {
            let size = u64::from(self.sizes[range.end - 1] + MARK);
            u64::from(blocks(range)) * size + u64::from(POOL_OVERHEAD)
        });
        let pool = |range: &std::ops::Range<usize>| {
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
