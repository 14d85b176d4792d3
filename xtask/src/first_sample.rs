//! The first Rust program of the README, as it stands there, compiled for chips: it compiles, or the compiler's message says
//! which feature to enable and which lock to name.
//!
//! What a user tries first is what a library is judged by, and a `static` pool depends on the lock of the target.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::archive::{self, target_dir};
use crate::qemu::{self, TARGETS, Target};
use crate::report::{Done, Report};

/// What a message must name where the compiler cannot know the lock.
const CHOICES: [&str; 4] =
    ["critical-section", "unsafe-assume-single-core", "InterruptLock", "CriticalSection"];

/// A target, with a feature of the pool or "", and whether the program compiles.
const CASES: [(&str, &str, bool); 8] = [
    ("riscv32imac-unknown-none-elf", "", true),
    ("thumbv7m-none-eabi", "", true),
    ("riscv32imc-unknown-none-elf", "", false),
    ("riscv32imc-unknown-none-elf", "unsafe-assume-single-core", true),
    ("riscv32imc-unknown-none-elf", "critical-section", true),
    ("thumbv6m-none-eabi", "", false),
    ("thumbv6m-none-eabi", "unsafe-assume-single-core", true),
    ("thumbv6m-none-eabi", "critical-section", true),
];

/// Only this.
pub(crate) fn run(sh: &Shell, arguments: Vec<OsString>) -> Result<()> {
    ensure!(arguments.is_empty(), "`first-sample` takes no arguments");
    let mut report = Report::default();
    step(sh, &mut report);
    report.finish()
}

/// The check, for a report of several commands.
pub(crate) fn step(sh: &Shell, report: &mut Report) {
    report.step("the README's first Rust program, for chips", || check(sh));
}

fn check(sh: &Shell) -> Result<Done> {
    let package = package(sh)?;
    for (rust, feature, compiles) in CASES {
        let target = Target { rust, ..TARGETS[0] };
        if let Some(why) = (target.toolchain.missing)(sh, &target)? {
            return Ok(Done::Skipped(why));
        }
        let said = compile(sh, &package, &target, feature)?;
        let what = format!("for {rust} with the features \"{feature}\"");
        match (said, compiles) {
            (None, true) => {}
            (Some(message), true) => anyhow::bail!("it does not compile {what}:\n{message}"),
            (None, false) => {
                anyhow::bail!("it compiles {what}, though a chip may have two cores and no atomics")
            }
            (Some(message), false) => {
                let missing: Vec<_> = CHOICES.iter().filter(|choice| !message.contains(**choice)).collect();
                ensure!(missing.is_empty(), "the message {what} does not name {missing:?}:\n{message}");
            }
        }
    }
    Ok(Done::Passed(format!("{} times", CASES.len())))
}

/// What the compiler says; `None` if it has nothing against it.
fn compile(sh: &Shell, package: &Path, target: &Target, feature: &str) -> Result<Option<String>> {
    let mut cargo = qemu::cargo(target);
    cargo.args(["check", "--quiet", "--target", target.rust, "--features", feature]);
    cargo.arg("--target-dir").arg(target_dir(sh).join("firmware")).current_dir(package);
    let output = cargo.output()?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(message))
}

/// A package of the program alone.
fn package(sh: &Shell) -> Result<PathBuf> {
    let readme = sh.read_file("README.md")?;
    let program = first_program(&readme).context("README.md has no Rust")?;
    ensure!(program.contains("static"), "the first Rust program of README.md has no static pool");
    let pool = sh.current_dir().join("crates/pool");
    let package = archive::work_dir(sh, "first-sample")?;
    let features = CASES.map(|(_, feature, _)| feature).into_iter().filter(|feature| !feature.is_empty());
    let features: String = std::collections::BTreeSet::from_iter(features)
        .into_iter()
        .map(|feature| format!("{feature} = [\"microusc-pool/{feature}\"]\n"))
        .collect();
    sh.write_file(
        package.join("Cargo.toml"),
        format!(
            "[package]\nname = \"first-sample\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n[features]\n{features}\n\
             [dependencies]\nmicrousc-pool = {{ path = {pool:?} }}\n\n[workspace]\n"
        ),
    )?;
    // So that nothing has to be looked up: what the pool may depend on is known there.
    sh.copy_file("Cargo.lock", package.join("Cargo.lock"))?;
    sh.write_file(package.join("lib.rs"), format!("#![no_std]\n#![allow(dead_code)]\n{program}"))?;
    Ok(package)
}

/// The first Rust of a document.
fn first_program(document: &str) -> Option<&str> {
    let (_, from) = document.split_once("```rust\n")?;
    Some(from.split_once("```")?.0)
}

#[cfg(test)]
mod tests {
    use super::first_program;

    #[test]
    fn the_first_rust_of_a_document_is_found() {
        assert_eq!(
            first_program("a\n```c\nint b;\n```\n```rust\nfn c() {}\n```\n```rust\n```"),
            Some("fn c() {}\n")
        );
        assert_eq!(first_program("```c\n```"), None);
    }
}
