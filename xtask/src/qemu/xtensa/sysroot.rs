//! `core` and `alloc` for a target that only its description knows, built once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::archive;
use crate::process::Run;
use crate::qemu::cargo::{Compiler, forget_outer_cargo};

/// Where Debian's package puts the sources of the library.
const LIBRARY: &str = "/usr/lib/rustlib/src/rust/library";

/// rustc wants a crate of this name beside `core`. The routines themselves are `firmware/runtime/xtensa/routines.c`.
const NO_BUILTINS: &str =
    "#![feature(compiler_builtins)]\n#![compiler_builtins]\n#![no_std]\n#![allow(internal_features)]\n";

/// How the crates are compiled: to bitcode, so that everything is optimised together in the end.
const FLAGS: &[&str] = &[
    "-Zunstable-options",
    "--edition=2024",
    "--crate-type=rlib",
    "-Copt-level=s",
    "-Cpanic=abort",
    "-Clinker-plugin-lto",
    "-Cembed-bitcode=yes",
    "-Cdebuginfo=0",
    "-Ccodegen-units=1",
    "-Zforce-unstable-if-unmarked",
    "--cap-lints=allow",
];

/// Debian's compiler.
pub(super) fn rustc() -> Command {
    let mut rustc = Command::new("/usr/bin/rustc");
    rustc.env("RUSTC_BOOTSTRAP", "1");
    forget_outer_cargo(&mut rustc, Compiler::Debian);
    rustc
}

/// Debian's Cargo for the target that `description` describes.
pub(super) fn cargo(description: &Path) -> Result<Command> {
    let sysroot = ensure(description)?;
    let mut cargo = Command::new("/usr/bin/cargo");
    forget_outer_cargo(&mut cargo, Compiler::Debian);
    cargo.env("RUSTC", "/usr/bin/rustc").env("RUSTC_BOOTSTRAP", "1");
    cargo.env("RUSTFLAGS", format!("--sysroot={}", sysroot.display()));
    cargo.env("CARGO_UNSTABLE_JSON_TARGET_SPEC", "true");
    // Nothing here reads it.
    cargo.env("CARGO_PROFILE_FIRMWARE_DEBUG", "0");
    Ok(cargo)
}

/// The sysroot of the target that `description` describes. Rebuilt when that, the compiler or the recipe changes: every
/// edit of a description makes another target to rustc.
fn ensure(description: &Path) -> Result<PathBuf> {
    let name =
        description.file_stem().context("a description without a name")?.to_string_lossy().into_owned();
    let version = rustc().arg("-vV").output().context("rustc did not start")?;
    let mut hasher = DefaultHasher::new();
    (std::fs::read(description)?, version.stdout, FLAGS, NO_BUILTINS).hash(&mut hasher);
    let home = archive::work_dir("sysroots")?;
    let sysroot = home.join(format!("{name}-{:016x}", hasher.finish()));
    if sysroot.exists() {
        return Ok(sysroot);
    }
    for entry in std::fs::read_dir(&home)? {
        let old = entry?.path();
        let of_this_target =
            |file: &str| file.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['-', '.']));
        if old.file_name().is_some_and(|file| of_this_target(&file.to_string_lossy())) {
            std::fs::remove_dir_all(old)?;
        }
    }
    // Whole or not at all: it gets its name when it is complete.
    let unfinished = home.join(format!("{name}.unfinished"));
    let library = unfinished.join("lib/rustlib").join(&name).join("lib");
    std::fs::create_dir_all(&library)?;
    let builtins = unfinished.join("compiler_builtins.rs");
    std::fs::write(&builtins, NO_BUILTINS)?;
    for (crate_name, source) in [
        ("core", Path::new(LIBRARY).join("core/src/lib.rs")),
        ("compiler_builtins", builtins),
        ("alloc", Path::new(LIBRARY).join("alloc/src/lib.rs")),
    ] {
        let mut rustc: Command = rustc();
        rustc.args(FLAGS).args(["--crate-name", crate_name, "--target"]).arg(description);
        rustc.arg("--sysroot").arg(&unfinished).arg("--out-dir").arg(&library).arg(source);
        rustc.shown().with_context(|| format!("`{crate_name}` does not build for {name}"))?;
    }
    std::fs::rename(&unfinished, &sysroot)?;
    Ok(sysroot)
}
