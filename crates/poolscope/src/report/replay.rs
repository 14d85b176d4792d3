//! A replay as text for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use microusc_chips::{Chip, Engine, Idf};

use super::sparkline;
use super::{line, print, table};
use crate::replay::{Failure, Moment, PoolSide, Report, SideReport, Speed};
use crate::text::{bytes, count, percent, plural, printable, ticks};
use crate::trace::Lifetimes;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
/// Columns of a note in the verdict, without its indentation.
const VERDICT_COLUMNS: usize = 80;

impl Report {
    /// The report as text, about 90 columns wide, with colours, ending in a line end. Same report, same text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        self.heading(&mut out);
        self.layout_table(&mut out);
        self.comparison(&mut out);
        sparkline::draw(&mut out, self);
        self.speed(&mut out);
        self.notes(&mut out);
        self.verdict(&mut out);
        out
    }

    fn heading(&self, out: &mut String) {
        let title = if self.meta.title.is_empty() { "Replay" } else { &self.meta.title };
        let events = plural(self.events, "event");
        let time = ticks(self.ticks, self.meta.tick_hz);
        let mut heap = String::new();
        if self.idf != Idf::default().name() {
            let _ = write!(heap, " with ESP-IDF {}", self.idf);
        }
        if self.heap_engine == Engine::Rom.name() {
            heap.push_str(" with the heap in ROM");
        } else if self.heap_engine != Engine::default().name() {
            let _ = write!(heap, " with the heap of {}", self.heap_engine);
        }
        line(out, format_args!("{} on {}{heap}: {events} in {time}", printable(title), self.chip));
    }

    fn layout_table(&self, out: &mut String) {
        let layout = &self.layout;
        let origin = if self.derived.is_some() { ", derived from the recording" } else { "" };
        line(out, format_args!("\nPools{origin}"));
        let mut rows = table(["bytes", "blocks", "most used", "found empty", "spilled into", "pool"]);
        let mut pools: Vec<_> = layout.pools.iter().collect();
        pools.sort_by_key(|pool| pool.block_size);
        for (at, pool) in pools.into_iter().enumerate() {
            let state = self.pools.as_ref().map(|side| &side.each[at]);
            let told = |number: Option<u64>| number.map_or("-".to_owned(), count);
            rows.add_row([
                count(pool.block_size),
                count(pool.blocks),
                told(state.map(|state| state.peak_blocks)),
                told(state.map(|state| state.exhausted)),
                told(state.map(|state| state.spilled_in)),
                format!("{} ({})", pool.name, pool.placement),
            ]);
        }
        print(out, &mut rows, 5);
        if layout.spill {
            line(out, format_args!("  an empty pool is helped out by the next larger one"));
        }
        if let Some(derived) = self.derived.filter(|derived| derived.larger_requests > 0) {
            let (requests, largest) =
                (plural(derived.larger_requests, "request"), count(derived.largest_request));
            let limit = count(derived.limit);
            line(
                out,
                format_args!("  {requests} above {limit} B (up to {largest} B) left to the rest of the heap"),
            );
        } else if layout.heap_fallback {
            line(out, format_args!("  what no pool serves goes to the rest of the heap"));
        }
    }

    fn comparison(&self, out: &mut String) {
        out.push('\n');
        let mut rows = table(["", "pools", "heap"]);
        let pools = self.pools.as_ref().map(|pools| &pools.side);
        let mut row = |name: &str, cell: &dyn Fn(&SideReport) -> String| {
            let pools = pools.map_or("-".to_owned(), cell);
            rows.add_row([name.to_owned(), pools, cell(&self.heap)]);
        };
        row("allocations served", &|side| count(side.served));
        row("allocations failed", &|side| count(side.failed));
        row("RAM there is, B", &|side| count(side.ram_available));
        row("RAM in use at most, B", &|side| count(side.ram_peak));
        row("at the peak: asked for, B", &|side| count(side.peak.asked_bytes));
        row("  wasted inside blocks, B", &|side| count(side.peak.given_bytes - side.peak.asked_bytes));
        row("  of what was given", &|side| waste(side.peak.asked_bytes, side.peak.given_bytes));
        row("  overhead, B", &|side| count(side.peak.overhead_bytes));
        row("  reserved and not in use, B", &|side| count(side.peak.reserved_bytes));
        row("wasted over all allocations", &|side| waste(side.asked_bytes_sum, side.given_bytes_sum));
        for column in rows.column_iter_mut().skip(1) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        print(out, &mut rows, 0);
    }

    fn speed(&self, out: &mut String) {
        let Some(timing) = &self.timing else { return };
        line(
            out,
            format_args!(
                "\nSpeed on this computer, with all books and checks, without reading the recording"
            ),
        );
        let mut row = |name, speed: Speed| {
            let (ns, rate) = (speed.ns_per_event, speed.events_per_second / 1e6);
            line(out, format_args!("  {name:<6} {ns:.1} ns an event, {rate:.1} million events/s"));
        };
        if let Some(speed) = timing.pools {
            row("pools", speed);
        }
        row("heap", timing.heap);
    }

    fn notes(&self, out: &mut String) {
        let mut notes: Vec<String> =
            self.meta.notes.iter().chain(&self.remarks).map(|note| printable(note)).collect();
        match self.meta.lifetimes {
            Lifetimes::Exact => {}
            Lifetimes::Paired => notes.push("frees were paired by size and call stack".to_owned()),
            Lifetimes::Unknown => notes.push(
                "the recording does not say when blocks were freed: more may be live here than there were"
                    .to_owned(),
            ),
        }
        if self.heap.zero_requests > 0 {
            notes.push(format!("{} for no bytes got nothing", plural(self.heap.zero_requests, "request")));
        }
        if let Some(moment) = &self.heap.first_wrong_free {
            notes.extend(self.wrong_frees(moment));
        }
        if let Some(PoolSide { heap_too_large, heap_overflow, .. }) = self.pools
            && heap_too_large + heap_overflow > 0
        {
            notes.push(format!(
                "the rest of the heap served {} too large for every pool, and {} when theirs was empty",
                plural(heap_too_large, "request"),
                count(heap_overflow),
            ));
        }
        if self.heap.older_frees > 0 {
            let blocks = if self.heap.older_frees == 1 { "a block" } else { "blocks" };
            let frees = plural(self.heap.older_frees, "free");
            notes.push(format!("{frees} of {blocks} older than the recording: not replayed"));
        }
        if self.failed_allocations.count > 0 {
            let failed = crate::info::failures(&self.failed_allocations);
            notes.push(format!("while recording, {failed}; not replayed"));
        }
        if self.heap.external_requests > 0 {
            let requests = plural(self.heap.external_requests, "request");
            let were = crate::text::was(self.heap.external_requests);
            let chip_has_it = self.chip.parse().is_ok_and(|chip: Chip| chip.facts().psram.is_some());
            let advice = if chip_has_it {
                "give the board's PSRAM with --psram"
            } else {
                "choose a chip that has it with --chip"
            };
            notes.push(if self.external_ram {
                format!("{requests} {were} served from PSRAM in the recording, and {were} here while there was room in it")
            } else {
                format!(
                    "{requests} {were} served from PSRAM in the recording; {} has none here, so internal RAM was asked: \
                     {advice}",
                    self.chip
                )
            });
        }
        let failed = self.heap.failed > 0 || self.pools.as_ref().is_none_or(|pools| pools.side.failed > 0);
        if failed && self.external_ram && !self.malloc_psram {
            notes.push(
                "malloc uses internal RAM only: where the program lets it use PSRAM, say from which size on with \
                 --malloc-psram"
                    .to_owned(),
            );
        }
        if !notes.is_empty() {
            out.push_str("\nNotes\n");
        }
        for note in notes {
            line(out, format_args!("  * {note}"));
        }
    }

    fn wrong_frees(&self, first: &Moment) -> Vec<String> {
        let wrong = plural(self.heap.wrong_frees, "wrong free");
        let first = told(first, self.meta.tick_hz);
        let mut notes =
            vec![format!("{wrong}: ESP-IDF would have stopped the program at the first, {first}")];
        if let Some(PoolSide { side, .. }) = &self.pools {
            let refused = count(side.wrong_frees_refused);
            notes.push(match side.wrong_frees - side.wrong_frees_refused {
                0 if side.wrong_frees == 1 => "the pools refused it and went on".to_owned(),
                0 => format!("the pools refused {refused} and went on"),
                rest => format!(
                    "the pools refused {refused} and went on; {} could not be done again, as no pool had a freed block",
                    count(rest)
                ),
            });
        }
        notes
    }

    fn verdict(&self, out: &mut String) {
        out.push_str("\nVerdict\n");
        match (&self.pools, &self.misfit) {
            (Some(pools), _) => side_verdict(out, "pools", &pools.side, self.meta.tick_hz),
            (None, Some(misfit)) => line(
                out,
                format_args!(
                    "  {BAD}pools  do not fit the chip{BAD:#}: no room for `{}` in {}:\n         {}\n         \
                     {} are needed, {} are there, about {} are missing",
                    misfit.pool,
                    misfit.placement,
                    misfit.reason,
                    bytes(misfit.needed_bytes),
                    bytes(misfit.available_bytes),
                    bytes(misfit.missing_bytes),
                ),
            ),
            (None, None) => {}
        }
        side_verdict(out, "heap", &self.heap, self.meta.tick_hz);
        if let Some(note) = &self.heap_note {
            line(out, format_args!("  note   {}", indented(note)));
        }
    }
}

/// A sentence in lines that stand below each other in the verdict.
fn indented(text: &str) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + word.len() > VERDICT_COLUMNS {
            lines.push_str("\n         ");
            column = 0;
        } else if column > 0 {
            lines.push(' ');
        }
        lines.push_str(word);
        column += word.len() + 1;
    }
    lines
}

fn waste(asked: u64, given: u64) -> String {
    percent(given - asked, given)
}

fn side_verdict(out: &mut String, name: &str, side: &SideReport, hz: u64) {
    match &side.first_failure {
        None => line(out, format_args!("  {GOOD}{name:<6} every allocation succeeded{GOOD:#}")),
        Some(Failure { moment, size, reason, .. }) => {
            let failed = plural(side.failed, "allocation");
            let (size, moment) = (count(size), told(moment, hz));
            line(
                out,
                format_args!(
                    "  {BAD}{name:<6} {failed} failed{BAD:#}, the first of {size} B at {moment}:\n         {reason}"
                ),
            );
        }
    }
    if let Some(defect) = &side.first_defect {
        let (defects, moment) = (plural(side.defects, "defect"), told(&defect.moment, hz));
        line(out, format_args!("  {BAD}{name:<6} {defects}{BAD:#}, first at {moment}: {}", defect.what));
    }
}

fn told(moment: &Moment, hz: u64) -> String {
    let mut text = format!("event {}", count(moment.event));
    if hz > 0 {
        let ms = moment.ms.unwrap_or(0.0);
        write!(text, ", {ms:.3} ms").expect("a String takes everything");
    }
    if let Some(context) = &moment.context {
        let kind = if context.in_isr { "interrupt" } else { "task" };
        let name = printable(&context.name);
        write!(text, ", {kind} {name} on core {}", context.core).expect("a String takes everything");
    }
    text
}
