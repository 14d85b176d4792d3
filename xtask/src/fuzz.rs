//! `cargo xtask fuzz`: every fuzz target for a while.

use anyhow::{Result, bail};

use crate::process::{cmd, sh};
use crate::report::{Done, Report};
use crate::tools;

/// Seconds of each target as a part of `cargo xtask test`.
const SMOKE: u64 = 8;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = SMOKE)]
    seconds: u64,
}

/// Runs every target.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    fuzz(options.seconds, &mut report);
    report.finish()
}

/// A short run, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    fuzz(SMOKE, report);
}

fn fuzz(seconds: u64, report: &mut Report) {
    let (toolchain, targets) = match ready().and_then(|toolchain| Ok((toolchain, targets()?))) {
        Ok(ready) => ready,
        Err(error) => return report.step("fuzz targets", || Err(error)),
    };
    report.step("fuzz targets build", || {
        cmd!("cargo {toolchain} fuzz build").run()?;
        Done::passed()
    });
    let seconds = seconds.to_string();
    for target in targets {
        report.step(&format!("fuzz {target} for {seconds} s"), || {
            let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
            sh().create_dir(&corpus)?;
            let ran = cmd!("cargo {toolchain} fuzz run {target} {corpus} {seeds} -- -max_total_time={seconds} -verbosity=0 -close_fd_mask=3"
            )
            .ignore_status()
            .output()?;
            if !ran.status.success() {
                println!("{}", String::from_utf8_lossy(&ran.stderr));
                bail!("{target} failed; the input is in fuzz/artifacts/{target}");
            }
            Done::passed()
        });
    }
}

/// The names of the targets: a file each.
fn targets() -> Result<Vec<String>> {
    let files = sh().read_dir("fuzz/fuzz_targets")?;
    let names = files.iter().filter_map(|file| Some(file.file_stem()?.to_str()?.to_owned()));
    Ok(names.collect())
}

/// The toolchain that fuzz targets are built with. In CI it is installed, and Cargo's command for fuzzing.
fn ready() -> Result<String> {
    tools::need_cargo_command("fuzz")?;
    tools::rust_toolchain("nightly", "fuzzing")
}
