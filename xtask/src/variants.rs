//! What is tested besides the plain build: features one by one, the model checker, documentation, the oldest compiler.

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::archive::target_dir;
use crate::first_sample;
use crate::qemu::{self, TARGETS, Target};
use crate::report::{Done, Report};
use crate::tools;

/// Of ESP-IDF's targets in Rust, which nobody has a library built for, one without atomic instructions and one with.
const ESP_IDF: [&str; 2] = ["riscv32imc-esp-espidf", "riscv32imafc-esp-espidf"];

/// The oldest compiler: what the workspace states.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// The checks, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("minimum supported Rust", || oldest_compiler(sh));
    report.step("microusc-pool with `critical-section`", || {
        cmd!(sh, "cargo test --quiet --package microusc-pool --features critical-section").run()?;
        Done::passed()
    });
    report.step("microusc-pool with `allocator-api2`", || {
        cmd!(sh, "cargo test --quiet --package microusc-pool --features allocator-api2 --test allocator --lib")
            .run()?;
        cmd!(sh, "cargo clippy --quiet --package microusc-pool --features allocator-api2 --all-targets -- -D warnings")
            .run()?;
        Done::passed()
    });
    report.step("microusc-pool with `lock_api`", || {
        cmd!(sh, "cargo test --quiet --package microusc-pool --features lock_api --test mutex").run()?;
        cmd!(sh, "cargo test --quiet --package microusc-pool --features lock_api --doc lock::mutex").run()?;
        cmd!(
            sh,
            "cargo clippy --quiet --package microusc-pool --features lock_api --all-targets -- -D warnings"
        )
        .run()?;
        Done::passed()
    });
    report.step("microusc-memory without `diagnostics`", || {
        let package =
            ["--quiet", "--package", "microusc-memory", "--no-default-features", "--features", "host"];
        cmd!(sh, "cargo clippy {package...} --lib -- -D warnings").run()?;
        cmd!(sh, "cargo test {package...} --lib --test without_diagnostics --test set_model").run()?;
        Done::passed()
    });
    report.step("microusc-pool on ESP-IDF: the default lock masks interrupts", || on_esp_idf(sh));
    first_sample::step(sh, report);
    report.step("documentation", || {
        cmd!(sh, "cargo doc --quiet --workspace --no-deps --document-private-items")
            .env("RUSTDOCFLAGS", "-D warnings")
            .run()?;
        Done::passed()
    });
    report.step("every interleaving of both pools, within bounds (loom)", || scheduled(sh, "loom"));
    report.step("random interleavings of more threads (shuttle)", || scheduled(sh, "shuttle"));
}

/// The crate asserts it of the lock that it takes there, so that the compiler is the judge.
fn on_esp_idf(sh: &Shell) -> Result<Done> {
    if let Some(why) = qemu::debian_missing(sh)? {
        return Ok(Done::Skipped(why));
    }
    let mut clippy = qemu::clippy(&Target { rust: ESP_IDF[0], ..TARGETS[0] });
    clippy.args(["--quiet", "--package", "microusc-pool", "--lib"]);
    clippy.args(ESP_IDF.iter().flat_map(|target| ["--target", target]));
    clippy.arg("--target-dir").arg(target_dir(sh).join("firmware")).current_dir(sh.current_dir());
    ensure!(clippy.args(["--", "-D", "warnings"]).status()?.success(), "it does not compile there");
    Ok(Done::Passed(ESP_IDF.join(", ")))
}

/// A scheduler replaces the atomics of the crate, so each is another build, in a folder of its own.
fn scheduled(sh: &Shell, by: &str) -> Result<Done> {
    cmd!(sh, "cargo test --profile model --package microusc-pool --test {by}")
        .env("RUSTFLAGS", format!("--cfg {by}"))
        .env("CARGO_TARGET_DIR", target_dir(sh).join(by))
        .run()?;
    Done::passed()
}

/// The version that the workspace states is the one that runs these tests, or is installed beside it. Only that one says of
/// programs that must not compile what is written down of it.
fn oldest_compiler(sh: &Shell) -> Result<Done> {
    let toolchain = match oldest_toolchain(sh)? {
        Ok(None) => return Ok(Done::Passed(format!("{OLDEST} runs these tests"))),
        Ok(Some(toolchain)) => toolchain,
        Err(why_not) => return Ok(Done::Skipped(why_not)),
    };
    cmd!(sh, "cargo {toolchain} check --quiet --workspace --all-targets").run()?;
    cmd!(sh, "cargo {toolchain} test --quiet --package microusc-pool --test ui").run()?;
    Ok(Done::Passed(format!("{OLDEST} checks the workspace, and what must not compile")))
}

/// The toolchain of that version, `None` if it is the one that runs these tests, or why there is none.
pub(crate) fn oldest_toolchain(sh: &Shell) -> Result<std::result::Result<Option<String>, String>> {
    let running = cmd!(sh, "rustc --version").quiet().read()?;
    if running.starts_with(&format!("rustc {OLDEST}.")) {
        return Ok(Ok(None));
    }
    Ok(tools::rust_toolchain(sh, OLDEST, "the oldest supported compiler")?.map(Some))
}
