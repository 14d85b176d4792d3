//! Programs that are not Cargo's: found, installed in CI, or reported as missing.
//!
//! `cargo xtask test` looks at the whole list before anything else, and in CI installs what is missing by one call of the
//! package manager ([`all`]): the tests that Cargo runs need some of it, too, and several of them at once. A command that runs
//! alone looks for what it needs ([`missing`]), and installs it in the same way.

mod install;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::report::Done;
use install::Installer;
pub(crate) use install::persistently;

/// A program, or a file, and the Debian packages that have it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    /// Separated by spaces.
    packages: &'static str,
    probe: Probe,
}

/// How it shows that it is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Probe {
    /// It runs with these arguments.
    Runs(&'static [&'static str]),
    /// It is a Rust compiler that is new enough for the workspace.
    IsRecentRust,
    /// It is a file.
    Exists,
}

const VERSION: Probe = Probe::Runs(&["--version"]);

/// Declares the tools, and the list of all of them: a tool that is not in the list cannot be declared.
macro_rules! tools {
    ($($(#[$doc:meta])* $tool:ident = $name:expr, $packages:literal, $probe:expr;)*) => {
        $($(#[$doc])* pub(crate) const $tool: Tool = Tool { name: $name, packages: $packages, probe: $probe };)*
        /// Every tool that any command needs.
        const ALL: &[Tool] = &[$($tool),*];
    };
}

tools! {
    GCC = "gcc", "gcc libc6-dev", VERSION;
    GXX = "g++", "g++", VERSION;
    CLANG = "clang", "clang", VERSION;
    /// It runs nothing without the symbols of the C library.
    VALGRIND = "valgrind", "valgrind libc6-dbg", Probe::Runs(&["--quiet", "true"]);
    READELF = "readelf", "binutils", VERSION;
    RISCV_GCC = "riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf", VERSION;
    ARM_GCC = "arm-none-eabi-gcc", "gcc-arm-none-eabi", VERSION;
    QEMU_RISCV32 = "qemu-system-riscv32", "qemu-system-misc", VERSION;
    QEMU_ARM = "qemu-system-arm", "qemu-system-arm", VERSION;
    QEMU_XTENSA = "qemu-system-xtensa", "qemu-system-misc", VERSION;
    CMAKE = "cmake", "cmake", VERSION;
    /// What CMake has its projects built by; its package does not ask for it.
    MAKE = "make", "make", VERSION;
    PICOLIBC = "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs", "picolibc-riscv64-unknown-elf", Probe::Exists;
    /// With what makes environments, which is a package of its own.
    PYTHON = "python3", "python3 python3-venv", Probe::Runs(&["-c", "import ensurepip, venv"]);
    XTENSA_GCC = "xtensa-lx106-elf-gcc", "gcc-xtensa-lx106", VERSION;
    XTENSA_LD = "xtensa-lx106-elf-ld", "binutils-xtensa-lx106", VERSION;
    /// Of the same LLVM as Debian's rustc.
    LLC = "llc-22", "llvm-22", VERSION;
    LLD = "ld.lld", "lld", VERSION;
    CLANG_22 = "clang-22", "clang-22", VERSION;
    /// A compiler for every target, with the sources of its library.
    DEBIAN_RUSTC = "/usr/bin/rustc", "rustc-web", Probe::IsRecentRust;
    DEBIAN_CARGO = "/usr/bin/cargo", "cargo-web", VERSION;
    DEBIAN_CLIPPY = "/usr/bin/cargo-clippy", "rust-web-clippy", VERSION;
    DEBIAN_RUST_SOURCE = "/usr/lib/rustlib/src/rust/library/core/src/lib.rs", "rust-web-src", Probe::Exists;
}

/// Whether missing tools are installed (`CI` is set), instead of leaving out what needs them.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// Whether the tool can be used. In CI it is installed if it is not there, and its absence is an error; elsewhere the reason
/// to skip is returned.
pub(crate) fn missing(_sh: &Shell, tool: Tool) -> Result<Option<String>> {
    /// Two threads of one process need not wait for each other's lock of the package manager.
    static INSTALLING: Mutex<()> = Mutex::new(());
    if is_there(tool) {
        return Ok(None);
    }
    if !in_ci() {
        return Ok(Some(told(&[tool])));
    }
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if !is_there(tool) {
        install(&[tool])?;
    }
    Ok(None)
}

/// The reason to skip what needs them.
fn told(missing: &[Tool]) -> String {
    let names: Vec<_> = missing.iter().map(|tool| tool.name).collect();
    let are = if names.len() == 1 { "is" } else { "are" };
    format!("{} {are} not installed: apt-get install {}", names.join(", "), packages(missing).join(" "))
}

/// The packages of tools, each once.
fn packages(tools: &[Tool]) -> Vec<&'static str> {
    let all: BTreeSet<_> = tools.iter().flat_map(|tool| tool.packages.split(' ')).collect();
    all.into_iter().collect()
}

/// Installs tools by one call of the package manager.
fn install(tools: &[Tool]) -> Result<()> {
    let packages = packages(tools);
    println!("installing {}", packages.join(" "));
    Installer::of_this_machine().install(&packages).with_context(|| {
        let names: Vec<_> = tools.iter().map(|tool| tool.name).collect();
        format!("{} could not be installed", names.join(", "))
    })?;
    for tool in tools {
        ensure!(is_there(*tool), "{} does not run although {} was installed", tool.name, tool.packages);
    }
    Ok(())
}

/// Whether a tool shows that it is there; nothing is installed. What did once is not asked again.
pub(crate) fn is_there(tool: Tool) -> bool {
    static SEEN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let seen = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen().contains(tool.name) {
        return true;
    }
    let works = match tool.probe {
        Probe::Exists => Path::new(tool.name).exists(),
        Probe::Runs(arguments) => {
            let mut probe = Command::new(tool.name);
            probe.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            probe.status().is_ok_and(|status| status.success())
        }
        Probe::IsRecentRust => {
            let said = Command::new(tool.name).arg("--version").output();
            said.is_ok_and(|said| is_recent_rust(&String::from_utf8_lossy(&said.stdout)))
        }
    };
    if works {
        seen().insert(tool.name);
    }
    works
}

/// Whether `rustc --version` says a version that the workspace can be built with.
fn is_recent_rust(said: &str) -> bool {
    let numbers = |version: &str| -> Option<(u32, u32)> {
        let mut parts = version.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    let version = said.strip_prefix("rustc ").and_then(numbers);
    version.is_some() && version >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

/// Every tool of the list: in CI all that are missing are installed together, elsewhere they are named.
pub(crate) fn all() -> Result<Done> {
    let missing: Vec<Tool> = ALL.iter().copied().filter(|tool| !is_there(*tool)).collect();
    if missing.is_empty() {
        return Ok(Done::Passed(format!("{} programs and files", ALL.len())));
    }
    if !in_ci() {
        return Ok(Done::Skipped(told(&missing)));
    }
    install(&missing)?;
    Ok(Done::Passed(format!("{} of {} were installed", missing.len(), ALL.len())))
}

/// A Rust toolchain whose name begins like this, as an argument for Cargo (`+nightly`), or why there is none. In CI rustup
/// installs it if it is not there, and its absence is an error.
pub(crate) fn rust_toolchain(
    sh: &Shell,
    name: &str,
    what_for: &str,
) -> Result<std::result::Result<String, String>> {
    let installed = || {
        let listed = cmd!(sh, "rustup toolchain list --quiet").quiet().ignore_stderr().read().ok()?;
        toolchain_named(&listed, name).map(|toolchain| format!("+{toolchain}"))
    };
    if let Some(toolchain) = installed() {
        return Ok(Ok(toolchain));
    }
    let why_not = format!("{what_for} takes Rust {name}: rustup toolchain install {name}");
    if !in_ci() {
        return Ok(Err(why_not));
    }
    persistently("rustup", || {
        cmd!(sh, "rustup toolchain install {name} --profile minimal --no-self-update")
            .run()
            .map_err(Into::into)
    })
    .context(why_not.clone())?;
    Ok(Ok(installed().context(why_not)?))
}

/// Of a list of installed toolchains, one a line, the first that is of this channel or version: `1.95` is also `1.95.0`, and
/// not `1.950`; `nightly` is not that of a certain day.
fn toolchain_named<'l>(listed: &'l str, name: &str) -> Option<&'l str> {
    let mut names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.find(|installed| {
        let rest = installed.strip_prefix(name);
        let is_dated =
            |rest: &str| rest.starts_with('-') && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        rest.is_some_and(|rest| (rest.is_empty() || rest.starts_with(['-', '.'])) && !is_dated(rest))
    })
}

#[cfg(test)]
mod tests;
