//! `cargo xtask qemu`: the programs in `firmware/` on every chip class, under an emulator.
//!
//! ```text
//!   toolchain   the two archives: libmicrousc_memory.a and the Rust programs             once a target
//!   link        runtime/<architecture> + a C program, or a function of the Rust ones     once a program
//!   run         QEMU; what it printed and how it ended, against the file beside the program
//! ```

mod installed;
mod link;
mod lint;
mod points;
mod programs;
mod relaxed;
mod run;
mod targets;
mod toolchain;
mod trace;
mod xtensa;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt};
use xshell::Shell;

use crate::header;
use crate::report::{Done, Report, in_parallel};
use crate::tools::{self, GCC, READELF};
use programs::PROGRAMS;

pub(crate) use installed::by_rustup;
pub(crate) use link::Linker;
pub(crate) use programs::{BUDGETS, ON_FREERTOS, Program, Source};
pub(crate) use relaxed::check as check_relaxed;
pub(crate) use run::{check, passed, traced};
pub(crate) use targets::{FREERTOS, TARGETS, Target, WINDOWED};
pub(crate) use toolchain::{MadeBy, UNWIND_TABLES, cargo, clippy, debian_missing};
pub(crate) use trace::Trace;
pub(crate) use xtensa::windowed_image;

/// What was asked for on the command line.
#[derive(Default)]
struct Options {
    /// Targets by name; empty: all.
    targets: Vec<String>,
    /// Programs by name; empty: all.
    programs: Vec<String>,
    /// Write down what is printed, instead of comparing it.
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
                Arg::Value(name) => options.programs.push(name.parse()?),
                other => bail!(
                    "{}; `qemu` knows `--target NAME`, `--overwrite` and names of programs",
                    other.unexpected()
                ),
            }
        }
        check_names(&options.targets)?;
        for name in &options.programs {
            let known: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
            ensure!(known.contains(&name.as_str()), "no program `{name}`; there are {}", known.join(", "));
        }
        Ok(options)
    }
}

/// Whether all of them are targets.
pub(crate) fn check_names(targets: &[String]) -> Result<()> {
    let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    let unknown = targets.iter().find(|name| !known.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| bail!("no target `{name}`; there are {}", known.join(", ")))
}

/// Whether `name` is in a list, of which an empty one means everything.
pub(crate) fn wants(list: &[String], name: &str) -> bool {
    list.is_empty() || list.iter().any(|wanted| wanted == name)
}

/// Why a target cannot be built or run here, if so. In CI what is missing is installed.
pub(crate) fn missing(sh: &Shell, target: &Target) -> Result<Option<String>> {
    for tool in target.tools.iter().chain(&[GCC, READELF]) {
        if let Some(why) = tools::missing(sh, *tool)? {
            return Ok(Some(why));
        }
    }
    (target.toolchain.missing)(sh, target)
}

/// The archive of the C ABI, or, for Xtensa, the object.
pub(crate) fn memory_alone(sh: &Shell, target: &Target) -> Result<PathBuf> {
    (target.toolchain.memory)(sh, target)
}

/// Builds and runs what the arguments ask for, or everything.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let mut report = Report::default();
    let options = Options::parse(arguments)?;
    if options.targets.is_empty() && options.programs.is_empty() {
        lint::steps(sh, &mut report);
        installed::steps(sh, &mut report);
    }
    on_targets(sh, &options, &mut report);
    report.finish()
}

/// Everything, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    lint::steps(sh, report);
    on_targets(sh, &Options::default(), report);
    installed::steps(sh, report);
}

fn on_targets(sh: &Shell, options: &Options, report: &mut Report) {
    for target in TARGETS.iter().filter(|target| wants(&options.targets, target.name)) {
        let what = format!("emulated {} ({})", target.name, target.chips);
        report.step(&what, || on_target(sh, target, options));
    }
}

fn on_target(sh: &Shell, target: &Target, options: &Options) -> Result<Done> {
    if let Some(why) = missing(sh, target)? {
        return Ok(Done::Skipped(why));
    }
    let archives = (target.toolchain.build)(sh, target)?;
    header::against_archive(sh, &archives.memory, "microusc_bare_")?;
    let programs: Vec<&Program> = PROGRAMS
        .iter()
        .filter(|program| program.runs_on(target) && wants(&options.programs, program.name))
        .collect();
    let linker = Linker::new(sh, target, &archives)?;
    let results = in_parallel(&programs, |program| {
        let image = linker.link(program)?;
        let run = run::check(target, program, &image, options.overwrite)?;
        let note = if program.everywhere {
            points::check(&linker, program, &image, &run.printed)?
        } else {
            let measured = run.printed.lines().filter(|line| line.starts_with(run::MEASURED));
            measured.map(|line| format!("\n    {line}")).collect()
        };
        anyhow::Ok((run.time, note))
    });
    let mut failures = Vec::new();
    for (program, result) in programs.iter().zip(results) {
        match result {
            Ok((time, note)) => println!("  {:<24} ok in {:.2} s  {note}", program.name, time.as_secs_f64()),
            Err(error) => failures.push(format!("{} on {}: {error:#}", program.name, target.name)),
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(Done::Passed(format!("{} programs", programs.len())))
}
