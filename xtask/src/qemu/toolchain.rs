//! The Rust side: an installed target where there is one, else Debian's compiler, which builds `core` as well.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::link::Linker;
use super::programs::Program;
use super::targets::Target;
use crate::archive;
use crate::hotpath;
use crate::tools::{self, DEBIAN_CARGO, DEBIAN_CLIPPY, DEBIAN_RUST_SOURCE, DEBIAN_RUSTC};

/// How the archives of a target are made.
pub(crate) struct Toolchain {
    /// Why they cannot be made here, if so. In CI what is missing is installed.
    pub(crate) missing: fn(&Shell, &Target) -> Result<Option<String>>,
    pub(crate) build: fn(&Shell, &Target) -> Result<Archives>,
    /// Makes the first of them alone.
    pub(crate) memory: fn(&Shell, &Target) -> Result<PathBuf>,
    /// Of the compiler, as `1.96.0`.
    pub(crate) version: fn(&Target) -> Result<String>,
    /// Compiles the C of a program, and links it into the image at the path.
    pub(crate) link: fn(&Linker<'_>, &Program, &Path) -> Result<()>,
}

/// What programs are linked with.
pub(crate) struct Archives {
    /// The C ABI.
    pub(crate) memory: PathBuf,
    /// Every program that is written in Rust.
    pub(crate) programs: PathBuf,
}

/// Targets that rustc knows by name.
pub(crate) const RUST: Toolchain = Toolchain { missing, build, memory: memory_alone, version, link };

/// Where Debian's packages put a compiler with the sources of its library.
const DEBIAN: [(&str, &str); 5] = [
    ("CARGO", "/usr/bin/cargo"),
    ("RUSTC", "/usr/bin/rustc"),
    ("RUSTDOC", "/usr/bin/rustdoc"),
    ("RUSTC_BOOTSTRAP", "1"),
    ("CARGO_UNSTABLE_BUILD_STD", "core,alloc"),
];

/// Whether the compiler that runs these tests has the target's library.
fn is_installed(target: &Target) -> bool {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", target.rust]).output();
    asked.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

fn missing(sh: &Shell, target: &Target) -> Result<Option<String>> {
    if is_installed(target) {
        return Ok(None);
    }
    Ok(debian_missing(sh)?.map(|why| format!("rustup target add {}; or: {why}", target.rust)))
}

/// Why Debian's compiler cannot be used, if so.
pub(crate) fn debian_missing(sh: &Shell) -> Result<Option<String>> {
    for tool in [DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_CLIPPY, DEBIAN_RUST_SOURCE] {
        if let Some(why) = tools::missing(sh, tool)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn build(sh: &Shell, target: &Target) -> Result<Archives> {
    let description = Path::new(target.rust);
    let memory = memory(sh, target, cargo(target), description)?;
    if target.rust.starts_with("riscv") {
        hotpath::check_instruction_ram(&hotpath::members(&std::fs::read(&memory)?)?)?;
    }
    Ok(Archives { memory, programs: programs(sh, target, cargo(target), description)? })
}

fn version(target: &Target) -> Result<String> {
    version_of(Command::new(if is_installed(target) { "rustc" } else { DEBIAN_RUSTC.name }))
}

/// What a compiler calls itself, as `1.96.0`.
pub(super) fn version_of(mut rustc: Command) -> Result<String> {
    let said = rustc.arg("--version").output()?;
    let said = String::from_utf8_lossy(&said.stdout);
    said.split_whitespace().nth(1).map(str::to_owned).context("rustc does not say its version")
}

/// Cargo with the target's compiler.
pub(crate) fn cargo(target: &Target) -> Command {
    with_compiler(target, "cargo", "/usr/bin/cargo")
}

/// Clippy with the target's compiler.
pub(crate) fn clippy(target: &Target) -> Command {
    let mut clippy = with_compiler(target, "cargo", "/usr/bin/cargo-clippy");
    clippy.arg("clippy");
    clippy
}

/// Why [`clippy`] cannot be used, if so.
pub(crate) fn clippy_missing(sh: &Shell, target: &Target) -> Result<Option<String>> {
    if is_installed(target) {
        return Ok(None);
    }
    Ok(match missing(sh, target)? {
        None => tools::missing(sh, DEBIAN_CLIPPY)?,
        why => why,
    })
}

fn with_compiler(target: &Target, ours: &str, debians: &str) -> Command {
    let installed = is_installed(target);
    let mut command = Command::new(if installed { ours } else { debians });
    forget_outer_cargo(&mut command);
    if !installed {
        command.envs(DEBIAN);
    }
    command
}

fn link(linker: &Linker<'_>, program: &Program, image: &Path) -> Result<()> {
    linker.drive(program, image)
}

/// What the Cargo that runs this set for its own compiler.
pub(super) fn forget_outer_cargo(command: &mut Command) {
    for inherited in ["RUSTFLAGS", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH", "CARGO", "RUSTC"] {
        command.env_remove(inherited);
    }
}

/// The archive of the C ABI, for a target that rustc knows by name.
fn memory_alone(sh: &Shell, target: &Target) -> Result<PathBuf> {
    memory(sh, target, cargo(target), Path::new(target.rust))
}

/// The archive of the C ABI, by a Cargo that is set up for the target.
pub(super) fn memory(sh: &Shell, target: &Target, cargo: Command, rust: &Path) -> Result<PathBuf> {
    staticlib(sh, target, cargo, rust, ("Cargo.toml", "microusc-memory", target.features))
}

/// The archive of the Rust programs, likewise.
pub(super) fn programs(sh: &Shell, target: &Target, cargo: Command, rust: &Path) -> Result<PathBuf> {
    staticlib(sh, target, cargo, rust, ("firmware/rust/Cargo.toml", "firmware", target.pool_features))
}

/// Builds one archive. One target directory for all of them, so that `core` is built once a target.
fn staticlib(
    sh: &Shell,
    target: &Target,
    mut cargo: Command,
    rust: &Path,
    (manifest, package, features): (&str, &str, &str),
) -> Result<PathBuf> {
    let dir = archive::target_dir(sh).join("firmware");
    cargo.args(["rustc", "--quiet", "--lib", "--crate-type", "staticlib", "--profile", "firmware"]);
    cargo.args(["--manifest-path", manifest, "--package", package, "--target"]).arg(rust);
    cargo.args(["--no-default-features", "--features", features]);
    cargo.arg("--target-dir").arg(&dir).current_dir(sh.current_dir());
    let status = cargo.status()?;
    ensure!(status.success(), "{package} does not build for {}", target.rust);
    let triple = rust.file_stem().unwrap_or_default();
    let built = dir.join(triple).join("firmware").join(format!("lib{}.a", package.replace('-', "_")));
    // The next target may be of the same triple with other features.
    let kept = archive::work_dir(sh, target.work)?.join(format!("{}-{package}.a", target.name));
    std::fs::copy(built, &kept)?;
    Ok(kept)
}
