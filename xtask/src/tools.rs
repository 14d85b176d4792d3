//! Programs that are not Cargo's: found, installed in CI, or reported as missing.
//!
//! `cargo xtask test` looks at the whole list, `xtask/tools.toml`, before anything else, and in CI installs what is
//! missing by one call of the package manager ([`all`]), since the tests that Cargo runs need some of it, too. A command
//! that runs alone looks for what it needs ([`need`]).

mod install;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::process::cmd;
use crate::report::{Done, Skip};
use install::Installer;
pub(crate) use install::persistently;

/// A line of `tools.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    packages: String,
    #[serde(default = "version")]
    probe: String,
    /// Read by the test that every program belongs to a tool.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code))]
    brings: Vec<String>,
}

fn version() -> String {
    "--version".to_owned()
}

static TOOLS: LazyLock<BTreeMap<String, Tool>> =
    LazyLock::new(|| toml::from_str(include_str!("../tools.toml")).expect("tools.toml"));

/// Whether missing tools are installed (`CI` is set), instead of leaving out what needs them.
pub(crate) fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// An error with the reason to skip what needs these tools, if one is missing. In CI they are installed instead.
pub(crate) fn need<S: AsRef<str>>(names: &[S]) -> Result<()> {
    /// Two threads of one process need not wait for each other's lock of the package manager.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let missing = || names.iter().copied().filter(|name| !is_there(name)).collect::<Vec<_>>();
    let found = missing();
    if found.is_empty() {
        return Ok(());
    }
    if !in_ci() {
        return Err(Skip::because(advice(&found)));
    }
    let _alone = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    install(&missing())
}

/// What to install.
fn advice(missing: &[&str]) -> String {
    let are = if missing.len() == 1 { "is" } else { "are" };
    format!("{} {are} not installed: apt-get install {}", missing.join(", "), packages(missing).join(" "))
}

/// The packages of tools, each once.
fn packages(names: &[&str]) -> Vec<&'static str> {
    let all: BTreeSet<_> = names.iter().flat_map(|name| TOOLS[*name].packages.split(' ')).collect();
    all.into_iter().collect()
}

/// Installs tools by one call of the package manager.
fn install(names: &[&str]) -> Result<()> {
    let packages = packages(names);
    println!("installing {}", packages.join(" "));
    Installer::of_this_machine()
        .install(&packages)
        .with_context(|| format!("{} could not be installed", names.join(", ")))?;
    for name in names {
        ensure!(is_there(name), "{name} does not run although {} was installed", TOOLS[*name].packages);
    }
    Ok(())
}

/// Whether a tool can be used; nothing is installed. A tool that was found once is not looked for again.
pub(crate) fn is_there(name: &str) -> bool {
    static SEEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let seen = || SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if seen().contains(name) {
        return true;
    }
    let tool = TOOLS.get(name).unwrap_or_else(|| panic!("tools.toml has no {name}"));
    let works = match tool.probe.as_str() {
        "file" => Path::new(name).exists(),
        "recent rustc" => {
            let output = Command::new(name).arg("--version").output();
            output.is_ok_and(|output| is_recent_rust(&String::from_utf8_lossy(&output.stdout)))
        }
        arguments => {
            let mut probe = Command::new(name);
            probe.args(arguments.split(' ')).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            probe.status().is_ok_and(|status| status.success())
        }
    };
    if works {
        seen().insert(name.to_owned());
    }
    works
}

/// Whether the output of `rustc --version` names a version that the workspace can be built with.
fn is_recent_rust(output: &str) -> bool {
    let numbers = |version: &str| -> Option<(u32, u32)> {
        let mut parts = version.split('.').map(|part| part.parse().ok());
        Some((parts.next()??, parts.next()??))
    };
    let version = output.strip_prefix("rustc ").and_then(numbers);
    version.is_some() && version >= numbers(env!("CARGO_PKG_RUST_VERSION"))
}

/// Looks for every tool of the list. In CI all that are missing are installed together, elsewhere they are named.
pub(crate) fn all() -> Result<Done> {
    let missing: Vec<&str> = TOOLS.keys().map(String::as_str).filter(|name| !is_there(name)).collect();
    need(&missing)?;
    Ok(Done::Passed(format!("{} programs and files, {} installed now", TOOLS.len(), missing.len())))
}

/// A Rust toolchain whose name begins like this, as an argument for Cargo (`+nightly`). In CI rustup installs it.
pub(crate) fn rust_toolchain(name: &str, purpose: &str) -> Result<String> {
    let installed = || {
        let listed = cmd!("rustup toolchain list --quiet").quiet().ignore_stderr().read().ok()?;
        toolchain_named(&listed, name).map(|toolchain| format!("+{toolchain}"))
    };
    if let Some(toolchain) = installed() {
        return Ok(toolchain);
    }
    let advice = format!("{purpose} needs Rust {name}: rustup toolchain install {name}");
    if !in_ci() {
        return Err(Skip::because(advice));
    }
    persistently("rustup", || {
        cmd!("rustup toolchain install {name} --profile minimal --no-self-update").run().map_err(Into::into)
    })
    .context(advice.clone())?;
    installed().context(advice)
}

/// Of a list of installed toolchains, one a line, the first of this channel or version: `1.95` is also `1.95.0`, and not
/// `1.950`; `nightly` is not that of a certain day.
fn toolchain_named<'l>(listed: &'l str, name: &str) -> Option<&'l str> {
    let mut names = listed.lines().filter_map(|line| line.split_whitespace().next());
    names.find(|installed| {
        let is_dated =
            |rest: &str| rest.starts_with('-') && rest[1..].starts_with(|c: char| c.is_ascii_digit());
        installed
            .strip_prefix(name)
            .is_some_and(|rest| (rest.is_empty() || rest.starts_with(['-', '.'])) && !is_dated(rest))
    })
}

/// That a command of Cargo is there, which CI installs: in a debug build, which is as good for a program that only
/// starts others, and is made in half the time.
pub(crate) fn need_cargo_command(name: &str) -> Result<()> {
    let package = format!("cargo-{name}");
    if cmd!("cargo {name} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok() {
        return Ok(());
    }
    if !in_ci() {
        return Err(Skip::because(format!("{package} is not installed: cargo install {package}")));
    }
    persistently(&package, || {
        cmd!("cargo install --quiet --locked --debug {package}").run().map_err(Into::into)
    })
    .with_context(|| format!("{package} could not be installed"))
}

#[cfg(test)]
mod tests;
