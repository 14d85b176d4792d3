//! From the size of a request to the pool that serves it.

/// Sizes up to this many bytes are looked up, larger ones searched for.
const TABLE: usize = 4096;

/// Says that no pool is large enough, in the table.
const NONE: u8 = u8::MAX;

/// Block sizes, ascending; a pool is named by its rank among them.
#[derive(Debug)]
pub(super) struct Classes {
    /// The rank for every size up to [`TABLE`].
    table: Box<[u8; TABLE + 1]>,
    sizes: Vec<u32>,
}

impl Classes {
    /// Classes of these block sizes in bytes: ascending, fewer than 255.
    pub(super) fn new(sizes: Vec<u32>) -> Self {
        debug_assert!(sizes.is_sorted() && sizes.len() < NONE.into());
        let mut table = Box::new([NONE; TABLE + 1]);
        for (size, entry) in table.iter_mut().enumerate() {
            if let Some(rank) = search(&sizes, size as u64) {
                *entry = rank as u8;
            }
        }
        Classes { table, sizes }
    }

    /// The smallest block that holds `size` bytes; of several, the first.
    #[inline]
    pub(super) fn rank(&self, size: u64) -> Option<usize> {
        let entry = usize::try_from(size).ok().and_then(|size| self.table.get(size));
        match entry {
            Some(&NONE) => None,
            Some(&rank) => Some(rank.into()),
            None => search(&self.sizes, size),
        }
    }

    /// The largest block size, bytes; 0 if there is no class.
    pub(super) fn largest(&self) -> u32 {
        self.sizes.last().copied().unwrap_or(0)
    }
}

fn search(sizes: &[u32], size: u64) -> Option<usize> {
    let rank = sizes.partition_point(|&block| u64::from(block) < size);
    (rank < sizes.len()).then_some(rank)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against looking at every class in turn.
        #[test]
        fn the_smallest_that_holds_it(
            mut sizes in prop::collection::vec(4..10_000_u32, 0..20),
            requests in prop::collection::vec(prop_oneof![0..12_000_u64, any::<u64>()], 50),
        ) {
            sizes.sort_unstable();
            let classes = Classes::new(sizes.clone());
            for request in requests.into_iter().chain(sizes.iter().map(|&size| size.into())) {
                let expected = sizes.iter().position(|&size| u64::from(size) >= request);
                prop_assert_eq!(classes.rank(request), expected, "{} bytes", request);
            }
        }
    }

    #[test]
    fn the_table_and_the_search_meet() {
        let classes = Classes::new(vec![4, 4095, 4096, 4097, u32::MAX]);
        let ranks =
            [0, 4, 5, 4095, 4096, 4097, 4098, u64::from(u32::MAX), 1 << 32].map(|size| classes.rank(size));
        let expected = [Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), Some(4), Some(4), None];
        assert_eq!(ranks, expected);
        assert_eq!(Classes::new(Vec::new()).rank(1), None);
    }
}
