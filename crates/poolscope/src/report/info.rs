//! A survey as text for people.

use super::{line, print, table};
use crate::info::Info;
use crate::text::{bytes, count, percent, plural, printable, ticks};
use crate::trace::{FailedAllocs, FailedSize, Lifetimes};

/// Width of a full bar, columns.
const BAR: u64 = 30;

impl Info {
    /// The survey as text, about 80 columns wide, ending in a line end. Same survey, same text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.overview(&mut out);
        self.size_table(&mut out);
        self.lifetime_table(&mut out);
        self.leak_table(&mut out);
        self.call_site_table(&mut out);
        self.context_table(&mut out);
        let notes: Vec<_> = self.meta.notes.iter().chain(&self.remarks).collect();
        if !notes.is_empty() {
            out.push_str("\nNotes\n");
        }
        for note in notes {
            line(&mut out, format_args!("  * {}", printable(note)));
        }
        out
    }

    fn overview(&self, out: &mut String) {
        let hz = self.meta.tick_hz;
        let totals = &self.totals;
        let mut row = |name: &str, text: String| line(out, format_args!("{name:<10} {text}"));
        if !self.meta.title.is_empty() {
            row("Trace", printable(&self.meta.title));
        }
        let known = match self.meta.lifetimes {
            Lifetimes::Exact => "exact",
            Lifetimes::Paired => "paired by size and call stack",
            Lifetimes::Unknown => "unknown",
        };
        row("Source", format!("{}, lifetimes {known}", printable(&self.meta.source)));
        row(
            "Events",
            format!(
                "{}: {}, {}",
                count(self.events),
                plural(totals.allocs, "allocation"),
                plural(totals.frees, "free")
            ),
        );
        row("Duration", ticks(totals.ticks, hz));
        row("Peak", format!("{} at {}", bytes(totals.peak_bytes), ticks(totals.peak_bytes_at, hz)));
        let peak_blocks = plural(totals.peak_blocks, "block");
        row("", format!("{peak_blocks} at {}", ticks(totals.peak_blocks_at, hz)));
        row(
            "Leaks",
            match totals.live_blocks {
                0 => "none: nothing is live at the end".to_owned(),
                blocks => {
                    format!("{}, {}, live at the end", plural(blocks, "block"), bytes(totals.live_bytes))
                }
            },
        );
        row(
            "Bad frees",
            match totals.double_frees {
                0 => "none".to_owned(),
                double => plural(double, "double free"),
            },
        );
        if self.older_frees > 0 {
            let blocks = if self.older_frees == 1 { "a block" } else { "blocks" };
            row(
                "Older",
                format!("{} of {blocks} older than the recording", plural(self.older_frees, "free")),
            );
        }
        if self.failed_allocations.count > 0 {
            row("Failed", failures(&self.failed_allocations));
        }
        if self.external.allocs > 0 {
            let allocs = plural(self.external.allocs, "allocation");
            row("PSRAM", format!("{allocs}, at most {} at once", bytes(self.external.peak_bytes)));
        }
        if self.left_out.blocks > 0 {
            let blocks = plural(self.left_out.blocks, "block");
            row("Left out", format!("{blocks}, {}, not the program's", bytes(self.left_out.bytes)));
        }
    }

    fn size_table(&self, out: &mut String) {
        let sizes = &self.sizes;
        if sizes.histogram.is_empty() {
            return;
        }
        let more = if sizes.rounded { "more than " } else { "" };
        line(
            out,
            format_args!(
                "\nSizes: {more}{} distinct, half up to {} B, 90 % up to {} B, 99 % up to {} B, largest {} B",
                count(sizes.distinct),
                count(sizes.p50),
                count(sizes.p90),
                count(sizes.p99),
                count(sizes.max)
            ),
        );
        let most = sizes.histogram.iter().map(|row| row.allocs).max().unwrap_or(0);
        let mut table = table(["bytes", "allocations", "share", "peak blocks", ""]);
        for row in &sizes.histogram {
            table.add_row([
                range(row.from, row.to),
                count(row.allocs),
                percent(row.allocs, self.totals.allocs),
                count(row.peak_blocks),
                bar(row.allocs, most),
            ]);
        }
        print(out, &mut table, 4);
        let top: Vec<_> = sizes
            .top
            .iter()
            .take(6)
            .map(|top| format!("{} B × {}", count(top.size), count(top.blocks)))
            .collect();
        line(out, format_args!("  most frequent: {}", top.join(", ")));
    }

    fn lifetime_table(&self, out: &mut String) {
        let lifetimes = &self.lifetimes;
        if lifetimes.histogram.is_empty() || lifetimes.known == Lifetimes::Unknown {
            return;
        }
        let hz = self.meta.tick_hz;
        line(
            out,
            format_args!(
                "\nLifetimes of {}: half up to {}, 90 % up to {}, 99 % up to {}, longest {}",
                plural(lifetimes.blocks, "freed block"),
                ticks(lifetimes.p50, hz),
                ticks(lifetimes.p90, hz),
                ticks(lifetimes.p99, hz),
                ticks(lifetimes.max, hz)
            ),
        );
        let most = lifetimes.histogram.iter().map(|row| row.blocks).max().unwrap_or(0);
        let mut table = table(["from", "below", "blocks", "share", ""]);
        for row in &lifetimes.histogram {
            table.add_row([
                ticks(row.from, hz),
                ticks(row.below, hz),
                count(row.blocks),
                percent(row.blocks, lifetimes.blocks),
                bar(row.blocks, most),
            ]);
        }
        print(out, &mut table, 4);
    }

    fn leak_table(&self, out: &mut String) {
        if self.leaks.is_empty() {
            return;
        }
        line(out, format_args!("\nLive at the end, most bytes first"));
        let mut table = table(["bytes", "blocks", "in sum"]);
        for leak in &self.leaks {
            let sum = u128::from(leak.size) * u128::from(leak.blocks);
            table.add_row([count(leak.size), count(leak.blocks), count(sum)]);
        }
        print(out, &mut table, 3);
    }

    fn call_site_table(&self, out: &mut String) {
        if self.call_sites.is_empty() {
            return;
        }
        if self.dumps < 2 {
            line(out, format_args!("\nLive at the end, by call site"));
            let mut table = table(["bytes", "blocks", "call site"]);
            for site in &self.call_sites {
                table.add_row([count(site.bytes), count(site.blocks), printable(&site.site)]);
            }
            return print(out, &mut table, 2);
        }
        line(
            out,
            format_args!(
                "\nGrowth from the first to the last of {}, by call site",
                plural(self.dumps, "dump")
            ),
        );
        let mut table = table(["more bytes", "more blocks", "bytes", "blocks", "call site"]);
        for site in &self.call_sites {
            table.add_row([
                difference(site.first_bytes, site.bytes),
                difference(site.first_blocks, site.blocks),
                count(site.bytes),
                count(site.blocks),
                printable(&site.site),
            ]);
        }
        print(out, &mut table, 4);
    }

    fn context_table(&self, out: &mut String) {
        if self.contexts.is_empty() {
            return;
        }
        line(out, format_args!("\nContexts"));
        let mut table = table(["allocations", "bytes", "frees", "bad frees", "core", "context"]);
        for row in &self.contexts {
            let isr = if row.context.in_isr { " (interrupt)" } else { "" };
            table.add_row([
                count(row.allocs),
                count(row.alloc_bytes),
                count(row.frees),
                count(row.bad_frees),
                row.context.core.to_string(),
                printable(&row.context.name) + isr,
            ]);
        }
        print(out, &mut table, 5);
    }
}

/// Allocations that failed, with their sizes, in words.
#[must_use]
pub fn failures(failed: &FailedAllocs) -> String {
    let size = |row: &FailedSize| {
        let times = if row.count > 1 { format!(" × {}", count(row.count)) } else { String::new() };
        let largest = match row.largest_free {
            Some(largest) => format!(" (largest free block {} B)", count(largest)),
            None => String::new(),
        };
        format!("{} B{times}{largest}", count(row.size))
    };
    let mut sizes: Vec<String> = failed.sizes.iter().map(size).collect();
    let rest = failed.count - failed.sizes.iter().map(|row| row.count).sum::<u64>().min(failed.count);
    if rest > 0 {
        sizes.push(format!("{} more, up to {} B", count(rest), count(failed.largest)));
    }
    format!("{} failed: {}", plural(failed.count, "allocation"), sizes.join(", "))
}

/// By how much a number has changed, with its sign.
fn difference(from: u64, to: u64) -> String {
    if to >= from { format!("+{}", count(to - from)) } else { format!("-{}", count(from - to)) }
}

fn range(from: u64, to: u64) -> String {
    if from == to { count(from) } else { format!("{} – {}", count(from), count(to)) }
}

/// A bar for `value`, full at `most`; whatever is not zero shows.
fn bar(value: u64, most: u64) -> String {
    let length = (u128::from(value) * u128::from(BAR) / u128::from(most.max(1))) as usize;
    "█".repeat(length.max(usize::from(value > 0)))
}
