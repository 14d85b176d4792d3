//! The distribution of lifetimes.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::trace::Lifetimes;

/// Blocks whose lifetime is in a decade of ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LifetimeRow {
    /// Shortest lifetime of the range, ticks.
    pub from: u64,
    /// First lifetime beyond the range, ticks.
    pub below: u64,
    /// Blocks.
    pub blocks: u64,
}

/// How long blocks lived; blocks live at the end are not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LifetimeStats {
    /// How far this can be believed; if `unknown`, nothing below means anything.
    pub known: Lifetimes,
    /// Blocks that were freed.
    pub blocks: u64,
    /// Half of them lived at most this long, ticks; percentiles are exact to 1 %.
    pub p50: u64,
    /// 90 % of them lived at most this long, ticks.
    pub p90: u64,
    /// 99 % of them lived at most this long, ticks.
    pub p99: u64,
    /// The longest, ticks.
    pub max: u64,
    /// In powers of ten; empty ranges are left out.
    pub histogram: Vec<LifetimeRow>,
}

/// The distribution under way. Memory: at most some 60 KiB.
pub(super) struct LifetimeHistogram {
    ticks: Histogram<u64>,
    decades: [u64; 21],
    max: u64,
}

impl Default for LifetimeHistogram {
    fn default() -> Self {
        let ticks = Histogram::new_with_bounds(1, u64::MAX / 2, 2).expect("bounds are in order");
        LifetimeHistogram { ticks, decades: [0; 21], max: 0 }
    }
}

impl LifetimeHistogram {
    pub(super) fn record(&mut self, ticks: u64) {
        self.ticks.saturating_record(ticks);
        self.decades[ticks.checked_ilog10().map_or(0, |decade| decade as usize + 1)] += 1;
        self.max = self.max.max(ticks);
    }

    pub(super) fn finish(self, known: Lifetimes) -> LifetimeStats {
        let quantile = |q| self.ticks.value_at_quantile(q).min(self.max);
        let histogram = self.decades.iter().enumerate().filter(|&(_, &blocks)| blocks > 0);
        let histogram = histogram.map(|(row, &blocks)| LifetimeRow {
            from: if row == 0 { 0 } else { 10_u64.pow(row as u32 - 1) },
            below: 10_u64.checked_pow(row as u32).unwrap_or(u64::MAX),
            blocks,
        });
        LifetimeStats {
            known,
            blocks: self.ticks.len(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p99: quantile(0.99),
            max: self.max,
            histogram: histogram.collect(),
        }
    }
}
