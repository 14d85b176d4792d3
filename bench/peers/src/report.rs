//! The results as a table and as JSON.

use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use serde_json::json;

use crate::measure::{Kind, PATTERNS, Pattern, Series};

/// Whether the format of this name is JSON.
pub(crate) fn is_json(name: &str) -> Result<bool, String> {
    match name {
        "json" => Ok(true),
        "text" => Ok(false),
        other => Err(format!("no format `{other}`: text or json")),
    }
}

/// The figures of a series.
struct Figures {
    /// Million pairs a second in the best round.
    best: f64,
    /// The same in the median round.
    median: f64,
    /// The time of the best round, divided by ours.
    ratio_best: f64,
    /// The median over the rounds of the time, divided by ours of the same round.
    ratio_median: f64,
}

fn figures(series: &Series, ours: &Series) -> Figures {
    let least = |series: &Series| series.rounds.iter().copied().fold(f64::INFINITY, f64::min);
    let ratios = series.rounds.iter().zip(&ours.rounds).map(|(theirs, ours)| theirs / ours);
    Figures {
        best: 1000.0 / least(series),
        median: 1000.0 / median(series.rounds.clone()),
        ratio_best: least(series) / least(ours),
        ratio_median: median(ratios.collect()),
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Prints all series. The others are compared with the first series of their pattern.
pub(crate) fn print(all: &[Series], as_json: bool) {
    let of = |pattern: Pattern| all.iter().filter(move |series| series.pattern == pattern);
    let mut rows = Vec::new();
    for (pattern, title) in PATTERNS {
        let ours = of(pattern).next().expect("there is a candidate");
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([title, "Mpairs/s best", "median", "time / Pool's, best", "median", "disturbed"]);
        for series in of(pattern) {
            let Figures { best, median, ratio_best, ratio_median } = figures(series, ours);
            let disturbed = format!("{} of {}", series.disturbed, series.rounds.len());
            let numbers = [best, median].map(|number| format!("{number:.1}"));
            let ratios = [ratio_best, ratio_median].map(|number| format!("{number:.2}"));
            table.add_row([&[series.name.to_owned()][..], &numbers, &ratios, &[disturbed]].concat());
            rows.push(json!({
                "pattern": title,
                "name": series.name,
                "kind": kind(series.kind),
                "mpairs_per_second": { "best": best, "median": median },
                "time_over_pool": { "best": ratio_best, "median": ratio_median },
                "rounds": series.rounds.len(),
                "disturbed_rounds": series.disturbed,
            }));
        }
        if !as_json {
            println!("{table}");
        }
    }
    if as_json {
        println!("{:#}", json!({ "schema": "microusc.peers/1", "block_bytes": 32, "rows": rows }));
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Ours => "ours",
        Kind::Experiment => "experiment",
        Kind::Pool => "pool",
        Kind::Allocator => "allocator",
        Kind::Harness => "harness",
    }
}
