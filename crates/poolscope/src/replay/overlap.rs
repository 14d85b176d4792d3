//! Every live block as an interval of chip addresses: none may overlap another, or leave its region.

use std::collections::BTreeMap;
use std::ops::Range;

use super::contender::Defect;

/// Where a block is on the chip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its addresses.
    pub(super) block: Range<u32>,
    /// Addresses of the region, or the pool's storage, that it must be inside of.
    pub(super) within: Range<u32>,
}

/// The live blocks of one side, by their start.
#[derive(Debug, Default)]
pub(super) struct Shadow {
    ends: BTreeMap<u32, u32>,
}

impl Shadow {
    /// A block came to life. O(log live blocks).
    pub(super) fn insert(&mut self, place: &Place) -> Result<(), Defect> {
        let Place { block, within } = place;
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

    fn place(block: Range<u32>) -> Place {
        Place { block, within: 100..200 }
    }

    #[test]
    fn overlaps_and_strays_are_found() {
        let mut shadow = Shadow::default();
        assert_eq!(shadow.insert(&place(120..140)), Ok(()));
        assert_eq!(shadow.insert(&place(100..120)), Ok(()));
        assert_eq!(shadow.insert(&place(140..200)), Ok(()));
        for (block, other) in [(120..124, 120), (139..150, 140), (110..121, 120), (100..200, 140)] {
            let address = block.start;
            assert_eq!(shadow.insert(&place(block)), Err(Defect::Overlap { address, other }));
        }
        for block in [96..104, 196..204, 300..304, 150..150] {
            let address = block.start;
            assert_eq!(shadow.insert(&place(block)), Err(Defect::OutsideRegion { address }));
        }
        shadow.remove(120);
        assert_eq!(shadow.insert(&place(124..140)), Ok(()));
        assert_eq!(shadow.len(), 3);
    }
}
