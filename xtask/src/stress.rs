//! `cargo xtask stress`: two threads and a signal handler on one pool, under each sanitizer.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use lexopt::{Arg, Parser, ValueExt};
use xshell::{Shell, cmd};

use crate::archive::target_dir;
use crate::report::{Done, Report};
use crate::tools;

/// Operations of a full run.
const FULL: u64 = 50_000_000;
/// Operations as a part of `cargo xtask test`.
const SMOKE: u64 = 8_000_000;
/// Operations in which a planted flaw must show.
const FLAWED: u64 = 1_000_000;

/// The target that the sanitizers are for; naming it keeps them out of build scripts.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A sanitizer of the nightly compiler.
struct Sanitizer {
    name: &'static str,
    flags: &'static str,
    options: (&'static str, &'static str),
}

// The standard library comes without ThreadSanitizer's marks. The program shares nothing between its threads through
// it but their start and end, which ThreadSanitizer sees.
const THREAD: Sanitizer = Sanitizer {
    name: "thread",
    flags: "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer",
    options: ("TSAN_OPTIONS", "halt_on_error=1"),
};
const ADDRESS: Sanitizer = Sanitizer {
    name: "address",
    flags: "-Zsanitizer=address",
    options: ("ASAN_OPTIONS", "detect_stack_use_after_return=1"),
};

/// Runs `--ops N` under each sanitizer, 50 million without a word.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    let mut operations = FULL;
    let mut parser = Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("ops") => operations = parser.value()?.parse()?,
            other => bail!("{}; `stress` knows `--ops N` only", other.unexpected()),
        }
    }
    let mut report = Report::default();
    stress(sh, operations, &mut report);
    report.finish()
}

/// A short run, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    stress(sh, SMOKE, report);
}

fn stress(sh: &Shell, operations: u64, report: &mut Report) {
    for sanitizer in [&THREAD, &ADDRESS] {
        let Sanitizer { name, options, .. } = sanitizer;
        report.step(&format!("stress, {name} sanitizer, {operations} operations"), || {
            let toolchain = match toolchain(sh)? {
                Ok(toolchain) => toolchain,
                Err(why_not) => return Ok(Done::Skipped(why_not)),
            };
            let (program, operations) = (build(sh, &toolchain, sanitizer)?, operations.to_string());
            cmd!(sh, "{program} --ops {operations}").env(options.0, options.1).run()?;
            Done::passed()
        });
    }
    for flaw in ["lock", "order"] {
        report.step(&format!("stress, thread sanitizer finds flaw `{flaw}`"), || match toolchain(sh)? {
            Ok(toolchain) => finds(sh, &toolchain, flaw),
            Err(why_not) => Ok(Done::Skipped(why_not)),
        });
    }
}

/// ThreadSanitizer must report the flaw.
fn finds(sh: &Shell, toolchain: &str, flaw: &str) -> Result<Done> {
    let (program, operations) = (build(sh, toolchain, &THREAD)?, FLAWED.to_string());
    let ran = cmd!(sh, "{program} --ops {operations} --flaw {flaw}")
        .env(THREAD.options.0, THREAD.options.1)
        .ignore_status()
        .output()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ensure!(!ran.status.success() && said.contains("ThreadSanitizer: data race"), "no race reported: {said}");
    Done::passed()
}

/// Builds the program in a target directory of its own and returns its path.
fn build(sh: &Shell, toolchain: &str, sanitizer: &Sanitizer) -> Result<PathBuf> {
    let target = target_dir(sh).join(format!("sanitizer-{}", sanitizer.name));
    cmd!(sh, "cargo {toolchain} build --quiet --release --package microusc-stress --target {TARGET}")
        .env("RUSTFLAGS", sanitizer.flags)
        .env("CARGO_TARGET_DIR", &target)
        .run()?;
    Ok(target.join(TARGET).join("release/microusc-stress"))
}

/// The toolchain with the sanitizers, or why there is none.
pub(crate) fn toolchain(sh: &Shell) -> Result<std::result::Result<String, String>> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Ok(Err(format!("the sanitizers run on {TARGET}")));
    }
    tools::rust_toolchain(sh, "nightly", "a sanitizer")
}
