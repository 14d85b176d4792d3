//! `cargo xtask lint`: formatting, clippy, file lengths, machine paths, names in CONTRIBUTING.md, dependencies between
//! crates and modules.

mod crates;
mod modules;

use std::collections::BTreeSet;
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
    report.step("names in CONTRIBUTING.md", names_exist);
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

/// That every function, test or field that CONTRIBUTING.md names is a word of a source file.
fn names_exist() -> Result<Done> {
    let document = sh().read_file("CONTRIBUTING.md")?;
    let mut unknown = names(&document);
    let count = unknown.len();
    for path in tracked()? {
        if [".rs", ".c", ".h", ".toml"].iter().any(|ending| path.ends_with(ending)) {
            let text = sh().read_file(&path)?;
            text.split(|c: char| !is_of_a_name(c)).for_each(|word| _ = unknown.remove(word));
        }
    }
    ensure!(unknown.is_empty(), "CONTRIBUTING.md names what no source has: {unknown:?}");
    Ok(Done::Passed(format!("{count} names")))
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The names of several words that a document writes as code, `like_this`.
fn names(document: &str) -> BTreeSet<&str> {
    let is_name =
        |code: &&str| code.contains('_') && code.chars().all(|c| is_of_a_name(c) && !c.is_ascii_uppercase());
    document.split('`').skip(1).step_by(2).filter(is_name).collect()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_are_snake_case_in_single_backquotes() {
        let document = "```sh\nnot_this one\n```\nThe test `it_works` of `file_name.rs`, `Kind`, `plain`, `C5_V5_4`; not other_words.";
        assert_eq!(names(document).into_iter().collect::<Vec<_>>(), ["it_works"]);
    }
}
