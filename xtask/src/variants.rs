//! What is tested beside the plain build: features one by one, the model checker, documentation, the oldest compiler.

use anyhow::{Context, Result};

use crate::archive::target_dir;
use crate::first_sample;
use crate::process::{Run, cmd};
use crate::qemu;
use crate::report::{Done, Report};
use crate::tools;

/// Two of ESP-IDF's targets in Rust, for which rustup has no library: one without atomic instructions and one with.
const ESP_IDF: [&str; 2] = ["riscv32imc-esp-espidf", "riscv32imafc-esp-espidf"];

/// The oldest compiler: what the workspace states.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The checks, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("minimum supported Rust", oldest_compiler);
    // Of a package with a feature: the tests, and which targets clippy looks at.
    let variants: [(&str, &str, &[&str], &str); 4] = [
        ("microusc-pool", "--features critical-section", &[""], ""),
        ("microusc-pool", "--features allocator-api2", &["--test allocator --lib"], "--all-targets"),
        ("microusc-pool", "--features lock_api", &["--test mutex", "--doc lock::mutex"], "--all-targets"),
        (
            "microusc-memory",
            "--no-default-features --features host",
            &["--lib --test without_diagnostics --test set_model"],
            "--lib",
        ),
    ];
    for (package, features, tests, checked) in variants {
        report.step(&format!("{package} with {features}"), || {
            let features: &Vec<_> = &features.split(' ').collect();
            if !checked.is_empty() {
                cmd!("cargo clippy --quiet --package {package} {features...} {checked} -- -D warnings")
                    .run()?;
            }
            for tests in tests {
                let tests = tests.split_whitespace();
                cmd!("cargo test --quiet --package {package} {features...} {tests...}").run()?;
            }
            Done::passed()
        });
    }
    report.step("microusc-pool on ESP-IDF: the default lock masks interrupts", on_esp_idf);
    first_sample::step(report);
    report.step("documentation", || {
        cmd!("cargo doc --quiet --workspace --no-deps --document-private-items")
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()?;
        Done::passed()
    });
    report.step("every interleaving of both pools, within bounds (loom)", || scheduled("loom"));
    report.step("random interleavings of more threads (shuttle)", || scheduled("shuttle"));
}

/// The crate asserts it of the lock that it takes there, so that the compiler is the judge.
fn on_esp_idf() -> Result<Done> {
    qemu::need_debian()?;
    let mut clippy = qemu::clippy(ESP_IDF[0]);
    clippy.args(["--quiet", "--package", "microusc-pool", "--lib"]);
    clippy.args(ESP_IDF.iter().flat_map(|target| ["--target", target]));
    clippy.arg("--target-dir").arg(target_dir().join("firmware"));
    clippy.args(["--", "-D", "warnings"]).shown().context("it does not compile there")?;
    Ok(Done::Passed(ESP_IDF.join(", ")))
}

/// A scheduler replaces the atomics of the crate, so each is another build, in a folder of its own.
fn scheduled(by: &str) -> Result<Done> {
    cmd!("cargo test --profile model --package microusc-pool --test {by}")
        .env("RUSTFLAGS", format!("--cfg {by}"))
        .env("CARGO_TARGET_DIR", target_dir().join(by))
        .run()?;
    Done::passed()
}

/// The version that the workspace states is the one that runs these tests, or is installed beside it. The expected messages of
/// programs that must not compile are those of this version.
fn oldest_compiler() -> Result<Done> {
    let Some(toolchain) = oldest_toolchain()? else {
        return Ok(Done::Passed(format!("{OLDEST} runs these tests")));
    };
    cmd!("cargo {toolchain} check --quiet --workspace --all-targets").run()?;
    cmd!("cargo {toolchain} test --quiet --package microusc-pool --test ui").run()?;
    Ok(Done::Passed(format!("{OLDEST} checks the workspace, and programs that must not compile")))
}

/// The toolchain of that version, `None` if it is the one that runs these tests.
pub(crate) fn oldest_toolchain() -> Result<Option<String>> {
    let running = cmd!("rustc --version").quiet().read()?;
    if running.starts_with(&format!("rustc {OLDEST}.")) {
        return Ok(None);
    }
    tools::rust_toolchain(OLDEST, "the oldest supported compiler").map(Some)
}
