//! `cargo xtask bench`: instruction counts, judged by budgets.

use std::ffi::OsString;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::report::{Done, Report};

/// Counts and prints; arguments go to the program that counts (`--format json`).
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    cmd!(sh, "cargo run --quiet --release --package microusc-bench -- {arguments...}").quiet().run()?;
    Ok(())
}

/// The check, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("instruction budgets", || {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Ok(Done::Skipped("instructions are counted on x86-64 Linux".into()));
        }
        run(sh, Vec::new())?;
        Done::passed()
    });
}
