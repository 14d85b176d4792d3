use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::input;
use crate::layout::Layout;

/// Every way to divide `0..n` into at most `most` ranges.
fn divisions(n: usize, most: usize) -> Vec<Vec<Range<usize>>> {
    let all = 0..1_u32 << (n - 1);
    let division = |cuts: u32| {
        let mut ranges = Vec::new();
        let mut begin = 0;
        for end in 1..=n {
            if end == n || cuts >> (end - 1) & 1 == 1 {
                ranges.push(begin..end);
                begin = end;
            }
        }
        ranges
    };
    all.map(division).filter(|ranges| ranges.len() <= most).collect()
}

proptest! {
    /// Against all possible divisions, whatever the costs are.
    #[test]
    fn no_other_partition_costs_less(n in 1..9_usize, most in 1..10_usize, costs in prop::collection::vec(0..50_u64, 81)) {
        let cost = |range: &Range<usize>| costs[range.start * 9 + range.end - 1];
        let sum = |ranges: &[Range<usize>]| ranges.iter().map(cost).sum::<u64>();
        let found = partition(n, most, cost);
        let best = divisions(n, most).iter().map(|ranges| (sum(ranges), ranges.len())).min().unwrap();
        prop_assert_eq!((sum(&found), found.len()), best);
        prop_assert!(divisions(n, most).contains(&found));
    }

    /// Against replaying the events for each class, and trying all classes.
    #[test]
    fn layouts_are_exact_and_optimal(
        sizes in prop::collection::vec(1..40_u64, 1..8),
        picks in prop::collection::vec((0..8_usize, any::<bool>(), 0..64_usize), 1..120),
    ) {
        let mut live: Vec<(u64, u64)> = Vec::new();
        let mut moments = vec![Vec::new()];
        let mut csv = "time_us,op,id,size\n".to_owned();
        for (id, &(pick, alloc, victim)) in picks.iter().enumerate() {
            if alloc || live.is_empty() {
                let size = sizes[pick % sizes.len()] * 40;
                live.push((id as u64, size));
                csv += &format!("0,alloc,{id},{size}\n");
            } else {
                let (id, _) = live.swap_remove(victim % live.len());
                csv += &format!("0,free,{id},\n");
            }
            moments.push(live.iter().map(|&(_, size)| size as u32).collect::<Vec<u32>>());
        }
        let layout = derive(&csv);

        let mut distinct: Vec<u32> = moments.iter().flatten().copied().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let peak = |range: &Range<usize>| {
            let class = distinct[range.start]..=distinct[range.end - 1];
            moments.iter().map(|live| live.iter().filter(|size| class.contains(size)).count()).max().unwrap() as u64
        };
        let bytes = |ranges: &[Range<usize>]| -> u64 {
            ranges.iter().map(|range| peak(range) * u64::from(distinct[range.end - 1] + 1) + 120).sum()
        };
        let best = divisions(distinct.len(), MAX_CLASSES).iter().map(|ranges| bytes(ranges)).min().unwrap();
        let found: u64 = layout
            .pools
            .iter()
            .map(|pool| u64::from(pool.blocks) * u64::from(pool.block_size + 1) + 120)
            .sum();
        prop_assert_eq!(found, best);
        prop_assert!(!layout.heap_fallback);
    }
}

fn derive(csv: &str) -> Layout {
    let open = || input::open(csv.as_bytes(), None).unwrap();
    let survey = Survey::take(&mut *open()).unwrap();
    Peaks::count(&survey, &mut *open()).unwrap().layout(&survey)
}

#[test]
fn many_sizes_are_merged_and_none_is_left_out() {
    let mut csv = "time_us,op,id,size\n".to_owned();
    for size in 0..=5000 {
        csv += &format!("0,alloc,{size},{size}\n");
    }
    let layout = derive(&csv);
    assert_eq!(layout.pools.len(), MAX_CLASSES);
    assert_eq!(layout.pools.iter().map(|pool| pool.blocks).sum::<u32>(), 4096);
    assert_eq!(layout.pools.iter().map(|pool| pool.block_size).max(), Some(LIMIT));
    assert!(layout.heap_fallback);
    assert_eq!(Layout::parse(&layout.to_toml()), Ok(layout));
}

#[test]
fn a_recording_without_poolable_sizes_gives_no_pools() {
    let layout = derive("time_us,op,id,size\n0,alloc,a,0\n0,alloc,b,5000\n0,free,a,\n");
    assert!(layout.pools.is_empty() && layout.heap_fallback);
}
