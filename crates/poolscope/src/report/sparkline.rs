//! The largest free block over time, as one line of characters for each contender, all on one scale.

use anstyle::{AnsiColor, Style};

use super::line;
use crate::replay::{FreeMemory, Outcome, Sample};
use crate::text::{count, ticks};

/// Characters of a line.
const WIDTH: usize = 48;

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const PLAIN: Style = AnsiColor::Cyan.on_default();
const FAILED: Style = AnsiColor::Red.on_default();

/// Appends the lines. One that would be flat is said in words instead.
pub(super) fn draw(out: &mut String, outcome: &Outcome) {
    let rows = [
        ("pools", columns(&outcome.samples, outcome.ticks, |sample| sample.pools)),
        ("rest", columns(&outcome.samples, outcome.ticks, |sample| sample.rest)),
        ("heap", columns(&outcome.samples, outcome.ticks, |sample| Some(sample.heap))),
    ];
    let changing = rows.iter().map(|(_, columns)| extremes(columns)).filter(|(least, most)| least < most);
    let top = changing.map(|(_, most)| most).max().unwrap_or(0);
    let end = ticks(outcome.ticks, outcome.meta.tick_hz);
    let drawn = rows.iter().any(|(_, columns)| !is_flat(columns, top));
    let scale = if drawn { format!(", on a scale of 0 to {} B", count(top)) } else { String::new() };
    line(out, format_args!("\nLargest free block from the start to {end}{scale}"));
    for (name, columns) in rows.iter().filter(|(_, columns)| !columns.is_empty()) {
        row(out, name, columns, top);
    }
    if outcome.pools.is_some() && outcome.layout.heap_fallback {
        line(out, format_args!("  (rest: what the pools leave of the heap)"));
    }
}

/// Whether all characters of the line would be the same.
fn is_flat(columns: &[FreeMemory], top: u64) -> bool {
    let mut steps = columns.iter().map(|column| step(column.largest_free_block, top));
    steps.next().is_none_or(|first| steps.all(|step| step == first))
}

/// The least and the most of the largest free block.
fn extremes(columns: &[FreeMemory]) -> (u64, u64) {
    let largest = || columns.iter().map(|column| column.largest_free_block);
    (largest().min().unwrap_or(0), largest().max().unwrap_or(0))
}

fn row(out: &mut String, name: &str, columns: &[FreeMemory], top: u64) {
    let (least, most) = extremes(columns);
    let range = match (least, most) {
        _ if !is_flat(columns, top) => format!("{} to {} B", count(least), count(most)),
        _ if least == most => return line(out, format_args!("  {name:<6} stays at {} B", count(most))),
        _ => {
            let (least, most) = (count(least), count(most));
            return line(out, format_args!("  {name:<6} stays between {least} and {most} B"));
        }
    };
    let mut text = String::new();
    let (mut style, mut failed) = (None, 0);
    for column in columns {
        let wanted = if column.failed > failed { FAILED } else { PLAIN };
        failed = column.failed;
        if style != Some(wanted) {
            let reset = style.map_or(String::new(), |style: Style| format!("{style:#}"));
            text += &format!("{reset}{wanted}");
            style = Some(wanted);
        }
        text.push(step(column.largest_free_block, top));
    }
    line(out, format_args!("  {name:<6} {text}{PLAIN:#} {range}"));
}

/// A blank for nothing, a full block for `most`.
fn step(value: u64, most: u64) -> char {
    if value == 0 {
        return ' ';
    }
    let step = (u128::from(value) * STEPS.len() as u128).div_ceil(u128::from(most.max(1))) as usize;
    STEPS[step.clamp(1, STEPS.len()) - 1]
}

/// The free memory in each of [`WIDTH`] equal stretches of `ticks`: the sample with the smallest largest free block, or
/// if there is none in it, the one before. Empty if there are no samples of this kind.
fn columns(samples: &[Sample], ticks: u64, of: impl Fn(&Sample) -> Option<FreeMemory>) -> Vec<FreeMemory> {
    let column = |tick: u64| (u128::from(tick) * WIDTH as u128 / (u128::from(ticks) + 1)) as usize;
    let mut tightest: [Option<FreeMemory>; WIDTH] = [None; WIDTH];
    for sample in samples {
        let Some(free) = of(sample) else { continue };
        let entry = &mut tightest[column(sample.ticks)];
        let largest = free.largest_free_block;
        let largest_free_block =
            entry.map_or(largest, |before: FreeMemory| before.largest_free_block.min(largest));
        *entry = Some(FreeMemory { largest_free_block, ..free });
    }
    let Some(mut last) = tightest.iter().flatten().next().copied() else { return Vec::new() };
    let carried = tightest.iter().map(|free| {
        last = free.unwrap_or(last);
        last
    });
    carried.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(largest_free_block: u64) -> FreeMemory {
        FreeMemory { largest_free_block, ..FreeMemory::default() }
    }

    fn sample(ticks: u64, largest: u64) -> Sample {
        Sample { ticks, pools: None, rest: None, heap: free(largest) }
    }

    #[test]
    fn only_nothing_is_a_blank_and_only_the_most_is_full() {
        assert_eq!([0, 1, 50, 87, 100].map(|value| step(value, 100)), [' ', '▁', '▄', '▇', '█']);
        assert_eq!(step(u64::MAX, u64::MAX), '█');
    }

    #[test]
    fn a_column_is_the_tightest_sample_or_the_one_before() {
        let samples = [sample(0, 90), sample(1, 40), sample(47, 50), sample(48, 60), sample(95, 70)];
        let columns = columns(&samples, 95, |sample| Some(sample.heap));
        let largest: Vec<u64> = columns.iter().map(|column| column.largest_free_block).collect();
        assert_eq!((largest.len(), largest[0], largest[22], largest[23]), (WIDTH, 40, 40, 50));
        assert_eq!((largest[24], largest[46], largest[47]), (60, 60, 70));
        assert!(super::columns(&samples, 95, |sample| sample.pools).is_empty());
        assert_eq!(super::columns(&samples, u64::MAX, |sample| Some(sample.heap)).len(), WIDTH);
    }

    fn drawn(columns: &[FreeMemory], top: u64) -> String {
        let mut out = String::new();
        row(&mut out, "heap", columns, top);
        anstream::adapter::strip_str(&out).to_string()
    }

    #[test]
    fn lines_are_on_one_scale_and_flat_ones_are_words() {
        assert_eq!(drawn(&[free(100), free(50), free(0)], 200), "  heap   ▄▂  0 to 100 B\n");
        assert_eq!(drawn(&[free(70), free(70)], 200), "  heap   stays at 70 B\n");
        assert_eq!(drawn(&[free(20), free(10)], 200), "  heap   stays between 10 and 20 B\n");
        assert_eq!(drawn(&[free(190), free(200)], 200), "  heap   stays between 190 and 200 B\n");
    }
}
