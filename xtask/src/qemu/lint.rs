//! Clippy and rustdoc on what is built for chips only, which the other checks do not see.

use anyhow::{Result, ensure};
use xshell::Shell;

use super::targets::{TARGETS, Target};
use super::toolchain;
use crate::archive;
use crate::report::{Done, Report};

/// The target with the most to look at: two cores, with a port for both.
const TARGET: &str = "riscv32imac-smp2";

/// The checks, for a report of several commands.
pub(super) fn steps(sh: &Shell, report: &mut Report) {
    let Some(target) = TARGETS.iter().find(|target| target.name == TARGET) else { return };
    report.step("clippy and documentation of what chips run", || check(sh, target));
}

fn check(sh: &Shell, target: &Target) -> Result<Done> {
    if let Some(why) = (target.toolchain.missing)(sh, target)? {
        return Ok(Done::Skipped(why));
    }
    let packages = [
        ("Cargo.toml", "microusc-memory", target.features),
        ("Cargo.toml", "microusc-memory", "bare,mask-functions"),
        ("Cargo.toml", "microusc-memory", "esp_idf,multicore"),
        ("Cargo.toml", "microusc-memory", "esp_idf,portmux"),
        ("firmware/rust/Cargo.toml", "firmware", ""),
    ];
    for (manifest, package, features) in packages {
        let common = |cargo: &mut std::process::Command| {
            cargo.args(["--quiet", "--lib", "--manifest-path", manifest, "--package", package]);
            cargo.args(["--no-default-features", "--features", features, "--target", target.rust]);
            cargo.arg("--target-dir").arg(archive::target_dir(sh).join("firmware"));
            cargo.current_dir(sh.current_dir());
        };
        let mut clippy = toolchain::clippy(target);
        common(&mut clippy);
        ensure!(clippy.args(["--", "-D", "warnings"]).status()?.success(), "clippy on {package}");
        let mut doc = toolchain::cargo(target);
        doc.args(["doc", "--no-deps", "--document-private-items"]).env("RUSTDOCFLAGS", "-D warnings");
        common(&mut doc);
        ensure!(doc.status()?.success(), "documentation of {package}");
    }
    Done::passed()
}
