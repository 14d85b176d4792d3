//! `cargo xtask stress`: two threads and a signal handler on one pool, under each sanitizer.

use std::path::PathBuf;

use crate::process::cmd;
use anyhow::{Result, ensure};

use crate::archive::target_dir;
use crate::report::{Done, Report, Skip};
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

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Operations under each sanitizer
    #[arg(long, value_name = "N", default_value_t = FULL)]
    ops: u64,
}

/// Runs the program under each sanitizer.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut report = Report::default();
    stress(options.ops, &mut report);
    report.finish()
}

/// A short run, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    stress(SMOKE, report);
}

fn stress(operations: u64, report: &mut Report) {
    for sanitizer in [&THREAD, &ADDRESS] {
        let Sanitizer { name, options, .. } = sanitizer;
        report.step(&format!("stress, {name} sanitizer, {operations} operations"), || {
            let (program, operations) = (build(&toolchain()?, sanitizer)?, operations.to_string());
            cmd!("{program} --ops {operations}").env(options.0, options.1).run()?;
            Done::passed()
        });
    }
    for flaw in ["lock", "order"] {
        report.step(&format!("stress, thread sanitizer finds flaw `{flaw}`"), || finds(flaw));
    }
}

/// ThreadSanitizer must report the flaw.
fn finds(flaw: &str) -> Result<Done> {
    let (program, operations) = (build(&toolchain()?, &THREAD)?, FLAWED.to_string());
    let ran = cmd!("{program} --ops {operations} --flaw {flaw}")
        .env(THREAD.options.0, THREAD.options.1)
        .ignore_status()
        .output()?;
    let errors = String::from_utf8_lossy(&ran.stderr);
    ensure!(
        !ran.status.success() && errors.contains("ThreadSanitizer: data race"),
        "no race reported: {errors}"
    );
    Done::passed()
}

/// Builds the program in a target directory of its own and returns its path.
fn build(toolchain: &str, sanitizer: &Sanitizer) -> Result<PathBuf> {
    let target = target_dir().join(format!("sanitizer-{}", sanitizer.name));
    cmd!("cargo {toolchain} build --quiet --release --package microusc-stress --target {TARGET}")
        .env("RUSTFLAGS", sanitizer.flags)
        .env("CARGO_TARGET_DIR", &target)
        .run()?;
    Ok(target.join(TARGET).join("release/microusc-stress"))
}

/// The toolchain with the sanitizers.
pub(crate) fn toolchain() -> Result<String> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Err(Skip::because(format!("the sanitizers run on {TARGET}")));
    }
    tools::rust_toolchain("nightly", "a sanitizer")
}
