//! `cargo xtask lint`: formatting, clippy, file lengths, machine paths, dependencies between crates and modules.

mod crates;
mod modules;

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

use crate::report::{Done, Report};

/// Lines that a source file may have.
const LONGEST: usize = 520;
/// Where a file of somebody's machine would be; split, so that this line is not one of them.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/tmp/", "bash")];

/// Runs every check; all failures are shown.
pub(crate) fn run(sh: &Shell, _arguments: Vec<OsString>) -> Result<()> {
    let mut report = Report::default();
    steps(sh, &mut report);
    report.finish()
}

/// The checks, for a report of several commands.
pub(crate) fn steps(sh: &Shell, report: &mut Report) {
    report.step("fmt", || {
        cmd!(sh, "cargo fmt --all --check").run()?;
        for apart in ["firmware/rust", "examples/esp-hal"] {
            cmd!(sh, "cargo fmt --manifest-path {apart}/Cargo.toml --check").run()?;
        }
        Done::passed()
    });
    report.step("clippy", || {
        cmd!(sh, "cargo clippy --quiet --workspace --all-targets -- -D warnings").run()?;
        Done::passed()
    });
    report.step("file lengths", || lengths(sh));
    report.step("machine paths", || machine_paths(sh));
    report.step("crates depend downwards only", || crates::point_down(sh));
    report.step("no circle of modules in any crate", || crates::no_circles(sh));
}

fn tracked(sh: &Shell) -> Result<Vec<String>> {
    let listed = cmd!(sh, "git ls-files").quiet().read()?;
    // A file that was removed and not committed yet is listed, too.
    Ok(listed.lines().filter(|path| sh.path_exists(path)).map(str::to_owned).collect())
}

fn lengths(sh: &Shell) -> Result<Done> {
    let mut too_long = Vec::new();
    for path in tracked(sh)? {
        let in_source = Path::new(&path).components().nth(2).is_some_and(|part| part.as_os_str() == "src");
        let is_ours = ["crates/", "firmware/", "examples/"].iter().any(|folder| path.starts_with(folder));
        if is_ours && in_source && path.ends_with(".rs") {
            let lines = sh.read_file(&path)?.lines().count();
            if lines > LONGEST {
                too_long.push(format!("{path} has {lines} lines"));
            }
        }
    }
    ensure!(too_long.is_empty(), "at most {LONGEST} lines a file: {}", too_long.join(", "));
    Done::passed()
}

fn machine_paths(sh: &Shell) -> Result<Done> {
    let mut found = Vec::new();
    for path in tracked(sh)? {
        let content = sh.read_binary_file(&path)?;
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
