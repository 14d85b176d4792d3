//! `cargo xtask lint`: formatting, clippy, file lengths, machine paths, dependencies between crates and modules.

mod crates;
mod modules;

use std::path::Path;

use crate::process::{cmd, sh};
use anyhow::{Result, ensure};

use crate::report::{Done, Report};

/// Lines that a source file may have.
const LONGEST: usize = 520;
/// How paths of a machine begin; split, so that this line is not one of them.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/tmp/", "bash")];

/// The checks, for a report of several commands.
pub(crate) fn steps(report: &mut Report) {
    report.step("fmt", || {
        cmd!("cargo fmt --all --check").run()?;
        for apart in ["firmware/rust", "examples/esp-hal"] {
            cmd!("cargo fmt --manifest-path {apart}/Cargo.toml --check").run()?;
        }
        Done::passed()
    });
    report.step("clippy", || {
        cmd!("cargo clippy --quiet --workspace --all-targets -- -D warnings").run()?;
        Done::passed()
    });
    report.step("file lengths", lengths);
    report.step("machine paths", machine_paths);
    report.step("crates depend downwards only", crates::point_down);
    report.step("no circle of modules in any crate", crates::no_circles);
}

fn tracked() -> Result<Vec<String>> {
    let listed = cmd!("git ls-files").quiet().read()?;
    // A removed file that is not committed yet is listed, too.
    Ok(listed.lines().filter(|path| sh().path_exists(path)).map(str::to_owned).collect())
}

fn lengths() -> Result<Done> {
    let mut too_long = Vec::new();
    for path in tracked()? {
        let in_source = Path::new(&path).components().nth(2).is_some_and(|part| part.as_os_str() == "src");
        let is_ours = ["crates/", "firmware/", "examples/"].iter().any(|folder| path.starts_with(folder));
        if is_ours && in_source && path.ends_with(".rs") {
            let lines = sh().read_file(&path)?.lines().count();
            if lines > LONGEST {
                too_long.push(format!("{path} has {lines} lines"));
            }
        }
    }
    ensure!(too_long.is_empty(), "at most {LONGEST} lines a file: {}", too_long.join(", "));
    Done::passed()
}

fn machine_paths() -> Result<Done> {
    let mut found = Vec::new();
    for path in tracked()? {
        let content = sh().read_binary_file(&path)?;
        let Ok(text) = std::str::from_utf8(&content) else { continue };
        for (number, line) in text.lines().enumerate() {
            if MACHINE_PATHS.iter().any(|machine| line.contains(machine)) {
                found.push(format!("{path}:{}", number + 1));
            }
        }
    }
    ensure!(found.is_empty(), "paths of a machine in {}", found.join(", "));
    Done::passed()
}
