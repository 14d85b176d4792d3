//! The first Rust program of the README, as it stands there, compiled for chips: it compiles, or the compiler's message says
//! which feature to enable and which lock to name.
//!
//! Users judge a library by what they try first, and a `static` pool depends on the lock of the target.

use std::path::{Path, PathBuf};

use crate::process::{root, sh};
use anyhow::{Context, Result, ensure};

use crate::archive::{self, target_dir};
use crate::qemu;
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

/// The check, for a report of several commands.
pub(crate) fn step(report: &mut Report) {
    report.step("the README's first Rust program, for chips", check);
}

fn check() -> Result<Done> {
    let package = package()?;
    for (rust, feature, compiles) in CASES {
        qemu::need_compiler(rust)?;
        let message = compile(&package, rust, feature)?;
        let what = format!("for {rust} with the features \"{feature}\"");
        match (message, compiles) {
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

/// The compiler's message; `None` if the program compiles.
fn compile(package: &Path, rust: &str, feature: &str) -> Result<Option<String>> {
    let mut cargo = qemu::cargo(rust);
    cargo.args(["check", "--quiet", "--target", rust, "--features", feature]);
    cargo.arg("--target-dir").arg(target_dir().join("firmware")).current_dir(package);
    let output = cargo.output()?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(message))
}

/// A package of the program alone.
fn package() -> Result<PathBuf> {
    let readme = sh().read_file("README.md")?;
    let program = first_program(&readme).context("README.md has no Rust")?;
    ensure!(program.contains("static"), "the first Rust program of README.md has no static pool");
    let pool = root().join("crates/pool");
    let package = archive::work_dir("first-sample")?;
    let features = CASES.map(|(_, feature, _)| feature).into_iter().filter(|feature| !feature.is_empty());
    let features: String = std::collections::BTreeSet::from_iter(features)
        .into_iter()
        .map(|feature| format!("{feature} = [\"microusc-pool/{feature}\"]\n"))
        .collect();
    sh().write_file(
        package.join("Cargo.toml"),
        format!(
            "[package]\nname = \"first-sample\"\nedition = \"2024\"\n\n[lib]\npath = \"lib.rs\"\n\n[features]\n{features}\n\
             [dependencies]\nmicrousc-pool = {{ path = {pool:?} }}\n\n[workspace]\n"
        ),
    )?;
    // With the versions of the workspace, no registry is asked.
    sh().copy_file("Cargo.lock", package.join("Cargo.lock"))?;
    sh().write_file(package.join("lib.rs"), format!("#![no_std]\n#![allow(dead_code)]\n{program}"))?;
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
