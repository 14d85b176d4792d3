//! `cargo xtask hotpath`: what the hot paths in the built archive may not contain, looked for in its instructions.

use anyhow::ensure;

use crate::archive::{self, Profile};
use crate::report::{Done, Report};
use crate::{code, tools};

/// The check, which prints what the hot paths consist of.
pub(crate) fn steps(report: &mut Report) {
    report.step("hot paths: no division, panic, memcpy or format", || {
        if !cfg!(target_arch = "x86_64") {
            return Ok(Done::Skipped("this machine's instructions are not x86-64".into()));
        }
        tools::need(&["llc-22"])?;
        let reached = code::hot_paths(&archive::build(Profile::Release)?)?;
        for (name, (bytes, _)) in &reached.functions {
            println!("{bytes:>6} B  {name}");
        }
        ensure!(reached.violations.is_empty(), "{}", reached.violations.join("; "));
        Ok(Done::Passed(format!("{} functions", reached.functions.len())))
    });
}
