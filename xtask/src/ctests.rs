//! `cargo xtask ctests`: the programs in `crates/capi/tests/c`, each in every mode.
//!
//! A program may ask for more flags in a comment of its own: `flags: -fno-exceptions`.

mod words;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::process::sh;
use anyhow::{Context, Result, ensure};

use crate::archive::{self, C_TESTS, Profile};
use crate::compile::{Compiler, execute};
use crate::report::{Done, Report, in_parallel};
use crate::tools;

/// A way to build and run every program.
struct Mode {
    name: &'static str,
    c: &'static str,
    c_standard: &'static str,
    cxx: &'static str,
    profile: Profile,
    flags: &'static [&'static str],
    wrapper: &'static [&'static str],
    needs: &'static [&'static str],
}

const PLAIN: Mode = Mode {
    name: "C99, C++17",
    c: "gcc",
    c_standard: "-std=c99",
    cxx: "g++",
    profile: Profile::Dev,
    flags: &["-O0"],
    wrapper: &[],
    needs: &["gcc", "g++"],
};

const MODES: &[Mode] = &[
    PLAIN,
    Mode {
        name: "C11 -O2, release archive",
        c_standard: "-std=c11",
        profile: Profile::Release,
        flags: &["-O2"],
        ..PLAIN
    },
    Mode {
        name: "AddressSanitizer, UBSan",
        c_standard: "-std=c11",
        flags: &["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
        ..PLAIN
    },
    Mode {
        name: "Valgrind memcheck",
        c_standard: "-std=c11",
        profile: Profile::Release,
        flags: &["-O1", "-g", "-DCHECK_FEWER_ROUNDS=5000"],
        wrapper: &[
            "valgrind",
            "--quiet",
            "--error-exitcode=9",
            "--leak-check=full",
            "--errors-for-leak-kinds=definite",
            "--fair-sched=try",
        ],
        needs: &["gcc", "g++", "valgrind"],
        ..PLAIN
    },
    Mode {
        name: "Clang, C11 -O2",
        c: "clang",
        cxx: "clang++",
        c_standard: "-std=c11",
        flags: &["-O2"],
        needs: &["clang", "g++"],
        ..PLAIN
    },
];

const WARNINGS: &[&str] = &["-Wall", "-Wextra", "-Werror", "-pedantic"];

#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Names of programs, as their files are called without the ending; all of them by default
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Compiles and runs the programs named, or all.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    steps(options, &mut report)?;
    report.finish()
}

/// The programs in every mode, for a report of several commands.
pub(crate) fn steps(options: &Options, report: &mut Report) -> Result<()> {
    let wanted = &options.names;
    let sources = sources(wanted)?;
    for mode in MODES {
        let what = format!("C tests: {}", mode.name);
        report.step(&what, || in_mode(mode, &sources));
    }
    if wanted.is_empty() || wanted.iter().any(|name| name == words::PROGRAM) {
        report.step("C tests: IRAM by words only", words::run);
    }
    Ok(())
}

fn sources(wanted: &[String]) -> Result<Vec<PathBuf>> {
    let is_wanted = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        wanted.is_empty() || wanted.iter().any(|name| *name == stem)
    };
    let mut sources = sh().read_dir(C_TESTS)?;
    sources.retain(|path| path.extension().is_some_and(|end| end == "c" || end == "cpp") && is_wanted(path));
    ensure!(!sources.is_empty(), "no C test is called {}", wanted.join(" or "));
    Ok(sources)
}

fn in_mode(mode: &Mode, sources: &[PathBuf]) -> Result<Done> {
    tools::need(mode.needs)?;
    let archive = archive::build(mode.profile)?;
    let dir = archive::work_dir("ctests")?.join(mode.name.replace(|c: char| !c.is_alphanumeric(), "_"));
    sh().create_dir(&dir)?;
    let include = archive::include_dir();
    let results = in_parallel(sources, |source| {
        let start = Instant::now();
        (one(mode, source, &include, &archive, &dir), start.elapsed())
    });
    let mut tests = 0;
    let mut failures = Vec::new();
    for (source, (result, time)) in sources.iter().zip(results) {
        match result {
            Ok(passed) => {
                tests += passed;
                line(source, passed, time);
            }
            Err(error) => failures.push(format!("{}: {error:#}", source.display())),
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(Done::Passed(format!("{} programs, {tests} tests", sources.len())))
}

fn line(source: &Path, passed: usize, time: Duration) {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    println!("  {name:<20} {passed:>3} tests ok in {:.2} s", time.as_secs_f64());
}

/// Builds and runs one program; the number of its tests.
fn one(mode: &Mode, source: &Path, include: &Path, archive: &Path, dir: &Path) -> Result<usize> {
    let compiler = if source.extension().is_some_and(|end| end == "cpp") {
        Compiler::new(mode.cxx, &["-std=c++17"])
    } else {
        Compiler::new(mode.c, &[mode.c_standard])
    };
    let compiler = compiler.with(WARNINGS.iter().chain(mode.flags).copied()).include(include);
    let program = dir.join(source.file_stem().context("a source without a name")?);
    compiler.with(flags_of(source)?).link(source, archive, &program)?;
    let printed = execute(mode.wrapper, &program, &[])?;
    tests_passed(&printed)
        .with_context(|| format!("{} did not print `N tests passed`:\n{printed}", program.display()))
}

/// The flags that a source asks for in a comment.
fn flags_of(source: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(source)?;
    let flags = text.lines().take(10).find_map(|line| line.split_once("flags:"));
    let flags = flags.map_or("", |(_, rest)| rest.trim_end().trim_end_matches("*/"));
    Ok(flags.split_whitespace().map(str::to_owned).collect())
}

/// What the runner of `check.h` prints last.
fn tests_passed(printed: &str) -> Option<usize> {
    printed.lines().last()?.strip_suffix(" tests passed")?.parse().ok()
}
