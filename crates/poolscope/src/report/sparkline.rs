//! The room of both sides over time, a line of characters each.

use anstyle::{AnsiColor, Style};

use super::line;
use crate::replay::{Report, Room, Sample};
use crate::text::{count, ticks};

/// Characters of a line.
const WIDTH: usize = 60;

const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const PLAIN: Style = AnsiColor::Cyan.on_default();
const FAILED: Style = AnsiColor::Red.on_default();

/// Appends the plot, and the extremes in figures.
pub(super) fn draw(out: &mut String, report: &Report) {
    let end = ticks(report.ticks, report.meta.tick_hz);
    line(out, format_args!("\nLargest free block, from the start to {end}"));
    let heap = columns(&report.samples, report.ticks, |sample| Some(sample.heap));
    let pools = columns(&report.samples, report.ticks, |sample| sample.pools);
    let rest = columns(&report.samples, report.ticks, |sample| sample.rest);
    for (name, columns) in [("pools", pools), ("rest", rest), ("heap", heap)] {
        if !columns.is_empty() {
            row(out, name, &columns);
        }
    }
    let mut regions: Vec<_> = report.fragmentation.iter().collect();
    regions.sort_by_key(|region| std::cmp::Reverse(region.free_bytes));
    if regions.iter().all(|region| region.percent == 0.0) {
        return line(
            out,
            format_args!("  heap fragmentation 0 %: the free bytes of each region are one block"),
        );
    }
    line(out, format_args!("  heap fragmentation at most, region by region:"));
    for region in regions {
        let largest = match region.percent {
            0.0 => "all free bytes in one block".to_owned(),
            _ => format!(
                "{} B free, the largest block {} B",
                count(region.free_bytes),
                count(region.largest_block)
            ),
        };
        line(out, format_args!("    {:<10} {:>5.1} %: {largest}", region.region, region.percent));
    }
}

fn row(out: &mut String, name: &str, columns: &[Room]) {
    let largest = || columns.iter().map(|room| room.largest);
    let (least, most) = (largest().min().unwrap_or(0), largest().max().unwrap_or(0));
    let mut text = String::new();
    let (mut style, mut failed) = (None, 0);
    for room in columns {
        let wanted = if room.failed > failed { FAILED } else { PLAIN };
        failed = room.failed;
        if style != Some(wanted) {
            let reset = style.map_or(String::new(), |style: Style| format!("{style:#}"));
            text += &format!("{reset}{wanted}");
            style = Some(wanted);
        }
        text.push(step(room.largest, most));
    }
    line(out, format_args!("  {name:<6} {text}{PLAIN:#} {} to {} B", count(least), count(most)));
}

/// A blank for nothing, a full block for `most`.
fn step(value: u64, most: u64) -> char {
    if value == 0 {
        return ' ';
    }
    let step = (u128::from(value) * STEPS.len() as u128).div_ceil(u128::from(most)) as usize;
    STEPS[step.clamp(1, STEPS.len()) - 1]
}

/// The room in each of [`WIDTH`] equal stretches of `ticks`: the tightest sample, or if there is none in it, the one
/// before. Empty if there are no samples of this kind.
fn columns(samples: &[Sample], ticks: u64, of: impl Fn(&Sample) -> Option<Room>) -> Vec<Room> {
    let column = |tick: u64| (u128::from(tick) * WIDTH as u128 / (u128::from(ticks) + 1)) as usize;
    let mut tightest: [Option<Room>; WIDTH] = [None; WIDTH];
    for sample in samples {
        let Some(room) = of(sample) else { continue };
        let entry = &mut tightest[column(sample.ticks)];
        let largest = entry.map_or(room.largest, |before: Room| before.largest.min(room.largest));
        *entry = Some(Room { largest, ..room });
    }
    let Some(mut last) = tightest.iter().flatten().next().copied() else { return Vec::new() };
    let carried = tightest.iter().map(|room| {
        last = room.unwrap_or(last);
        last
    });
    carried.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ticks: u64, largest: u64) -> Sample {
        Sample { ticks, pools: None, rest: None, heap: Room { largest, free: 100, ..Room::default() } }
    }

    #[test]
    fn steps_tell_nothing_from_little() {
        assert_eq!([0, 1, 50, 99, 100].map(|value| step(value, 100)), [' ', '▁', '▄', '█', '█']);
        assert_eq!(step(u64::MAX, u64::MAX), '█');
    }

    #[test]
    fn columns_show_the_tightest_and_carry_on() {
        let samples = [sample(0, 90), sample(1, 40), sample(59, 50), sample(60, 60), sample(119, 70)];
        let columns = columns(&samples, 119, |sample| Some(sample.heap));
        let largest: Vec<u64> = columns.iter().map(|room| room.largest).collect();
        assert_eq!((largest.len(), largest[0], largest[28], largest[29]), (60, 40, 40, 50));
        assert_eq!((largest[30], largest[58], largest[59]), (60, 60, 70));
        assert!(super::columns(&samples, 119, |sample| sample.pools).is_empty());
        assert_eq!(super::columns(&samples, u64::MAX, |sample| Some(sample.heap)).len(), 60);
    }
}
