//! The outcome of a replay as text for people.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use microusc_chips::{Chip, Engine, Idf};

use super::{line, notes, paragraph, print, sparkline, table};
use crate::replay::{
    ContenderOutcome, Failure, Misfit, Moment, Outcome, PoolsOutcome, RegionFragmentation, Speed,
};
use crate::text::{bytes, count, percent, plural, printable, ticks, was};
use crate::trace::Lifetimes;

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
/// What stands before the further lines of a verdict.
const INDENT: &str = "         ";

/// The outcome as text, about 80 columns wide, with colours, ending in a line end. Same outcome, same text.
#[must_use]
pub fn replay_text(outcome: &Outcome) -> String {
    let mut out = String::new();
    heading(&mut out, outcome);
    pools_table(&mut out, outcome);
    comparison(&mut out, outcome);
    sparkline::draw(&mut out, outcome);
    fragmentation(&mut out, &outcome.fragmentation);
    speed(&mut out, outcome);
    let said = outcome.meta.notes.iter().chain(&outcome.remarks);
    notes(&mut out, said.chain(&more_notes(outcome)));
    verdict(&mut out, outcome);
    out
}

fn heading(out: &mut String, outcome: &Outcome) {
    let title = if outcome.meta.title.is_empty() { "Replay" } else { &outcome.meta.title };
    let events = plural(outcome.events, "event");
    let time = ticks(outcome.ticks, outcome.meta.tick_hz);
    let mut heap = String::new();
    if outcome.idf != Idf::default().name() {
        heap = format!(" with ESP-IDF {}", outcome.idf);
    }
    if outcome.heap_engine == Engine::Rom.name() {
        heap.push_str(" with the heap in ROM");
    } else if outcome.heap_engine != Engine::default().name() {
        heap = format!("{heap} with the heap of {}", outcome.heap_engine);
    }
    line(out, format_args!("{} on {}{heap}: {events} in {time}", printable(title), outcome.chip));
}

fn pools_table(out: &mut String, outcome: &Outcome) {
    let layout = &outcome.layout;
    let origin = if outcome.derived.is_some() { "derived from the recording" } else { "of the layout" };
    line(out, format_args!("\nPools {origin}"));
    let header = ["pool", "memory", "block size, B", "blocks", "peak use", "times exhausted"];
    let mut rows = table(header);
    if layout.spill {
        rows.set_header(header.into_iter().chain(["spilled in"]));
    }
    let mut pools: Vec<_> = layout.pools.iter().collect();
    pools.sort_by_key(|pool| pool.block_size);
    for (at, pool) in pools.into_iter().enumerate() {
        let replayed = outcome.pools.as_ref().map(|pools| &pools.each[at]);
        let known = |number: Option<u64>| number.map_or("-".to_owned(), count);
        let mut row = vec![
            pool.name.clone(),
            pool.placement.to_string(),
            count(pool.block_size),
            count(pool.blocks),
            known(replayed.map(|pool| pool.peak_blocks)),
            known(replayed.map(|pool| pool.exhausted)),
        ];
        if layout.spill {
            row.push(known(replayed.map(|pool| pool.spilled_in)));
        }
        rows.add_row(row);
    }
    print(out, &mut rows, 2..7);
    if layout.spill {
        paragraph(
            out,
            "  ",
            "A request that finds its pool exhausted may take a block of the next larger pool.",
        );
    }
    if let Some(derived) = outcome.derived.filter(|derived| derived.larger_requests > 0) {
        let larger = derived.larger_requests;
        let (requests, largest) = (plural(larger, "request"), count(derived.largest_request));
        let (limit, are) = (count(derived.limit), crate::text::is(larger));
        let text = format!(
            "{requests} of more than {limit} B (the largest of {largest} B) {are} left to the rest of the heap."
        );
        paragraph(out, "  ", &text);
    } else if layout.heap_fallback {
        paragraph(out, "  ", "A request that no pool serves goes to the rest of the heap.");
    }
}

fn comparison(out: &mut String, outcome: &Outcome) {
    line(out, format_args!("\nThe recorded requests, served by these pools and by the heap alone"));
    let mut rows = table(["", "pools", "heap"]);
    let pools = outcome.pools.as_ref().map(|pools| &pools.common);
    let mut row = |name: &str, cell: &dyn Fn(&ContenderOutcome) -> String| {
        let heap = cell(&outcome.heap);
        let unknown = if heap.is_empty() { String::new() } else { "-".to_owned() };
        rows.add_row([name.to_owned(), pools.map_or(unknown, cell), heap]);
    };
    let heading = |_: &ContenderOutcome| String::new();
    let lost = |requested: u64, allocated: u64| percent(allocated - requested, allocated);
    row("allocations served", &|contender| count(contender.served));
    row("allocations failed", &|contender| count(contender.failed));
    row("available RAM, B", &|contender| count(contender.available_bytes));
    row("peak use of RAM, B", &|contender| count(contender.peak_use_bytes));
    row("when most bytes were requested:", &heading);
    row("  requested, B", &|contender| count(contender.peak.requested_bytes));
    row("  lost to rounding up, B", &|contender| {
        count(contender.peak.allocated_bytes - contender.peak.requested_bytes)
    });
    row("  the same, % of allocated", &|contender| {
        lost(contender.peak.requested_bytes, contender.peak.allocated_bytes)
    });
    row("  headers and control data, B", &|contender| count(contender.peak.overhead_bytes));
    row("  free blocks of the pools, B", &|contender| count(contender.peak.reserved_bytes));
    row("over all allocations:", &heading);
    row("  lost to rounding up, % of allocated", &|contender| {
        lost(contender.requested_bytes_total, contender.allocated_bytes_total)
    });
    print(out, &mut rows, 1..3);
}

fn fragmentation(out: &mut String, regions: &[RegionFragmentation]) {
    let fragmented = || regions.iter().filter(|region| region.percent > 0.0);
    if fragmented().next().is_none() {
        return line(
            out,
            format_args!("\nHeap fragmentation: 0 %, as the free bytes of each region are in one block"),
        );
    }
    line(
        out,
        format_args!("\nHeap fragmentation at its worst: % of free bytes outside the largest free block"),
    );
    let mut rows = table(["region", "fragmented", "free, B", "largest free block, B"]);
    let mut worst: Vec<_> = fragmented().collect();
    worst.sort_by_key(|region| std::cmp::Reverse(region.free_bytes));
    for region in worst {
        rows.add_row([
            region.region.to_owned(),
            format!("{:.1} %", region.percent),
            count(region.free_bytes),
            count(region.largest_block),
        ]);
    }
    print(out, &mut rows, 1..4);
    let whole: Vec<&str> =
        regions.iter().filter(|region| region.percent == 0.0).map(|region| region.region).collect();
    if !whole.is_empty() {
        paragraph(out, "  ", &format!("Not fragmented: {}.", whole.join(", ")));
    }
}

fn speed(out: &mut String, outcome: &Outcome) {
    let Some(timing) = &outcome.timing else { return };
    line(out, format_args!("\nSpeed of the replay on this computer, with its checks"));
    let mut row = |name, speed: Speed| {
        let (ns, rate) = (speed.ns_per_event, speed.events_per_second / 1e6);
        line(out, format_args!("  {name:<6} {ns:.1} ns per event, {rate:.1} million events/s"));
    };
    if let Some(speed) = timing.pools {
        row("pools", speed);
    }
    row("heap", timing.heap);
}

/// What a reader should know besides what the recording says itself.
fn more_notes(outcome: &Outcome) -> Vec<String> {
    let heap = &outcome.heap;
    let mut notes = Vec::new();
    match outcome.meta.lifetimes {
        Lifetimes::Exact => {}
        Lifetimes::Paired => notes.push("Frees were paired with blocks by size and call stack.".to_owned()),
        Lifetimes::Unknown => notes.push(
            "The recording does not say when blocks were freed: more may be live here than there were."
                .to_owned(),
        ),
    }
    if heap.zero_requests > 0 {
        let requests = plural(heap.zero_requests, "request");
        notes.push(format!("{requests} for 0 bytes got no block."));
    }
    if let Some(first) = &heap.first_double_free {
        notes.extend(double_frees(outcome, first));
    }
    if let Some(PoolsOutcome { heap_too_large, heap_pool_exhausted, .. }) = outcome.pools {
        let too_large = format!("{} too large for every pool", plural(heap_too_large, "request"));
        let exhausted = format!("{} whose pool was exhausted", plural(heap_pool_exhausted, "request"));
        let served = match (heap_too_large, heap_pool_exhausted) {
            (0, 0) => None,
            (_, 0) => Some(too_large),
            (0, _) => Some(exhausted),
            _ => Some(format!("{too_large}, and {exhausted}")),
        };
        notes.extend(served.map(|requests| format!("The rest of the heap served {requests}.")));
    }
    if heap.older_frees > 0 {
        let blocks = if heap.older_frees == 1 { "a block" } else { "blocks" };
        let (frees, were) = (plural(heap.older_frees, "free"), was(heap.older_frees));
        notes.push(format!("{frees} of {blocks} older than the recording {were} not replayed."));
    }
    if outcome.failed_allocations.count > 0 {
        let failed = super::failures(&outcome.failed_allocations);
        notes.push(format!("While recording, {failed}. Failed allocations are not replayed."));
    }
    if heap.external_requests > 0 {
        notes.push(external_requests(outcome));
    }
    let failed = heap.failed > 0 || outcome.pools.as_ref().is_none_or(|pools| pools.common.failed > 0);
    if failed && outcome.external_ram && !outcome.malloc_psram {
        notes.push(
            "Here malloc uses internal RAM only. If the program lets it use PSRAM, say from which size on with \
             --malloc-psram."
                .to_owned(),
        );
    }
    notes
}

fn external_requests(outcome: &Outcome) -> String {
    let requests = plural(outcome.heap.external_requests, "request");
    let were = was(outcome.heap.external_requests);
    if outcome.external_ram {
        return format!(
            "{requests} {were} served from PSRAM in the recording, and {were} here while there was room in it."
        );
    }
    let chip_has_it = outcome.chip.parse().is_ok_and(|chip: Chip| chip.facts().psram.is_some());
    let next = if chip_has_it {
        "Give the board's PSRAM with --psram"
    } else {
        "Choose a chip that has it with --chip"
    };
    format!(
        "{requests} {were} served from PSRAM in the recording; {} has none here, so internal RAM was used. {next}.",
        outcome.chip
    )
}

fn double_frees(outcome: &Outcome, first: &Moment) -> Vec<String> {
    let double = plural(outcome.heap.double_frees, "double free");
    let first = moment(first, outcome.meta.tick_hz);
    let mut notes = vec![format!(
        "{double} in the recording: ESP-IDF would have stopped the program at the first, {first}."
    )];
    if let Some(PoolsOutcome { common, .. }) = &outcome.pools {
        let refused = common.double_frees_refused;
        notes.push(match (refused, common.double_frees - refused) {
            (1, 0) => "The pools refused it and went on.".to_owned(),
            (_, 0) => format!("The pools refused all {} and went on.", count(refused)),
            (0, _) => "The pools have not replayed that, as none of them had a freed block.".to_owned(),
            (_, rest) => format!(
                "The pools refused {} and went on; {} could not be replayed, as no pool had a freed block.",
                count(refused),
                count(rest)
            ),
        });
    }
    notes
}

fn verdict(out: &mut String, outcome: &Outcome) {
    out.push_str("\nVerdict\n");
    let hz = outcome.meta.tick_hz;
    match (&outcome.pools, &outcome.misfit) {
        (Some(pools), _) => {
            let to_heap = outcome.layout.heap_fallback;
            contender_verdict(out, "pools", &pools.common, hz, |kind| pools_next_step(kind, to_heap));
        }
        (None, Some(misfit)) => misfit_verdict(out, misfit),
        (None, None) => {}
    }
    contender_verdict(out, "heap", &outcome.heap, hz, |_| None);
    if let Some(note) = &outcome.heap_note {
        paragraph(out, "  note   ", note);
    }
}

fn misfit_verdict(out: &mut String, misfit: &Misfit) {
    let Misfit { pool, placement, reason, needed_bytes, available_bytes, missing_bytes } = misfit;
    line(out, format_args!("  {BAD}pools  The pools do not fit the chip.{BAD:#}"));
    paragraph(out, INDENT, &format!("There is no room for `{pool}` in {placement}. {}", sentence(reason)));
    let (needed, available, missing) = (bytes(*needed_bytes), bytes(*available_bytes), bytes(*missing_bytes));
    paragraph(out, INDENT, &format!("Needed: {needed}; available: {available}; missing: about {missing}."));
    paragraph(
        out,
        INDENT,
        "Next step: give some pools fewer blocks (--emit-layout FILE, then --layout FILE), or a larger heap.",
    );
}

fn contender_verdict(
    out: &mut String,
    name: &str,
    contender: &ContenderOutcome,
    hz: u64,
    next_step: impl Fn(&'static str) -> Option<&'static str>,
) {
    match &contender.first_failure {
        None => line(out, format_args!("  {GOOD}{name:<6} Every allocation succeeded.{GOOD:#}")),
        Some(Failure { moment: at, size, kind, reason }) => {
            let failed = plural(contender.failed, "allocation");
            line(out, format_args!("  {BAD}{name:<6} {failed} failed.{BAD:#}"));
            let first = if contender.failed == 1 { "It" } else { "The first" };
            let (size, at) = (count(size), moment(at, hz));
            paragraph(out, INDENT, &format!("{first} was of {size} B, at {at}."));
            paragraph(out, INDENT, &sentence(reason));
            if let Some(next) = next_step(kind) {
                paragraph(out, INDENT, &format!("Next step: {next}."));
            }
        }
    }
    if let Some(defect) = &contender.first_defect {
        let (defects, at) = (plural(contender.defects, "defect"), moment(&defect.moment, hz));
        let found = format!("{BAD}{name:<6} {defects}{BAD:#}");
        line(out, format_args!("  {found} of the allocator itself. The first is at {at}: {}.", defect.what));
    }
}

/// A reason as a sentence.
fn sentence(reason: &str) -> String {
    let mut chars = reason.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).chain(['.']).collect()
}

/// What to change in a layout, by the kind of the failure, and whether the rest of the heap has failed as well.
fn pools_next_step(kind: &'static str, to_heap: bool) -> Option<&'static str> {
    match kind {
        "exhausted" | "fragmented" if to_heap => Some(
            "add a pool for requests of that size, or leave the heap more RAM by fewer blocks in other pools",
        ),
        "exhausted" => Some("give that pool more blocks, or set `spill` or `heap_fallback` in the layout"),
        "too_large" => Some("add a pool with larger blocks, or set `heap_fallback` in the layout"),
        _ => None,
    }
}

fn moment(moment: &Moment, hz: u64) -> String {
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
