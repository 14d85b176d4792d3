//! `cargo xtask fuzz`: every fuzz target for a while.

use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, Parser, ValueExt};
use xshell::{Shell, cmd};

use crate::report::{Done, Report};

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
    let targets = match ready(sh).and_then(|why_not| Ok((why_not, targets(sh)?))) {
        Ok((None, targets)) => targets,
        Ok((Some(why_not), _)) => return report.step("fuzz targets", || Ok(Done::Skipped(why_not))),
        Err(error) => return report.step("fuzz targets", || Err(error)),
    };
    report.step("fuzz targets build", || {
        cmd!(sh, "cargo +nightly fuzz build").run()?;
        Done::passed()
    });
    let seconds = time.as_secs().to_string();
    for target in targets {
        report.step(&format!("fuzz {target} for {seconds} s"), || {
            let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
            sh.create_dir(&corpus)?;
            let ran = cmd!(
                sh,
                "cargo +nightly fuzz run {target} {corpus} {seeds} -- -max_total_time={seconds} -verbosity=0 -close_fd_mask=3"
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

/// What is missing for fuzzing, outside CI; in CI it is installed, or an error.
fn ready(sh: &Shell) -> Result<Option<String>> {
    let in_ci = std::env::var_os("CI").is_some();
    if cmd!(sh, "cargo +nightly --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
        let why_not = "fuzzing takes a nightly toolchain: rustup toolchain install nightly";
        return if in_ci { bail!(why_not) } else { Ok(Some(why_not.into())) };
    }
    if cmd!(sh, "cargo fuzz --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        return Ok(None);
    }
    if !in_ci {
        return Ok(Some("cargo-fuzz is not installed: cargo install cargo-fuzz".into()));
    }
    cmd!(sh, "cargo install --quiet --locked cargo-fuzz")
        .run()
        .context("cargo-fuzz could not be installed")?;
    Ok(None)
}
