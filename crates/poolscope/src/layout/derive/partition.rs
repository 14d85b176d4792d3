//! Dividing a row of things into ranges at the least cost.

use std::ops::Range;

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
