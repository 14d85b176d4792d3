use std::collections::BTreeSet;
use std::path::Path;

use super::{TOOLS, advice, is_recent_rust, packages, toolchain_named};
use crate::qemu::{FREERTOS, TARGETS};

/// Programs that every system with Rust and a repository has.
const ALWAYS: [&str; 10] = ["apt-get", "cargo", "cp", "env", "git", "id", "rustc", "rustup", "sh", "tar"];
/// Programs of a toolchain that is used where it is installed already.
const ESPRESSIF: &str = "xtensa-esp-elf-objcopy";

fn is_known(program: &str) -> bool {
    let brought = || TOOLS.values().any(|tool| tool.brings.iter().any(|brought| brought == program));
    ALWAYS.contains(&program) || program == ESPRESSIF || TOOLS.contains_key(program) || brought()
}

/// The first words of string literals that are the program of a command.
fn started(source: &str) -> BTreeSet<&str> {
    const STARTS: [&str; 4] = ["Command::new(\"", "Compiler::new(\"", "assembler: \"", "cmd!("];
    let found =
        STARTS.iter().flat_map(|start| {
            let after = source.split(start).skip(1);
            let literal = |rest: &str| rest.trim_start().starts_with('"');
            after.map(move |rest| {
                if start.ends_with('(') && literal(rest) { rest.trim_start()[1..].as_ref() } else { rest }
            })
        });
    let words = found.filter_map(|rest: &str| rest.split(['"', ' ']).next());
    words.filter(|word| !word.is_empty() && !word.contains(['{', '(', '$', '\n'])).collect()
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tools/tests.rs") {
            let text = std::fs::read_to_string(path).unwrap();
            into.push(text.split("#[cfg(test)]").next().unwrap().to_owned());
        }
    }
}

#[test]
fn every_program_that_is_started_belongs_to_a_tool_of_the_list() {
    let mut all = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    let started: BTreeSet<&str> = all.iter().flat_map(|source| started(source)).collect();
    for some in ["cargo", "cmake", "llc-22", "readelf", "riscv64-unknown-elf-gcc", "llvm-mc-22"] {
        assert!(started.contains(some), "{some} is not seen among {started:?}");
    }
    let unknown: Vec<_> = started.into_iter().filter(|program| !is_known(program)).collect();
    assert!(unknown.is_empty(), "no tool of the list has {unknown:?}");
}

#[test]
fn a_program_is_seen_however_it_is_started() {
    let source = "Command::new(\"one\") cmd!(\"two {three} four\") cmd!(\n    \"five six\"\n) \
        Compiler::new(\"seven\", cmd!(\"{eight}\") Command::new(name)";
    assert_eq!(started(source).into_iter().collect::<Vec<_>>(), ["five", "one", "seven", "two"]);
}

#[test]
fn every_target_says_which_tools_build_and_run_it() {
    for target in TARGETS.iter().chain(FREERTOS.iter().map(|(target, _)| target)) {
        for program in [&target.compiler[0], &target.emulator[0]] {
            assert!(is_known(program), "{}: no tool has {program}", target.name);
        }
        let unknown: Vec<_> = target.tools.iter().filter(|tool| !TOOLS.contains_key(*tool)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", target.name);
    }
}

#[test]
fn a_package_is_named_once() {
    let every = packages(&TOOLS.keys().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(every.len(), every.iter().collect::<BTreeSet<_>>().len());
    assert!(every.contains(&"qemu-system-misc") && every.contains(&"libc6-dbg"), "{every:?}");
    assert_eq!(
        advice(&["qemu-system-riscv32", "qemu-system-xtensa"]),
        "qemu-system-riscv32, qemu-system-xtensa are not installed: apt-get install qemu-system-misc"
    );
}

#[test]
fn a_compiler_that_is_too_old_is_not_used() {
    assert!(is_recent_rust("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"));
    assert!(is_recent_rust("rustc 2.0.0"));
    for old in ["rustc 1.63.0", "rustc 1.9.0", "rustc", "", "gcc 12.2"] {
        assert!(!is_recent_rust(old), "{old}");
    }
}

#[test]
fn toolchains_are_found_by_version_or_channel() {
    const LISTED: &str = "nightly-2024-01-01-x86_64-unknown-linux-gnu\n1.950.0-a\n1.95.1-x86_64-unknown-linux-gnu (default)\nnightly-x86_64-unknown-linux-gnu\n";
    assert_eq!(toolchain_named(LISTED, "1.95"), Some("1.95.1-x86_64-unknown-linux-gnu"));
    assert_eq!(toolchain_named(LISTED, "nightly"), Some("nightly-x86_64-unknown-linux-gnu"));
    assert_eq!(toolchain_named("stable\n", "1.95"), None);
    assert_eq!(toolchain_named("nightly\n", "nightly"), Some("nightly"));
}
