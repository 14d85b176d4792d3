//! The first pass: which sizes occur, and how many blocks of each were live at once.

use super::{LIMIT, MAX_CANDIDATES, STEP, partition};
use crate::error::Result;
use crate::input::Source;
use crate::layout::target::MARK;
use crate::trace::Event;

/// Sizes in steps of [`STEP`]: cell 0 holds those up to one step.
pub(super) const CELLS: usize = (LIMIT / STEP) as usize;

/// Marks a slot whose block gets no pool: too large, or of no bytes.
const NO_CELL: u16 = u16::MAX;

/// The cell of a request, if it gets a pool.
#[inline]
pub(super) fn cell_of(size: u64) -> Option<usize> {
    (1..=u64::from(LIMIT)).contains(&size).then(|| (size - 1) as usize / STEP as usize)
}

/// The block size of a cell, bytes.
pub(super) fn size_of(cell: usize) -> u32 {
    (cell as u32 + 1) * STEP
}

/// Which cell each live block is of, by slot.
#[derive(Default)]
pub(super) struct Cells(Vec<u16>);

impl Cells {
    /// Books a block that came to life; its cell.
    #[inline]
    pub(super) fn alloc(&mut self, slot: u32, size: u64) -> Option<usize> {
        let cell = cell_of(size);
        let entry = cell.map_or(NO_CELL, |cell| cell as u16);
        match self.0.get_mut(slot as usize) {
            Some(old) => *old = entry,
            // A source hands out slots densely.
            None => self.0.push(entry),
        }
        cell
    }

    /// Books a block that gets no pool.
    pub(super) fn leave_out(&mut self, slot: u32) {
        self.alloc(slot, 0);
    }

    /// The cell of the block that is freed.
    #[inline]
    pub(super) fn free(&self, slot: u32) -> Option<usize> {
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
    pub(super) fn candidates(&self) -> Vec<usize> {
        let used: Vec<usize> = (0..CELLS).filter(|&cell| self.peaks[cell] > 0).collect();
        let mut sums = vec![0_u64];
        for &cell in &used {
            sums.push(sums[sums.len() - 1] + u64::from(self.peaks[cell]));
        }
        let ranges = partition(used.len(), MAX_CANDIDATES, |range| {
            let size = u64::from(size_of(used[range.end - 1]) + MARK);
            (sums[range.end] - sums[range.start]) * size
        });
        ranges.iter().map(|range| used[range.end - 1]).collect()
    }
}
