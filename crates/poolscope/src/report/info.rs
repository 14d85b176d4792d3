//! What a recording holds, as text for people.

use super::{line, notes, print, table};
use crate::info::Info;
use crate::text::{bytes, count, percent, plural, printable, ticks};
use crate::trace::{FailedAllocs, FailedSize, Lifetimes};

/// Width of a full bar, columns.
const BAR: u64 = 28;

/// What a recording holds as text, about 80 columns wide, ending in a line end. Same recording, same text.
#[must_use]
pub fn info_text(info: &Info) -> String {
    let mut out = String::new();
    overview(&mut out, info);
    size_table(&mut out, info);
    lifetime_table(&mut out, info);
    leak_table(&mut out, info);
    call_site_table(&mut out, info);
    context_table(&mut out, info);
    notes(&mut out, info.meta.notes.iter().chain(&info.remarks));
    out
}

fn overview(out: &mut String, info: &Info) {
    let hz = info.meta.tick_hz;
    let totals = &info.totals;
    let mut row = |name: &str, text: String| line(out, format_args!("{name:<13} {text}"));
    if !info.meta.title.is_empty() {
        row("Recording", printable(&info.meta.title));
    }
    let known = match info.meta.lifetimes {
        Lifetimes::Exact => "exact",
        Lifetimes::Paired => "paired by size and call stack",
        Lifetimes::Unknown => "unknown",
    };
    row("Format", format!("{}, lifetimes {known}", printable(&info.meta.source)));
    row(
        "Events",
        format!(
            "{}: {}, {}",
            count(info.events),
            plural(totals.allocs, "allocation"),
            plural(totals.frees, "free")
        ),
    );
    row("Duration", ticks(totals.ticks, hz));
    row(
        "Peak use",
        format!("{} requested, at {}", bytes(totals.peak_bytes), ticks(totals.peak_bytes_at, hz)),
    );
    let peak_blocks = plural(totals.peak_blocks, "block");
    row("", format!("{peak_blocks}, at {}", ticks(totals.peak_blocks_at, hz)));
    row(
        "Leaks",
        match totals.live_blocks {
            0 => "none: no block is live at the end".to_owned(),
            blocks => {
                format!("{}, {}, live at the end", plural(blocks, "block"), bytes(totals.live_bytes))
            }
        },
    );
    row(
        "Double frees",
        match totals.double_frees {
            0 => "none".to_owned(),
            double => count(double),
        },
    );
    if info.older_frees > 0 {
        let blocks = if info.older_frees == 1 { "a block" } else { "blocks" };
        let frees = plural(info.older_frees, "free");
        row("Older frees", format!("{frees} of {blocks} older than the recording, not an error"));
    }
    if info.failed_allocations.count > 0 {
        row("Failed", failures(&info.failed_allocations));
    }
    if info.external.allocs > 0 {
        let allocs = plural(info.external.allocs, "allocation");
        row("PSRAM", format!("{allocs}, peak use {}", bytes(info.external.peak_bytes)));
    }
    if info.left_out.blocks > 0 {
        let blocks = plural(info.left_out.blocks, "block");
        row(
            "Left out",
            format!("{blocks} that the program did not allocate, {}", bytes(info.left_out.bytes)),
        );
    }
}

fn size_table(out: &mut String, info: &Info) {
    let sizes = &info.sizes;
    if sizes.histogram.is_empty() {
        return;
    }
    let more = if sizes.rounded { "more than " } else { "" };
    line(out, format_args!("\nRequested sizes, {more}{} different", count(sizes.distinct)));
    quantiles(out, [sizes.p50, sizes.p90, sizes.p99, sizes.max].map(|size| format!("{} B", count(size))));
    let most = sizes.histogram.iter().map(|row| row.allocs).max().unwrap_or(0);
    let mut table = table(["size, B", "allocations", "share", "peak blocks", ""]);
    for row in &sizes.histogram {
        table.add_row([
            range(row.from, row.to),
            count(row.allocs),
            percent(row.allocs, info.totals.allocs),
            count(row.peak_blocks),
            bar(row.allocs, most),
        ]);
    }
    print(out, &mut table, 0..4);
    let top: Vec<_> = sizes
        .top
        .iter()
        .take(4)
        .map(|top| format!("{} × {} B", count(top.blocks), count(top.size)))
        .collect();
    line(out, format_args!("  most frequent: {}", top.join(", ")));
}

/// Appends what half, 90 % and 99 % do not exceed, and the largest.
fn quantiles(out: &mut String, [p50, p90, p99, max]: [String; 4]) {
    line(out, format_args!("  half: up to {p50}; 90 %: up to {p90}; 99 %: up to {p99}; largest: {max}"));
}

fn lifetime_table(out: &mut String, info: &Info) {
    let lifetimes = &info.lifetimes;
    if lifetimes.histogram.is_empty() || lifetimes.known == Lifetimes::Unknown {
        return;
    }
    let hz = info.meta.tick_hz;
    line(out, format_args!("\nLifetimes of {}", plural(lifetimes.blocks, "freed block")));
    quantiles(
        out,
        [lifetimes.p50, lifetimes.p90, lifetimes.p99, lifetimes.max].map(|lifetime| ticks(lifetime, hz)),
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
    print(out, &mut table, 0..4);
}

fn leak_table(out: &mut String, info: &Info) {
    if info.leaks.is_empty() {
        return;
    }
    line(out, format_args!("\nBlocks live at the end, most bytes first"));
    let mut table = table(["size, B", "blocks", "total, B"]);
    for leak in &info.leaks {
        let sum = u128::from(leak.size) * u128::from(leak.blocks);
        table.add_row([count(leak.size), count(leak.blocks), count(sum)]);
    }
    print(out, &mut table, 0..3);
}

fn call_site_table(out: &mut String, info: &Info) {
    if info.call_sites.is_empty() {
        return;
    }
    if info.dumps < 2 {
        line(out, format_args!("\nBlocks live at the end, by call site"));
        let mut table = table(["total, B", "blocks", "call site"]);
        for site in &info.call_sites {
            table.add_row([count(site.bytes), count(site.blocks), printable(&site.site)]);
        }
        return print(out, &mut table, 0..2);
    }
    line(
        out,
        format_args!("\nGrowth from the first to the last of {}, by call site", plural(info.dumps, "dump")),
    );
    let mut table = table(["growth, B", "growth, blocks", "live, B", "live, blocks", "call site"]);
    for site in &info.call_sites {
        table.add_row([
            difference(site.first_bytes, site.bytes),
            difference(site.first_blocks, site.blocks),
            count(site.bytes),
            count(site.blocks),
            printable(&site.site),
        ]);
    }
    print(out, &mut table, 0..4);
}

fn context_table(out: &mut String, info: &Info) {
    if info.contexts.is_empty() {
        return;
    }
    line(out, format_args!("\nTasks and interrupts"));
    let mut table = table(["allocations", "requested, B", "frees", "double frees", "core", "name"]);
    for row in &info.contexts {
        let isr = if row.context.in_isr { " (interrupt)" } else { "" };
        table.add_row([
            count(row.allocs),
            count(row.requested_bytes),
            count(row.frees),
            count(row.double_frees),
            row.context.core.to_string(),
            printable(&row.context.name) + isr,
        ]);
    }
    print(out, &mut table, 0..5);
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
