//! The distribution of requested sizes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

/// Most sizes that are counted separately; from then on new sizes are rounded up by at most 1/16.
const MAX_DISTINCT: usize = 1 << 16;

/// Most rows of a list of single sizes.
const MAX_LIST: usize = 16;

/// A size and how many blocks had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// Bytes.
    pub size: u64,
    /// Blocks.
    pub blocks: u64,
}

/// Blocks of a power-of-two range of sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeRow {
    /// Smallest size of the range, bytes.
    pub from: u64,
    /// Largest size of the range, bytes.
    pub to: u64,
    /// Allocations.
    pub allocs: u64,
    /// The most blocks of the range that were live at one time.
    pub peak_blocks: u64,
}

/// The requested sizes, over all allocations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SizeStats {
    /// The number of different sizes.
    pub distinct: u64,
    /// More than 65 536 different sizes: the rest was rounded up by at most 1/16, `distinct` is a lower bound.
    pub rounded: bool,
    /// Half of the allocations were at most this large.
    pub p50: u64,
    /// 90 % of the allocations were at most this large.
    pub p90: u64,
    /// 99 % of the allocations were at most this large.
    pub p99: u64,
    /// The largest allocation.
    pub max: u64,
    /// The most frequent sizes, at most 16.
    pub top: Vec<SizeCount>,
    /// All sizes, in powers of two; ranges without allocations are left out.
    pub histogram: Vec<SizeRow>,
}

/// The distribution under way.
pub(super) struct Sizes {
    counts: BTreeMap<u64, u64>,
    rounded: bool,
    max: u64,
    rows: [Row; 65],
}

#[derive(Clone, Copy, Default)]
struct Row {
    allocs: u64,
    live: u64,
    peak: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { counts: BTreeMap::new(), rounded: false, max: 0, rows: [Row::default(); 65] }
    }
}

impl Sizes {
    pub(super) fn alloc(&mut self, size: u64) {
        self.max = self.max.max(size);
        let row = &mut self.rows[row_of(size)];
        row.allocs += 1;
        row.live += 1;
        row.peak = row.peak.max(row.live);
        if self.counts.len() < MAX_DISTINCT {
            *self.counts.entry(size).or_default() += 1;
        } else if let Some(count) = self.counts.get_mut(&size) {
            *count += 1;
        } else {
            self.rounded = true;
            *self.counts.entry(round_up(size)).or_default() += 1;
        }
    }

    pub(super) fn free(&mut self, size: u64) {
        self.rows[row_of(size)].live -= 1;
    }

    pub(super) fn finish(self) -> SizeStats {
        let total: u64 = self.counts.values().sum();
        let quantile = |percent: u64| {
            let rank = (u128::from(total) * u128::from(percent)).div_ceil(100).max(1) as u64;
            let mut seen = 0;
            let reached = self.counts.iter().find(|&(_, &count)| {
                seen += count;
                seen >= rank
            });
            reached.map_or(0, |(&size, _)| size.min(self.max))
        };
        let histogram = self.rows.iter().enumerate().filter(|(_, row)| row.allocs > 0).map(|(index, row)| {
            let (from, to) = range_of(index);
            SizeRow { from, to, allocs: row.allocs, peak_blocks: row.peak }
        });
        SizeStats {
            distinct: self.counts.len() as u64,
            rounded: self.rounded,
            p50: quantile(50),
            p90: quantile(90),
            p99: quantile(99),
            max: self.max,
            top: most(&self.counts, |_, blocks| blocks),
            histogram: histogram.collect(),
        }
    }
}

/// The sizes of live blocks, those that hold most bytes first.
pub(super) fn leaks(live: impl Iterator<Item = u64>) -> Vec<SizeCount> {
    let mut counts = BTreeMap::new();
    for size in live {
        *counts.entry(size).or_default() += 1;
    }
    most(&counts, |size, blocks| u128::from(size) * u128::from(blocks))
}

/// The entries of greatest `weight`, at most [`MAX_LIST`]; of equal ones the smaller size first.
fn most<W: Ord>(counts: &BTreeMap<u64, u64>, weight: impl Fn(u64, u64) -> W) -> Vec<SizeCount> {
    let mut list: Vec<_> = counts.iter().map(|(&size, &blocks)| SizeCount { size, blocks }).collect();
    list.sort_by_key(|entry| Reverse(weight(entry.size, entry.blocks)));
    list.truncate(MAX_LIST);
    list
}

/// Row 0 holds size 0, row 1 size 1, and row n the sizes above 2^(n-2) up to 2^(n-1).
fn row_of(size: u64) -> usize {
    match size {
        0 => 0,
        _ => 65 - (size - 1).leading_zeros() as usize,
    }
}

/// First and last size of a row.
fn range_of(row: usize) -> (u64, u64) {
    match row {
        0 | 1 => (row as u64, row as u64),
        _ => ((1 << (row - 2)) + 1, 1_u64.checked_shl(row as u32 - 1).unwrap_or(u64::MAX)),
    }
}

/// `size` with only its four highest bits after the leading one, rounded up.
fn round_up(size: u64) -> u64 {
    let step = 1 << size.checked_ilog2().unwrap_or(0).saturating_sub(4);
    size.checked_next_multiple_of(step).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_cover_all_sizes_once() {
        for row in 0..=65 {
            if row == 65 {
                assert_eq!(row_of(u64::MAX), 65);
                break;
            }
            let (from, to) = range_of(row);
            assert_eq!((row_of(from), row_of(to)), (row, row), "{from}..={to}");
            assert_eq!(range_of(row + 1).0, to + 1);
        }
    }

    #[test]
    fn many_sizes_take_bounded_memory() {
        let mut sizes = Sizes::default();
        for size in 0..300_000 {
            sizes.alloc(size);
        }
        assert!(sizes.counts.len() < MAX_DISTINCT + 1024);
        let stats = sizes.finish();
        assert!(stats.rounded);
        assert_eq!(stats.max, 299_999);
        assert!((150_000..150_000 * 17 / 16).contains(&stats.p50), "{}", stats.p50);
    }

    #[test]
    fn quantiles_are_exact_for_few_sizes() {
        let mut sizes = Sizes::default();
        for size in 1..=100 {
            sizes.alloc(size);
        }
        sizes.free(100);
        sizes.alloc(100);
        let stats = sizes.finish();
        assert_eq!((stats.p50, stats.p90, stats.p99, stats.max), (51, 91, 100, 100));
        assert_eq!(stats.top[0], SizeCount { size: 100, blocks: 2 });
        assert_eq!(stats.histogram.last().unwrap().peak_blocks, 36);
    }
}
