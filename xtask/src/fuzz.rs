//! `cargo xtask fuzz`: every fuzz target for a while.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};
use xshell::{Shell, cmd};

use crate::report::{Done, Report};
use crate::tools;

/// How long each target runs as a part of `cargo xtask test`.
const SMOKE: Duration = Duration::from_secs(8);

/// Runs every target for `--seconds N`.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let mut time = SMOKE;
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("seconds") => time = Duration::from_secs(parser.value()?.parse()?),
            other => bail!("{}; `fuzz` knows `--seconds N` only", other.unexpected()),
        }
    }
    let mut report = Report::default();
    fuzz(sh, time, &mut report);
    report.finish()
}

/// A short run, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    fuzz(sh, SMOKE, report);
}

fn fuzz(sh: &Shell, time: Duration, report: &mut Report) {
    let (toolchain, targets) = match ready(sh).and_then(|ready| Ok((ready, targets(sh)?))) {
        Ok((Ok(toolchain), targets)) => (toolchain, targets),
        Ok((Err(why_not), _)) => return report.step("fuzz targets", || Ok(Done::Skipped(why_not))),
        Err(error) => return report.step("fuzz targets", || Err(error)),
    };
    report.step("fuzz targets build", || {
        cmd!(sh, "cargo {toolchain} fuzz build").run()?;
        Done::passed()
    });
    let seconds = time.as_secs().to_string();
    for target in targets {
        report.step(&format!("fuzz {target} for {seconds} s"), || {
            let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
            sh.create_dir(&corpus)?;
            let ran = cmd!(
                sh,
                "cargo {toolchain} fuzz run {target} {corpus} {seeds} -- -max_total_time={seconds} -verbosity=0 -close_fd_mask=3"
            )
            .ignore_status()
            .output()?;
            if !ran.status.success() {
                println!("{}", String::from_utf8_lossy(&ran.stderr));
                bail!("{target} found something; the input is in fuzz/artifacts/{target}");
            }
            Done::passed()
        });
    }
}

/// The names of the targets: a file each.
fn targets(sh: &Shell) -> Result<Vec<String>> {
    let files = sh.read_dir("fuzz/fuzz_targets")?;
    let names = files.iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    Ok(names.collect())
}

/// The toolchain that fuzz targets are built with, or why they cannot be. In CI what is missing is installed.
fn ready(sh: &Shell) -> Result<std::result::Result<String, String>> {
    if let Some(why_not) = missing(sh)? {
        return Ok(Err(why_not));
    }
    tools::rust_toolchain(sh, "nightly", "fuzzing")
}

/// Why Cargo cannot fuzz, if so. In CI its command for that is installed if it is not there.
pub(crate) fn missing(sh: &Shell) -> Result<Option<String>> {
    if cmd!(sh, "cargo fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        return Ok(None);
    }
    if !tools::in_ci() {
        return Ok(Some("cargo-fuzz is not installed: cargo install cargo-fuzz".into()));
    }
    // It only starts others, so it need not be fast, and is built in half the time.
    tools::persistently("cargo-fuzz", || {
        cmd!(sh, "cargo install --quiet --locked --debug cargo-fuzz").run().map_err(Into::into)
    })
    .context("cargo-fuzz could not be installed")?;
    Ok(None)
}
