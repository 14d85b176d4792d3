//! `libmicrousc_memory.a` as C programs link it, and where things are built.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::process::{cmd, root, sh};

/// Where the headers are.
pub(crate) const INCLUDE: &str = "crates/capi/include";
/// Where the C tests and the header that they share are.
pub(crate) const C_TESTS: &str = "crates/capi/tests/c";

/// How the archive is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// With debug assertions and overflow checks.
    Dev,
    /// As users link it.
    Release,
}

/// Where Cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// A folder of a command in the target directory.
pub(crate) fn work_dir(name: &str) -> Result<PathBuf> {
    Ok(sh().create_dir(target_dir().join("xtask").join(name))?)
}

/// Builds the archive and returns its path.
pub(crate) fn build(profile: Profile) -> Result<PathBuf> {
    let (flag, folder): (&[&str], _) = match profile {
        Profile::Dev => (&[], "debug"),
        Profile::Release => (&["--release"], "release"),
    };
    cmd!("cargo build --quiet --package microusc-memory --lib {flag...}").run()?;
    let path = target_dir().join(folder).join("libmicrousc_memory.a");
    ensure!(path.exists(), "{} was not built", path.display());
    Ok(path)
}

/// The folder of the headers.
pub(crate) fn include_dir() -> PathBuf {
    root().join(INCLUDE)
}

/// Every header, by the name that programs include it with.
pub(crate) fn headers() -> Result<Vec<String>> {
    let root = include_dir();
    let mut names = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for path in sh().read_dir(&folder)? {
            if path.is_dir() {
                folders.push(path);
            } else {
                names.push(path.strip_prefix(&root)?.display().to_string());
            }
        }
    }
    names.sort();
    Ok(names)
}
