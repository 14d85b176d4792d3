//! `cargo xtask budgets`: what the pools cost on the chips, counted under the emulator, against a committed table.
//!
//! Every instruction of a run is traced (`budgets.c` and `budgets.rs` in `firmware/`: every order of taking and
//! returning, at every fill level), and the calls of the pools' functions are counted in it: from the first instruction
//! to the return, which is included. These are instructions of a model, not cycles of a chip with its flash cache.
//!
//! A number above the table's is an error. Each target has its own compilers in the table: numbers that others made are shown,
//! and not compared. Goals are shown beside the numbers.

mod calls;
mod goals;
mod size;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use lexopt::{Arg, Parser, ValueExt};
use serde::{Deserialize, Serialize};
use xshell::Shell;

use crate::qemu::{self, BUDGETS, MadeBy, TARGETS, Target, Trace};
use crate::report::{Done, Report, in_parallel};
use calls::Calls;

const TABLE: &str = "firmware/budgets.json";
const SCHEMA: &str = "microusc.budgets/2";

/// Numbers by their names.
pub(crate) type Row = BTreeMap<String, u64>;

/// What is committed.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    schema: String,
    /// Target, then what made its numbers: those that anything else made are not compared.
    pub(crate) made_by: BTreeMap<String, MadeBy>,
    /// Target, then what was measured, then numbers: instructions, or bytes where they say so.
    pub(crate) targets: BTreeMap<String, Rows>,
}

/// What was measured on a target, and its numbers.
pub(crate) type Rows = BTreeMap<String, Row>;

impl Numbers {
    /// Those of the committed table.
    pub(crate) fn committed(sh: &Shell) -> Result<Self> {
        let table: Self = serde_json::from_str(&sh.read_file(TABLE)?).context(TABLE)?;
        ensure!(table.schema == SCHEMA, "{TABLE} is {}, not {SCHEMA}", table.schema);
        Ok(table)
    }

    /// Why numbers that others made are not compared with those of a target, if so.
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

/// A pair of functions that is measured.
struct Subject {
    name: &'static str,
    alloc: &'static str,
    free: &'static str,
    /// What the program calls it where it prints RAM.
    ram: &'static str,
}

const fn subject(name: &'static str, alloc: &'static str, free: &'static str, ram: &'static str) -> Subject {
    Subject { name, alloc, free, ram }
}

/// By the programs of [`BUDGETS`].
const SUBJECTS: [&[Subject]; 2] = [
    &[
        subject("C functions", "memory_pool_alloc", "memory_pool_free", "c"),
        subject(
            "C functions, unsynchronised",
            "memory_pool_alloc_unsynchronized",
            "memory_pool_free_unsynchronized",
            "c",
        ),
    ],
    &[
        subject("Pool, masked", "budget_locked_alloc", "budget_locked_free", "locked"),
        subject("Pool, unsynchronised, unchecked", "budget_plain_alloc", "budget_plain_free", "plain"),
        subject("FreeList, unchecked", "budget_raw_alloc", "budget_raw_free", "raw"),
        subject("AtomicPool", "budget_lock_free_alloc", "budget_lock_free_free", "lock_free"),
        subject(
            "AtomicPool, addresses",
            "budget_raw_lock_free_alloc",
            "budget_raw_lock_free_free",
            "raw_lock_free",
        ),
    ],
];

#[derive(Default)]
struct Options {
    targets: Vec<String>,
    json: bool,
    overwrite: bool,
}

impl Options {
    fn parse(arguments: Vec<OsString>) -> Result<Self> {
        let mut parser = Parser::from_args(arguments);
        let mut options = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("target") => options.targets.push(parser.value()?.parse()?),
                Arg::Long("overwrite") => options.overwrite = true,
                Arg::Long("format") => match parser.value()?.parse::<String>()?.as_str() {
                    "json" => options.json = true,
                    other => bail!("`--format {other}`: there is `json` only"),
                },
                other => bail!(
                    "{}; `budgets` knows `--target NAME`, `--format json` and `--overwrite`",
                    other.unexpected()
                ),
            }
        }
        qemu::check_names(&options.targets)?;
        Ok(options)
    }
}

/// Counts, prints, judges.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let options = Options::parse(arguments)?;
    let mut report = Report::default();
    let mut measured = Numbers { schema: SCHEMA.to_owned(), ..Numbers::default() };
    if options.json {
        report = Report::on_stderr();
    }
    count(sh, &options, &mut measured, &mut report);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    }
    if options.overwrite {
        let mut table = if sh.path_exists(TABLE) { Numbers::committed(sh)? } else { Numbers::default() };
        table.schema = SCHEMA.to_owned();
        table.made_by.append(&mut measured.made_by);
        table.targets.append(&mut measured.targets);
        sh.write_file(TABLE, serde_json::to_string_pretty(&table)? + "\n")?;
    }
    report.finish()
}

/// The check, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    count(sh, &Options::default(), &mut Numbers::default(), report);
}

/// A step for each target.
fn count(sh: &Shell, options: &Options, measured: &mut Numbers, report: &mut Report) {
    for target in TARGETS.iter().filter(|target| qemu::wants(&options.targets, target.name)) {
        report.step(&format!("budgets on {}", target.name), || {
            if let Some(why) = qemu::missing(sh, target)? {
                return Ok(Done::Skipped(why));
            }
            let rows = on_target(sh, target)?;
            if !options.json {
                print(target.name, &rows);
            }
            let made_by = (target.toolchain.made_by)(target)?;
            let done = if options.overwrite {
                Done::passed()
            } else {
                Numbers::committed(sh).and_then(|table| compare(&table, target.name, &made_by, &rows))
            };
            measured.made_by.insert(target.name.to_owned(), made_by);
            measured.targets.insert(target.name.to_owned(), rows);
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

fn on_target(sh: &Shell, target: &Target) -> Result<BTreeMap<String, Row>> {
    let archives = (target.toolchain.build)(sh, target)?;
    let linker = qemu::Linker::new(sh, target, &archives)?;
    let programs: Vec<_> = BUDGETS.iter().zip(SUBJECTS).collect();
    let results = in_parallel(&programs, |(program, subjects)| {
        let image = linker.link(program)?;
        of_program(target, program, &image, subjects)
    });
    let mut rows = BTreeMap::new();
    for result in results {
        rows.extend(result?);
    }
    rows.insert("C functions, whole archive".to_owned(), size::archive(&std::fs::read(&archives.memory)?)?);
    Ok(rows)
}

fn of_program(
    target: &Target,
    program: &qemu::Program,
    image: &Path,
    subjects: &[Subject],
) -> Result<BTreeMap<String, Row>> {
    let file = image.with_extension("trace");
    let printed = qemu::traced(target, program, image, &file)?;
    let trace = Trace::read(&file, image, target)?;
    std::fs::remove_file(&file)?;
    let mut rows = BTreeMap::new();
    for subject in subjects {
        let mut row = Row::new();
        for (what, function) in [("alloc", subject.alloc), ("free", subject.free)] {
            let Calls { first, again, masked, bytes } = calls::count(&trace, function)?;
            row.insert(format!("{what}, least"), again.0);
            row.insert(format!("{what}, most"), again.1);
            row.insert(format!("{what}, masked"), masked);
            row.insert(format!("{what}, bytes of code"), bytes);
            if let Some(first) = first {
                row.insert(format!("{what}, first use"), first);
            }
        }
        row.insert("bytes of RAM besides blocks and marks".to_owned(), ram(&printed, subject.ram)?);
        rows.insert(subject.name.to_owned(), row);
    }
    Ok(rows)
}

/// From the line `ram NAME BYTES`.
fn ram(printed: &str, name: &str) -> Result<u64> {
    let said = printed.lines().find_map(|line| line.strip_prefix(&format!("ram {name} ")));
    said.and_then(|bytes| bytes.parse().ok()).with_context(|| format!("no RAM of `{name}` in\n{printed}"))
}

/// What is more than it was, and what is gone.
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
/// what is stated is of the compilers that made the table.
pub(crate) fn stated_by_others(sh: &Shell) -> Result<Option<String>> {
    let target = &TARGETS[0];
    Ok(Numbers::committed(sh)?.incomparable(target.name, &(target.toolchain.made_by)(target)?))
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
            goals::verdict(target, name, row),
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
    fn more_is_a_regression_and_so_is_what_the_table_does_not_have() {
        let same = made_by("1.96.0", "from source");
        assert_eq!(compared("chip", &same, &rows(30)), "passed: 1 numbers");
        assert_eq!(compared("chip", &same, &rows(29)), "passed: 1 numbers");
        let worse = compared("chip", &same, &rows(31));
        assert_eq!(worse, "more than in firmware/budgets.json: Pool: alloc, most 31, was 30");
        let other = Rows::from([("Other".to_owned(), rows(1)["Pool"].clone())]);
        assert!(compared("chip", &same, &other).contains("Other: alloc, most is not in the table"));
    }

    #[test]
    fn numbers_that_others_made_are_not_compared_and_the_report_says_so() {
        for (others, why) in [
            (made_by("1.97.0", "from source"), "rustc 1.97.0, not 1.96.0"),
            (made_by("1.96.0", "came compiled"), "core came compiled, not from source"),
            (MadeBy::new(), "core none, not from source, rustc none, not 1.96.0"),
        ] {
            // Better or worse: neither says anything.
            for number in [1, 31] {
                let said = compared("chip", &others, &rows(number));
                assert_eq!(said, format!("skipped: not compared with firmware/budgets.json: {why}"));
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
