use std::collections::BTreeSet;
use std::path::Path;

use super::{ALL, is_recent_rust, packages, told, toolchain_named};
use crate::qemu::{FREERTOS, TARGETS, Target};

/// Programs that come along with a tool of the list: which tool's packages have them, directly or by what these depend on.
const COME_ALONG: [(&str, &str); 11] = [
    ("ar", "readelf"),
    ("clang++", "clang"),
    ("llvm-link-22", "llc-22"),
    ("llvm-mc-22", "llc-22"),
    ("llvm-objdump-22", "llc-22"),
    ("riscv64-unknown-elf-ld", "riscv64-unknown-elf-gcc"),
    ("riscv64-unknown-elf-objcopy", "riscv64-unknown-elf-gcc"),
    ("xtensa-lx106-elf-as", "xtensa-lx106-elf-ld"),
    ("xtensa-lx106-elf-objcopy", "xtensa-lx106-elf-ld"),
    ("/usr/bin/rustdoc", "/usr/bin/rustc"),
    ("/usr/bin/clippy-driver", "/usr/bin/cargo-clippy"),
];
/// Programs that every system with Rust and a repository has.
const ALWAYS: [&str; 9] = ["apt-get", "cargo", "cp", "git", "id", "rustc", "rustup", "tar", "timeout"];
/// Another's, which is asked for where it is.
const ESPRESSIF: &str = "xtensa-esp-elf-objcopy";

fn is_known(program: &str) -> bool {
    let tool = COME_ALONG.iter().find(|(along, _)| *along == program).map_or(program, |(_, tool)| tool);
    ALWAYS.contains(&program) || program == ESPRESSIF || ALL.iter().any(|known| known.name == tool)
}

/// The first words of string literals that are what a command starts.
fn started(source: &str) -> BTreeSet<&str> {
    const STARTS: [&str; 4] = ["Command::new(\"", "Compiler::new(\"", "assembler: &[\"", "compiler: &[\""];
    let direct = STARTS.iter().flat_map(|start| source.split(start).skip(1));
    let by_shell = source.split("cmd!(").skip(1).filter_map(|rest| Some(rest.split_once('"')?.1));
    let words = direct.chain(by_shell).filter_map(|rest| rest.split(['"', ' ']).next());
    words.filter(|word| !word.is_empty() && !word.starts_with('{')).collect()
}

fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tools/tests.rs") {
            into.push(std::fs::read_to_string(path).unwrap());
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
    let source = "Command::new(\"one\") cmd!(sh, \"two {three} four\") cmd!(\n    sh,\n    \"five six\"\n) \
        Compiler::new(\"seven\", cmd!(sh, \"{eight}\") Command::new(name)";
    assert_eq!(started(source).into_iter().collect::<Vec<_>>(), ["five", "one", "seven", "two"]);
}

#[test]
fn every_target_says_which_tools_build_and_run_it() {
    let mut targets: Vec<&Target> = TARGETS.iter().collect();
    targets.extend(&FREERTOS);
    for target in targets {
        for program in [target.compiler[0], target.emulator[0]] {
            assert!(program == "env" || is_known(program), "{}: no tool has {program}", target.name);
        }
        let unknown: Vec<_> = target.tools.iter().filter(|tool| !ALL.contains(tool)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?}", target.name);
    }
}

#[test]
fn a_package_is_asked_for_once() {
    let every = packages(ALL);
    assert_eq!(every.len(), every.iter().collect::<BTreeSet<_>>().len());
    assert!(every.contains(&"qemu-system-misc") && every.contains(&"libc6-dbg"), "{every:?}");
    let two: Vec<_> = ALL.iter().copied().filter(|tool| tool.packages == "qemu-system-misc").collect();
    assert_eq!(
        told(&two),
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
