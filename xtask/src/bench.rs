//! `cargo xtask bench` and `cargo xtask peers`: the programs in `bench/` that count and that time.

use std::ffi::OsString;

use anyhow::Result;

use crate::archive::target_dir;
use crate::process::cmd;
use crate::report::{Done, Report};

/// Counts instructions and prints them.
pub(crate) fn run(options: &[OsString]) -> Result<()> {
    cmd!("cargo run --quiet --release --package microusc-bench -- {options...}").quiet().run()?;
    Ok(())
}

/// Times our pools and other ones, and prints a table.
pub(crate) fn peers(options: &[OsString]) -> Result<()> {
    cmd!("cargo run --quiet --release --manifest-path bench/peers/Cargo.toml -- {options...}")
        .env("CARGO_TARGET_DIR", target_dir().join("peers"))
        .quiet()
        .run()?;
    Ok(())
}

/// The counts, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("instruction budgets", || {
        if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
            return Ok(Done::Skipped("instructions are counted on x86-64 Linux".into()));
        }
        run(&[])?;
        Done::passed()
    });
}
