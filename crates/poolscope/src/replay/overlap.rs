//! The address ranges of all live blocks: none may overlap another one, or leave its region.

use std::collections::BTreeMap;
use std::ops::Range;

use super::outcome::Defect;

/// Where a block is on the chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlockAddresses {
    /// Its addresses.
    pub(super) block: Range<u32>,
    /// Addresses of the region, or of the pool's storage, that it must be inside of.
    pub(super) within: Range<u32>,
}

/// The address ranges of live blocks, by their start.
#[derive(Debug, Default)]
pub(super) struct LiveRanges {
    ends: BTreeMap<u32, u32>,
}

impl LiveRanges {
    /// A block was allocated. O(log live blocks).
    pub(super) fn insert(&mut self, addresses: &BlockAddresses) -> Result<(), Defect> {
        let BlockAddresses { block, within } = addresses;
        if block.is_empty() || block.start < within.start || block.end > within.end {
            return Err(Defect::OutsideRegion { address: block.start });
        }
        // Live blocks do not overlap, so the one that starts last before the end of this one decides.
        let before = self.ends.range(..block.end).next_back();
        if let Some((&other, _)) = before.filter(|&(_, &end)| end > block.start) {
            return Err(Defect::Overlap { address: block.start, other });
        }
        self.ends.insert(block.start, block.end);
        Ok(())
    }

    /// The block that starts at `address` is freed. O(log live blocks).
    pub(super) fn remove(&mut self, address: u32) {
        self.ends.remove(&address);
    }

    /// Live blocks.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(block: Range<u32>) -> BlockAddresses {
        BlockAddresses { block, within: 100..200 }
    }

    #[test]
    fn a_block_that_overlaps_or_leaves_its_region_is_found() {
        let mut live = LiveRanges::default();
        assert_eq!(live.insert(&addresses(120..140)), Ok(()));
        assert_eq!(live.insert(&addresses(100..120)), Ok(()));
        assert_eq!(live.insert(&addresses(140..200)), Ok(()));
        for (block, other) in [(120..124, 120), (139..150, 140), (110..121, 120), (100..200, 140)] {
            let address = block.start;
            assert_eq!(live.insert(&addresses(block)), Err(Defect::Overlap { address, other }));
        }
        for block in [96..104, 196..204, 300..304, 150..150] {
            let address = block.start;
            assert_eq!(live.insert(&addresses(block)), Err(Defect::OutsideRegion { address }));
        }
        live.remove(120);
        assert_eq!(live.insert(&addresses(124..140)), Ok(()));
        assert_eq!(live.len(), 3);
    }
}
