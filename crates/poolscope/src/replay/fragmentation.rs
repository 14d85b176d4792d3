//! How fragmented each region of the heap has been.

use microusc_chips::RegionInfo;
use serde::Serialize;

/// A region when it was most fragmented. Regions are separate: a request is served from one of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RegionFragmentation {
    /// The region.
    pub region: &'static str,
    /// Ticks since the start.
    pub ticks: u64,
    /// Bytes free in it.
    pub free_bytes: u64,
    /// Of these, the bytes of the largest free block.
    pub largest_block: u64,
    /// The share of the free bytes that is not in the largest free block, in percent; 0 for a region with one free
    /// block, as an empty one has.
    pub percent: f64,
}

/// The worst of each region so far.
#[derive(Debug, Default)]
pub(super) struct Fragmentation(Vec<RegionFragmentation>);

impl Fragmentation {
    /// Looks at the regions of a heap, at a moment.
    pub(super) fn learn(&mut self, ticks: u64, regions: impl Iterator<Item = RegionInfo>) {
        for (at, region) in regions.enumerate() {
            let now = RegionFragmentation {
                region: region.spec.name,
                ticks,
                free_bytes: region.info.total_free as u64,
                largest_block: region.largest_block as u64,
                percent: region.fragmentation() * 100.0,
            };
            // A region that is all but full is in pieces as well, but that is not what keeps a request from being served.
            let counts = region.info.total_free > region.size / 16;
            match self.0.get_mut(at) {
                None if counts => self.0.push(now),
                None => self.0.push(RegionFragmentation { percent: 0.0, ..now }),
                Some(worst) if counts && now.percent > worst.percent => *worst = now,
                Some(_) => {}
            }
        }
    }

    /// The regions, in the order in which they are tried.
    pub(super) fn finish(self) -> Vec<RegionFragmentation> {
        self.0
    }
}
