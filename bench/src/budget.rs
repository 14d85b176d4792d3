//! The budgets, and the table of what was measured.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::measured_pools::{CAbi, LockFree, MeasuredPool, Null, Shared, Unchecked, Unsynchronised};
use crate::patterns::{Cost, Range, costs, pair_with_loop};
use crate::sets;

/// How much the cost of one operation may vary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// Not at all, the first use of a block included.
    None,
    /// Not at all for blocks that were used before.
    FirstUse,
    /// Up to this number of instructions.
    UpTo(u64),
}

struct Row {
    name: &'static str,
    /// The most instructions of a pair with its loop.
    budget: Option<f64>,
    spread: Spread,
    pair: f64,
    costs: Vec<Cost>,
}

fn measure<S: MeasuredPool>(
    name: &'static str,
    budget: Option<f64>,
    spread: Spread,
    new: impl Fn() -> S,
) -> Row {
    Row { name, budget, spread, pair: pair_with_loop(&new), costs: costs(&new) }
}

impl Row {
    /// Over LIFO, FIFO and random order, and nearly full, in a pool whose blocks were used before.
    fn warm(&self, of: impl Fn(&Cost) -> Range) -> Range {
        self.costs[1..].iter().map(of).reduce(Range::join).expect("there are patterns")
    }

    /// `Err` says which budget is exceeded.
    fn check(&self) -> Result<(), String> {
        let Self { name, pair, .. } = self;
        if let Some(budget) = self.budget.filter(|budget| pair > budget) {
            return Err(format!("{name}: {pair} instructions a pair, budget {budget}"));
        }
        let first = self.costs[0];
        for (what, warm, first) in [
            ("alloc", self.warm(|cost| cost.alloc), first.alloc),
            ("free", self.warm(|cost| cost.free), first.free),
        ] {
            let (range, allowed) = match self.spread {
                Spread::None => (warm.join(first), warm.least),
                Spread::FirstUse => (warm, warm.least),
                Spread::UpTo(most) => (warm.join(first), most),
            };
            if range.most > allowed {
                return Err(format!("{name}: {what} takes {} to {} instructions", range.least, range.most));
            }
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let range = |range: Range| json!({ "least": range.least, "most": range.most });
        let patterns: Vec<_> = self
            .costs
            .iter()
            .map(|cost| json!({ "pattern": cost.pattern, "alloc": range(cost.alloc), "free": range(cost.free) }))
            .collect();
        json!({ "name": self.name, "pair_lifo_with_loop": self.pair, "budget": self.budget, "patterns": patterns })
    }
}

/// The C original, as published for the same harness: compiled by GCC with -O2; loop and calls included.
const C_ORIGINAL: (&str, f64) = ("the C original (published; no lock, no checks, no counter)", 30.0);

/// The most instructions of a pair for a pool with its lock and all checks. A set may take these for the class, and those
/// below, twice, for finding the class: by size and by address.
const POOL: f64 = 90.0;

/// A binary search: one comparison more than the number of halvings, 8 instructions each.
fn set_of(classes: u32) -> f64 {
    POOL + 2.0 * 8.0 * f64::from(classes.ilog2() + 1)
}

/// A loop: 12 instructions for each class up to the one that fits (by address: whether there is a pool, its base, its
/// length as a product, a comparison, the next class).
fn c_set_at(classes_looked_at: u32) -> f64 {
    POOL + 2.0 * 12.0 * f64::from(classes_looked_at)
}

/// Measures, prints, and compares with the budgets.
pub(crate) fn run(as_json: bool) -> ExitCode {
    // In a static pool, the first use of a block is a path of its own. The lock-free pool may read each of its words, 32
    // for 1000 blocks, and the first of them twice.
    let rows = [
        measure("harness without a pool", None, Spread::None, || Null),
        measure("typed pool, unsynchronised, unchecked", Some(26.0), Spread::FirstUse, Unchecked::new),
        measure("typed pool, unsynchronised", Some(30.0), Spread::FirstUse, Unsynchronised::new),
        measure("typed pool, shared, all checks", Some(POOL), Spread::FirstUse, Shared::new),
        measure("typed pool, lock-free", Some(70.0), Spread::UpTo(330), LockFree::new),
        measure("C ABI, default: lock and all checks", Some(POOL), Spread::None, CAbi::checked),
        measure("C ABI, unsynchronised, all checks", None, Spread::None, CAbi::unsynchronized),
        measure("set of 8 classes, smallest", Some(set_of(8)), Spread::FirstUse, || sets::Rust::of_class(0)),
        measure("set of 8 classes, largest", Some(set_of(8)), Spread::FirstUse, || sets::Rust::of_class(7)),
        measure("C set of 8 classes, smallest", Some(c_set_at(1)), Spread::None, || sets::C::of_class(0)),
        measure("C set of 8 classes, largest", Some(c_set_at(8)), Spread::None, || sets::C::of_class(7)),
    ];
    if as_json {
        let rows: Vec<_> = rows.iter().map(Row::json).collect();
        println!(
            "{:#}",
            json!({
                "schema": "microusc.bench/1",
                "target": "x86_64",
                "block_bytes": 32,
                "reference": { "name": C_ORIGINAL.0, "pair_lifo_with_loop": C_ORIGINAL.1 },
                "rows": rows,
            })
        );
    } else {
        print_table(&rows);
    }
    let exceeded: Vec<_> = rows.iter().filter_map(|row| row.check().err()).collect();
    for row in &exceeded {
        eprintln!("over budget: {row}");
    }
    if exceeded.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_table(rows: &[Row]) {
    let spread = |range: Range| match range {
        Range { least, most } if least == most => format!("{least}"),
        Range { least, most } => format!("{least}-{most}"),
    };
    println!("x86-64 instructions, blocks of 32 B, counted one by one; loop and calls included\n");
    println!(
        "{:<58} {:>11} {:>7} {:>7} {:>7} {:>11}",
        "", "LIFO pair", "budget", "alloc", "free", "first alloc"
    );
    println!("{:<58} {:>11}", C_ORIGINAL.0, C_ORIGINAL.1);
    for row in rows {
        let budget = row.budget.map_or(String::new(), |budget| budget.to_string());
        let (alloc, free) = (spread(row.warm(|cost| cost.alloc)), spread(row.warm(|cost| cost.free)));
        let first = spread(row.costs[0].alloc);
        println!("{:<58} {:>11} {budget:>7} {alloc:>7} {free:>7} {first:>11}", row.name, row.pair);
    }
    println!(
        "\nalloc, free: one operation, over LIFO, FIFO and random order of 1000 blocks, and in a full pool"
    );
    println!("first alloc: of a block that was never used before");
}
