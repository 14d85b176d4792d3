//! `cargo xtask budgets`: what the pools cost on the chips, counted under the emulator, against a committed table.
//!
//! Every instruction of a run is traced (`budgets.c` and `budgets.rs` in `firmware/`: every order of allocs and frees, at
//! every fill level), and the calls of the pools' functions are counted in it: from the first instruction to the return,
//! which is included. These are instructions of a model, not cycles of a chip with its flash cache.
//!
//! A number above the table's is an error. Each target has its own compilers in the table: numbers that other ones made are
//! shown, and not compared. Goals are shown beside the numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use object::{Object, ObjectSection, SectionKind};
use serde::{Deserialize, Serialize};

use crate::code;
use crate::process::sh;
use crate::qemu::{self, BUDGETS, MadeBy, TARGETS, Target, Trace, check_names, wants};
use crate::report::{Done, Report, in_parallel};

const TABLE: &str = "firmware/budgets.json";
const SCHEMA: &str = "microusc.budgets/2";

/// Numbers by their names.
pub(crate) type Row = BTreeMap<String, u64>;

/// The committed table.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    schema: String,
    /// By target, the programs that made its numbers: those that other programs made are not compared.
    pub(crate) made_by: BTreeMap<String, MadeBy>,
    /// By target and by what was measured: instructions, or bytes where the name says so.
    pub(crate) targets: BTreeMap<String, Rows>,
}

/// The numbers of a target, by what was measured.
pub(crate) type Rows = BTreeMap<String, Row>;

impl Numbers {
    /// Reads the committed table.
    pub(crate) fn committed() -> Result<Self> {
        let table: Self = serde_json::from_str(&sh().read_file(TABLE)?).context(TABLE)?;
        ensure!(table.schema == SCHEMA, "{TABLE} is {}, not {SCHEMA}", table.schema);
        Ok(table)
    }

    /// Why numbers that other programs made are not compared with those of a target, if so.
    fn incomparable(&self, target: &str, made_by: &MadeBy) -> Option<String> {
        let empty = MadeBy::new();
        let committed = self.made_by.get(target).unwrap_or(&empty);
        let version =
            |made_by: &MadeBy, name: &str| made_by.get(name).map_or("none", |version| version).to_owned();
        let names: BTreeSet<&String> = committed.keys().chain(made_by.keys()).collect();
        let differences: Vec<_> = names
            .into_iter()
            .filter(|name| committed.get(*name) != made_by.get(*name))
            .map(|name| format!("{name} {}, not {}", version(made_by, name), version(committed, name)))
            .collect();
        (!differences.is_empty()).then(|| differences.join(", "))
    }
}

/// `xtask/budgets.toml`, which says what each field means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    pair: Vec<Pair>,
    goal: Vec<Goal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    program: String,
    name: String,
    alloc: String,
    free: String,
    ram: String,
    #[serde(default)]
    is_constant: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Goal {
    targets: Vec<String>,
    name: String,
    what: String,
    of: Vec<String>,
    most: u64,
}

static DATA: LazyLock<Data> =
    LazyLock::new(|| toml::from_str(include_str!("../budgets.toml")).expect("budgets.toml"));

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Chip classes (firmware/targets.toml); all of them by default
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Print the numbers as JSON, and the report on standard error
    #[arg(long, value_name = "FORMAT", value_parser = ["json"])]
    format: Option<String>,
    /// Write the numbers into the committed table
    #[arg(long)]
    overwrite: bool,
}

/// Counts, prints, judges.
pub(crate) fn run(options: &Options) -> Result<()> {
    check_names("target", &options.targets, TARGETS.iter().map(|target| target.name.as_str()))?;
    let mut measured = Numbers { schema: SCHEMA.to_owned(), ..Numbers::default() };
    let json = options.format.is_some();
    let mut report = if json { Report::on_stderr() } else { Report::default() };
    count(options, &mut measured, &mut report);
    if json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    }
    if options.overwrite {
        let mut table = if sh().path_exists(TABLE) { Numbers::committed()? } else { Numbers::default() };
        table.schema = SCHEMA.to_owned();
        table.made_by.append(&mut measured.made_by);
        table.targets.append(&mut measured.targets);
        sh().write_file(TABLE, serde_json::to_string_pretty(&table)? + "\n")?;
    }
    report.finish()
}

/// The check, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    count(&Options::default(), &mut Numbers::default(), report);
}

/// A step for each target.
fn count(options: &Options, measured: &mut Numbers, report: &mut Report) {
    for target in TARGETS.iter().filter(|target| wants(&options.targets, &target.name)) {
        report.step(&format!("budgets on {}", target.name), || {
            qemu::need(target)?;
            let rows = on_target(target)?;
            if options.format.is_none() {
                print(&target.name, &rows);
            }
            let made_by = qemu::made_by(target)?;
            let done = if options.overwrite {
                Done::passed()
            } else {
                Numbers::committed().and_then(|table| compare(&table, &target.name, &made_by, &rows))
            };
            measured.made_by.insert(target.name.clone(), made_by);
            measured.targets.insert(target.name.clone(), rows);
            done
        });
    }
}

/// Judges the numbers of a target by the table, if the same compilers made them.
fn compare(table: &Numbers, target: &str, made_by: &MadeBy, rows: &Rows) -> Result<Done> {
    if let Some(why) = table.incomparable(target, made_by) {
        return Ok(Done::Skipped(format!("not compared with {TABLE}: {why}")));
    }
    let committed = table.targets.get(target).with_context(|| format!("{TABLE} has no {target}"))?;
    let worse = regressions(committed, rows);
    ensure!(worse.is_empty(), "more than in {TABLE}: {}", worse.join("; "));
    Ok(Done::Passed(format!("{} numbers", rows.values().map(Row::len).sum::<usize>())))
}

fn on_target(target: &Target) -> Result<Rows> {
    let archives = qemu::build(target)?;
    let linker = qemu::Linker::new(target, &archives)?;
    let results = in_parallel(&BUDGETS, |program| {
        let pairs = DATA.pair.iter().filter(|pair| pair.program == program.name);
        of_program(target, &linker.link(program)?, pairs)
    });
    let mut rows = Rows::new();
    for result in results {
        rows.extend(result?);
    }
    rows.insert("C functions, whole archive".to_owned(), size(&std::fs::read(&archives.memory)?)?);
    Ok(rows)
}

fn of_program<'p>(target: &Target, image: &Path, pairs: impl Iterator<Item = &'p Pair>) -> Result<Rows> {
    let file = image.with_extension("trace");
    let printed = qemu::traced(target, image, &file)?;
    let trace = Trace::read(&file, image, target)?;
    std::fs::remove_file(&file)?;
    let mut rows = Rows::new();
    for pair in pairs {
        let mut row = Row::new();
        for (what, function) in [("alloc", &pair.alloc), ("free", &pair.free)] {
            count_calls(&trace, function, |number, value| {
                row.insert(format!("{what}, {number}"), value);
            })?;
        }
        row.insert("bytes of RAM besides blocks and marks".to_owned(), ram(&printed, &pair.ram)?);
        rows.insert(pair.name.clone(), row);
    }
    Ok(rows)
}

/// From the call of each of these functions on, blocks are used for the first time, or again.
const MARKERS: [&str; 2] = ["budget_first", "budget_again"];

/// Counts all calls of a function.
fn count_calls(trace: &Trace<'_>, name: &str, mut number: impl FnMut(&str, u64)) -> Result<()> {
    let [first, again] = [trace.function(MARKERS[0])?.0, trace.function(MARKERS[1])?.0];
    let (mut first_use, mut least, mut most, mut masked) = (None, u64::MAX, 0, 0);
    for call in trace.calls(name)? {
        let marker = trace.run[..call.start].iter().rfind(|&&address| address == first || address == again);
        let marker = marker.with_context(|| format!("`{name}` is called before `{}`", MARKERS[0]))?;
        let count = call.len() as u64;
        if *marker == first {
            first_use = first_use.max(Some(count));
        } else {
            (least, most) = (least.min(count), most.max(count));
            masked = masked.max(count_masked(trace, &trace.run[call]));
        }
    }
    ensure!(most > 0, "`{name}` is not called");
    number("least", least);
    number("most", most);
    number("masked", masked);
    number("bytes of code", trace.function(name)?.1);
    first_use.into_iter().for_each(|count| number("first use", count));
    Ok(())
}

/// Instructions after the one that masks interrupts, up to the one that restores the mask, which is included.
fn count_masked(trace: &Trace<'_>, call: &[u32]) -> u64 {
    let Some(off) = call.iter().position(|address| trace.masks(*address)) else { return 0 };
    let on = call.iter().rposition(|address| trace.unmasks(*address));
    on.map_or(0, |on| on.saturating_sub(off) as u64)
}

/// Code and read-only data of our own object: what a program is linked with that calls every function.
fn size(archive: &[u8]) -> Result<Row> {
    let mut row = Row::from([("bytes of code".to_owned(), 0), ("bytes of data".to_owned(), 0)]);
    for object in code::our_members(archive)? {
        for section in object::File::parse(&*object)?.sections() {
            let what = match section.kind() {
                SectionKind::Text => "bytes of code",
                SectionKind::ReadOnlyData | SectionKind::ReadOnlyString => "bytes of data",
                _ => continue,
            };
            *row.entry(what.to_owned()).or_default() += section.size();
        }
    }
    Ok(row)
}

/// From the line `ram NAME BYTES`.
fn ram(printed: &str, name: &str) -> Result<u64> {
    let stated = printed.lines().find_map(|line| line.strip_prefix(&format!("ram {name} ")));
    stated.and_then(|bytes| bytes.parse().ok()).with_context(|| format!("no RAM of `{name}` in\n{printed}"))
}

/// Numbers that are higher than in the table, and numbers that it does not have.
fn regressions(committed: &Rows, measured: &Rows) -> Vec<String> {
    let mut worse = Vec::new();
    for (name, row) in measured {
        for (what, number) in row {
            match committed.get(name).and_then(|row| row.get(what)) {
                Some(before) if number <= before => {}
                Some(before) => worse.push(format!("{name}: {what} {number}, was {before}")),
                None => worse.push(format!("{name}: {what} is not in the table")),
            }
        }
    }
    worse
}

/// Why sizes and instructions of RISC-V code that the documentation states are not compared with what is built here, if so:
/// they are those of the compilers that made the table.
pub(crate) fn stated_by_others() -> Result<Option<String>> {
    let target = &TARGETS[0];
    Ok(Numbers::committed()?.incomparable(&target.name, &qemu::made_by(target)?))
}

/// The goals that a row meets, and by how much it misses others.
fn verdict(target: &str, name: &str, row: &Row) -> String {
    let number = |what: &str| row.get(what).copied().unwrap_or(u64::MAX);
    let is_for = |goal: &&Goal| goal.name == name && goal.targets.iter().any(|wanted| wanted == target);
    let mut verdicts: Vec<String> = DATA
        .goal
        .iter()
        .filter(is_for)
        .map(|Goal { what, of, most, .. }| {
            let sum = of.iter().map(|what| number(what)).fold(0, u64::saturating_add);
            match sum.checked_sub(*most) {
                None | Some(0) => format!("{what} {most} ok"),
                Some(over) => format!("{what} {most} MISSED by {over}"),
            }
        })
        .collect();
    let varies = |what: &str| number(&format!("{what}, least")) != number(&format!("{what}, most"));
    let is_constant = DATA.pair.iter().any(|pair| pair.name == name && pair.is_constant);
    if is_constant && (varies("alloc") || varies("free")) {
        verdicts.push("constant MISSED".to_owned());
    }
    verdicts.join(", ")
}

fn print(target: &str, rows: &Rows) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([target, "alloc", "free", "pair", "masked", "first use", "code B", "RAM B", "goals"]);
    for (name, row) in rows {
        let of = |what: &str| row.get(what).copied();
        let range = |what: &str| match (of(&format!("{what}, least")), of(&format!("{what}, most"))) {
            (Some(least), Some(most)) if least == most => least.to_string(),
            (Some(least), Some(most)) => format!("{least}-{most}"),
            _ => String::new(),
        };
        let both = |what: &str| Some((of(&format!("alloc, {what}"))?, of(&format!("free, {what}"))?));
        let sum = |what: &str| both(what).map_or(String::new(), |(alloc, free)| (alloc + free).to_string());
        let pair = |what: &str| both(what).map_or(String::new(), |(alloc, free)| format!("{alloc} + {free}"));
        let whole = of("bytes of code").map(|bytes| bytes.to_string());
        let ram = of("bytes of RAM besides blocks and marks").or(of("bytes of data"));
        table.add_row([
            name.clone(),
            range("alloc"),
            range("free"),
            sum("most"),
            pair("masked"),
            of("alloc, first use").map_or(String::new(), |first| first.to_string()),
            whole.unwrap_or_else(|| sum("bytes of code")),
            ram.map_or(String::new(), |bytes| bytes.to_string()),
            verdict(target, name, row),
        ]);
    }
    println!("{table}");
}

#[cfg(test)]
mod tests {
    use super::{MadeBy, Numbers, Row, Rows, compare, ram};
    use crate::report::Done;

    fn rows(alloc: u64) -> Rows {
        Rows::from([("Pool".to_owned(), Row::from([("alloc, most".to_owned(), alloc)]))])
    }

    fn made_by(rustc: &str, core: &str) -> MadeBy {
        [("rustc", rustc), ("core", core)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    /// The table has 30 for `chip`, by 1.96.0 with `core` from source.
    fn compared(target: &str, made_by: &MadeBy, rows: &Rows) -> String {
        let table = Numbers {
            made_by: [("chip".to_owned(), self::made_by("1.96.0", "from source"))].into(),
            targets: [("chip".to_owned(), self::rows(30))].into(),
            ..Numbers::default()
        };
        match compare(&table, target, made_by, rows) {
            Ok(Done::Passed(note)) => format!("passed: {note}"),
            Ok(Done::Partly(note)) => format!("partly: {note}"),
            Ok(Done::Skipped(why)) => format!("skipped: {why}"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_higher_number_is_a_regression_and_so_is_one_that_the_table_does_not_have() {
        let same = made_by("1.96.0", "from source");
        assert_eq!(compared("chip", &same, &rows(30)), "passed: 1 numbers");
        assert_eq!(compared("chip", &same, &rows(29)), "passed: 1 numbers");
        let worse = compared("chip", &same, &rows(31));
        assert_eq!(worse, "more than in firmware/budgets.json: Pool: alloc, most 31, was 30");
        let other = Rows::from([("Other".to_owned(), rows(1)["Pool"].clone())]);
        assert!(compared("chip", &same, &other).contains("Other: alloc, most is not in the table"));
    }

    #[test]
    fn numbers_of_other_compilers_are_not_compared_and_the_report_says_so() {
        for (others, why) in [
            (made_by("1.97.0", "from source"), "rustc 1.97.0, not 1.96.0"),
            (made_by("1.96.0", "came compiled"), "core came compiled, not from source"),
            (MadeBy::new(), "core none, not from source, rustc none, not 1.96.0"),
        ] {
            // Better or worse: neither is judged.
            for number in [1, 31] {
                let report = compared("chip", &others, &rows(number));
                assert_eq!(report, format!("skipped: not compared with firmware/budgets.json: {why}"));
            }
        }
        assert!(compared("new chip", &made_by("1.96.0", "from source"), &rows(1)).contains("skipped"));
    }

    #[test]
    fn ram_is_read_by_name() {
        let printed = "ram c 116\nram cc 5\n";
        assert_eq!(ram(printed, "cc").unwrap(), 5);
        assert!(ram(printed, "d").is_err());
    }
}
