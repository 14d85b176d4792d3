//! `cargo xtask peers`: our pools and others, timed side by side. Not a part of the tests: a clock has no verdict.

use std::ffi::OsString;

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::archive::target_dir;

/// Times and prints; arguments go to the program that measures (`--rounds N`, `--format json`).
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    cmd!(sh, "cargo run --quiet --release --manifest-path bench/peers/Cargo.toml -- {arguments...}")
        .env("CARGO_TARGET_DIR", target_dir(sh).join("peers"))
        .quiet()
        .run()?;
    Ok(())
}
