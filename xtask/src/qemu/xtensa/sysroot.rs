//! `core` and `alloc` for a target that only its description knows, built once.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::{LIBRARY, rustc};
use crate::archive;

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

/// The sysroot of the target that `description` describes. Rebuilt when that, the compiler or the recipe changes: every
/// edit of a description makes another target to rustc.
pub(super) fn ensure(sh: &Shell, description: &Path) -> Result<PathBuf> {
    let name =
        description.file_stem().context("a description without a name")?.to_string_lossy().into_owned();
    let version = rustc().arg("-vV").output().context("rustc did not start")?;
    let mut hasher = DefaultHasher::new();
    (std::fs::read(description)?, version.stdout, FLAGS, NO_BUILTINS).hash(&mut hasher);
    let home = archive::work_dir(sh, "sysroots")?;
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
        ensure!(rustc.status()?.success(), "`{crate_name}` does not build for {name}");
    }
    std::fs::rename(&unfinished, &sysroot)?;
    Ok(sysroot)
}
