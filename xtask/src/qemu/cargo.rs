//! The Rust side, by one of two compilers:
//!
//! ```text
//!   Debian's    compiles `core` from its source, with the flags of the profile      where its packages are installed
//!   rustup's    has a compiled `core`, made for speed and with unwind tables        else, if the target was added
//! ```
//!
//! What is built must pass by both. But no two compilers make the same instructions, so figures are compared between builds
//! by the same one alone. Debian's comes first because Xtensa needs it in any case: where every test can run, all of them
//! are by one compiler, whatever rustup has. The other one is then tried for two targets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::data::{Target, Toolchain};
use crate::archive;
use crate::process::{Run, root};
use crate::report::Skip;
use crate::tools;

/// All that Debian's compiler consists of.
const DEBIAN: [&str; 4] = [
    "/usr/bin/rustc",
    "/usr/bin/cargo",
    "/usr/bin/cargo-clippy",
    "/usr/lib/rustlib/src/rust/library/core/src/lib.rs",
];
/// How Cargo uses it.
const DEBIAN_SETTINGS: [(&str, &str); 5] = [
    ("CARGO", "/usr/bin/cargo"),
    ("RUSTC", "/usr/bin/rustc"),
    ("RUSTDOC", "/usr/bin/rustdoc"),
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "core,alloc"),
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Compiler {
    Debian,
    Rustup,
}

impl Compiler {
    /// The one for a target of rustc.
    pub(super) fn of(rust: &str) -> Self {
        Self::choose(DEBIAN.iter().all(|tool| tools::is_there(tool)), is_installed(rust))
    }

    /// The one for a target with its toolchain.
    pub(super) fn for_target(target: &Target) -> Self {
        if target.toolchain == Toolchain::Rustup { Self::Rustup } else { Self::of(&target.rust) }
    }

    /// With neither, [`need`] says what to install.
    fn choose(debian: bool, installed: bool) -> Self {
        if debian || !installed { Self::Debian } else { Self::Rustup }
    }
}

/// Whether the compiler that runs these tests has the target's library.
fn is_installed(rust: &str) -> bool {
    let mut rustc = Command::new("rustc");
    forget_outer_cargo(&mut rustc, Compiler::Rustup);
    let folder = rustc.args(["--print", "target-libdir", "--target", rust]).captured();
    folder.is_ok_and(|folder| Path::new(folder.stdout.trim()).is_dir())
}

/// That the compiler that runs these tests has the target's library.
pub(super) fn need_installed(rust: &str) -> Result<()> {
    if is_installed(rust) {
        return Ok(());
    }
    Err(Skip::because(format!("not installed: rustup target add {rust}")))
}

/// That there is a compiler for a target of rustc. In CI Debian's is installed, so that everything is by one compiler.
pub(crate) fn need(rust: &str) -> Result<()> {
    if !tools::in_ci() && is_installed(rust) { Ok(()) } else { need_debian() }
}

/// That Debian's compiler can be used.
pub(crate) fn need_debian() -> Result<()> {
    tools::need(&DEBIAN)
}

/// Programs and their versions.
pub(crate) type MadeBy = BTreeMap<String, String>;

/// How `core` is made, where it is compiled along.
pub(super) const FROM_SOURCE: &str = "from source, for size";

/// Which programs, in which versions, make instructions of ours.
pub(super) fn made_by(target: &Target) -> Result<MadeBy> {
    let compiler = Compiler::for_target(target);
    let (rustc, core) = match compiler {
        Compiler::Debian => (DEBIAN[0], FROM_SOURCE),
        Compiler::Rustup => ("rustc", "came compiled"),
    };
    let mut command = Command::new(rustc);
    forget_outer_cargo(&mut command, compiler);
    let gcc = &target.compiler[0];
    Ok(MadeBy::from([
        ("rustc".to_owned(), version_of(command)?),
        ("core".to_owned(), core.to_owned()),
        (gcc.clone(), version_of(Command::new(gcc))?),
    ]))
}

/// The version that a program states, as `1.96.0`: the first word that looks like one.
pub(super) fn version_of(mut program: Command) -> Result<String> {
    let output = program.arg("--version").captured()?.stdout;
    version_in(&output).map(str::to_owned).with_context(|| format!("{program:?} does not state its version"))
}

fn version_in(output: &str) -> Option<&str> {
    let words = output.split([' ', '\n', '(', ')', ',']);
    let mut numbers = words.map(|word| {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(word.len());
        &word[..end]
    });
    numbers.find(|number| number.contains('.') && number.starts_with(|c: char| c.is_ascii_digit()))
}

/// Cargo with the compiler for a target of rustc.
pub(crate) fn cargo(rust: &str) -> Command {
    cargo_with(Compiler::of(rust), DEBIAN[1])
}

/// Clippy, likewise.
pub(crate) fn clippy(rust: &str) -> Command {
    let mut clippy = cargo_with(Compiler::of(rust), DEBIAN[2]);
    clippy.arg("clippy");
    clippy
}

/// Cargo with a compiler; `debian` is Debian's Cargo, or its command for Clippy.
fn cargo_with(compiler: Compiler, debian: &str) -> Command {
    let mut command = Command::new(if compiler == Compiler::Debian { debian } else { "cargo" });
    forget_outer_cargo(&mut command, compiler);
    if compiler == Compiler::Debian {
        command.envs(DEBIAN_SETTINGS);
    }
    command
}

/// Removes what the Cargo that runs this set for its own compiler. Which toolchain of rustup that is remains for rustup's.
pub(super) fn forget_outer_cargo(command: &mut Command, compiler: Compiler) {
    for inherited in ["RUSTFLAGS", "LD_LIBRARY_PATH", "CARGO", "RUSTC", "RUSTDOC"] {
        command.env_remove(inherited);
    }
    if compiler == Compiler::Debian {
        command.env_remove("RUSTUP_TOOLCHAIN");
    }
}

/// A library for chips.
#[derive(Clone, Copy)]
pub(super) enum Library {
    /// The C functions.
    Memory,
    /// Every program that is written in Rust.
    Programs,
}

/// Cargo for the target.
pub(super) fn cargo_for(target: &Target) -> Command {
    cargo_with(Compiler::for_target(target), DEBIAN[1])
}

/// Builds a static library. All are in one target directory, so that `core` is built once a target.
pub(super) fn staticlib(target: &Target, mut cargo: Command, library: Library) -> Result<PathBuf> {
    let (manifest, package, features) = match library {
        Library::Memory => ("Cargo.toml", "microusc-memory", &target.features),
        Library::Programs => ("firmware/rust/Cargo.toml", "firmware", &target.pool_features),
    };
    let is_description = target.rust.ends_with(".json");
    let rust = if is_description { root().join(&target.rust) } else { PathBuf::from(&target.rust) };
    let dir = archive::target_dir().join("firmware");
    cargo.args(["rustc", "--quiet", "--lib", "--crate-type", "staticlib", "--profile", "firmware"]);
    cargo.args(["--manifest-path", manifest, "--package", package, "--target"]).arg(&rust);
    cargo.args(["--no-default-features", "--features", features]).arg("--target-dir").arg(&dir);
    cargo.shown()?;
    let triple = if is_description { rust.file_stem().unwrap_or_default() } else { rust.as_os_str() };
    let built = dir.join(triple).join("firmware").join(format!("lib{}.a", package.replace('-', "_")));
    // The next target may be of the same triple with other features.
    let kept = archive::work_dir(&target.work)?.join(format!("{}-{package}.a", target.name));
    std::fs::copy(built, &kept)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::{Compiler, version_in};

    #[test]
    fn one_compiler_makes_everything_where_it_is_installed() {
        assert_eq!(Compiler::choose(true, false), Compiler::Debian);
        assert_eq!(Compiler::choose(true, true), Compiler::Debian);
        assert_eq!(Compiler::choose(false, true), Compiler::Rustup);
        assert_eq!(Compiler::choose(false, false), Compiler::Debian);
    }

    #[test]
    fn versions_are_read_as_programs_state_them() {
        for (output, version) in [
            ("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)", "1.96.0"),
            ("riscv64-unknown-elf-gcc () 12.2.0\nCopyright (C) 2022 Free Software", "12.2.0"),
            ("arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1 20221205", "12.2.1"),
            ("Debian LLVM version 22.1.8\n  Optimized build.", "22.1.8"),
            ("GNU ld (GNU Binutils for Debian) 2.40", "2.40"),
        ] {
            assert_eq!(version_in(output), Some(version), "{output}");
        }
        assert_eq!(version_in("no version"), None);
    }
}
