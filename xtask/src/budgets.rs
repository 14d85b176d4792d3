//! `cargo xtask budgets`: what the pools cost on the chips, counted under the emulator, against a committed table.
//!
//! Every instruction of a run is traced (`budgets.c` and `budgets.rs` in `firmware/`: every order of taking and
//! returning, at every fill level), and the calls of the pools' functions are counted in it: from the first instruction
//! to the return, which is included. These are instructions of a model, not cycles of a chip with its flash cache.
//!
//! A number above the table's is an error. Goals are shown beside the numbers.

mod calls;
mod goals;
mod size;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use lexopt::{Arg, Parser, ValueExt};
use serde::{Deserialize, Serialize};
use xshell::Shell;

use crate::qemu::{self, BUDGETS, TARGETS, Target, Trace};
use crate::report::{Done, Report, in_parallel};
use calls::Calls;

const TABLE: &str = "firmware/budgets.json";
const SCHEMA: &str = "microusc.budgets/1";

/// Numbers by their names.
pub(crate) type Row = BTreeMap<String, u64>;

/// What is committed.
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    schema: String,
    /// The compiler: another one's numbers are not compared.
    pub(crate) rustc: String,
    /// Target, then what was measured, then numbers: instructions, or bytes where they say so.
    pub(crate) targets: BTreeMap<String, BTreeMap<String, Row>>,
}

impl Numbers {
    /// Those of the committed table.
    pub(crate) fn committed(sh: &Shell) -> Result<Self> {
        Ok(serde_json::from_str(&sh.read_file(TABLE)?)?)
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
        subject("RawPool, unchecked", "budget_raw_alloc", "budget_raw_free", "raw"),
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
    match count(sh, &Options::parse(arguments)?)? {
        Done::Passed(_) => Ok(()),
        Done::Skipped(why) => {
            println!("not compared with {TABLE}: {why}");
            Ok(())
        }
    }
}

/// The check, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("budgets on the chips", || count(sh, &Options::default()));
}

fn count(sh: &Shell, options: &Options) -> Result<Done> {
    let mut measured = Numbers { schema: SCHEMA.to_owned(), ..Numbers::default() };
    let mut left_out = Vec::new();
    for target in TARGETS.iter().filter(|target| qemu::wants(&options.targets, target.name)) {
        if let Some(why) = qemu::missing(sh, target)? {
            left_out.push(why);
            continue;
        }
        measured.rustc = (target.toolchain.version)(target)?;
        let rows = on_target(sh, target).with_context(|| format!("on {}", target.name))?;
        measured.targets.insert(target.name.to_owned(), rows);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&measured)?);
    } else {
        print(&measured);
    }
    let mut committed: Numbers = match sh.read_file(TABLE) {
        Ok(text) => serde_json::from_str(&text)?,
        Err(_) if options.overwrite => Numbers::default(),
        Err(error) => return Err(error.into()),
    };
    if options.overwrite {
        committed.schema = SCHEMA.to_owned();
        committed.rustc = measured.rustc;
        committed.targets.append(&mut measured.targets);
        sh.write_file(TABLE, serde_json::to_string_pretty(&committed)? + "\n")?;
        return Done::passed();
    }
    if let Some(why) = left_out.into_iter().next() {
        return Ok(Done::Skipped(why));
    }
    if committed.rustc != measured.rustc {
        let why = format!("{TABLE} was counted with rustc {}, not {}", committed.rustc, measured.rustc);
        return Ok(Done::Skipped(why));
    }
    let worse = regressions(&committed, &measured);
    ensure!(worse.is_empty(), "more than in {TABLE}:\n{}", worse.join("\n"));
    Ok(Done::Passed(format!("{} targets", measured.targets.len())))
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
fn regressions(committed: &Numbers, measured: &Numbers) -> Vec<String> {
    let mut worse = Vec::new();
    for (target, rows) in &measured.targets {
        for (name, row) in rows {
            for (what, number) in row {
                let before = committed.targets.get(target).and_then(|rows| rows.get(name)?.get(what));
                match before {
                    Some(before) if number <= before => {}
                    Some(before) => worse.push(format!("{target}, {name}: {what} {number}, was {before}")),
                    None => worse.push(format!("{target}, {name}: {what} is not in the table")),
                }
            }
        }
    }
    worse
}

fn print(measured: &Numbers) {
    for (target, rows) in &measured.targets {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            target.as_str(),
            "alloc",
            "free",
            "pair",
            "masked",
            "first use",
            "code B",
            "RAM B",
            "goals",
        ]);
        for (name, row) in rows {
            let of = |what: &str| row.get(what).copied();
            let range = |what: &str| match (of(&format!("{what}, least")), of(&format!("{what}, most"))) {
                (Some(least), Some(most)) if least == most => least.to_string(),
                (Some(least), Some(most)) => format!("{least}-{most}"),
                _ => String::new(),
            };
            let both = |what: &str| Some((of(&format!("alloc, {what}"))?, of(&format!("free, {what}"))?));
            let sum =
                |what: &str| both(what).map_or(String::new(), |(alloc, free)| (alloc + free).to_string());
            let pair =
                |what: &str| both(what).map_or(String::new(), |(alloc, free)| format!("{alloc} + {free}"));
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
}

#[cfg(test)]
mod tests {
    use super::{Numbers, Row, ram, regressions};

    fn numbers(alloc: u64) -> Numbers {
        let row = Row::from([("alloc, most".to_owned(), alloc)]);
        let rows = [("Pool".to_owned(), row)].into();
        Numbers { targets: [("chip".to_owned(), rows)].into(), ..Numbers::default() }
    }

    #[test]
    fn more_is_a_regression_and_so_is_what_the_table_does_not_have() {
        assert!(regressions(&numbers(30), &numbers(30)).is_empty());
        assert!(regressions(&numbers(30), &numbers(29)).is_empty());
        assert_eq!(regressions(&numbers(30), &numbers(31)), ["chip, Pool: alloc, most 31, was 30"]);
        assert_eq!(regressions(&Numbers::default(), &numbers(1)).len(), 1);
    }

    #[test]
    fn ram_is_read_by_name() {
        let printed = "ram c 116\nram cc 5\n";
        assert_eq!(ram(printed, "cc").unwrap(), 5);
        assert!(ram(printed, "d").is_err());
    }
}
