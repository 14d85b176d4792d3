//! `libmicrousc_memory.a`, as C programs link it.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use xshell::{Shell, cmd};

/// How the archive is built.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// With debug assertions and overflow checks.
    Dev,
    /// As users link it.
    Release,
}

/// Where Cargo builds.
pub(crate) fn target_dir(sh: &Shell) -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => sh.current_dir().join(dir),
        None => sh.current_dir().join("target"),
    }
}

/// A folder of our own in the target directory.
pub(crate) fn work_dir(sh: &Shell, name: &str) -> Result<PathBuf> {
    let dir = target_dir(sh).join("xtask").join(name);
    sh.create_dir(&dir)?;
    Ok(dir)
}

/// Builds the archive and returns its path.
pub(crate) fn build(sh: &Shell, profile: Profile) -> Result<PathBuf> {
    let (flag, folder): (&[&str], _) = match profile {
        Profile::Dev => (&[], "debug"),
        Profile::Release => (&["--release"], "release"),
    };
    cmd!(sh, "cargo build --quiet --package microusc-memory --lib {flag...}").run()?;
    let path = target_dir(sh).join(folder).join("libmicrousc_memory.a");
    ensure!(path.exists(), "{} was not built", path.display());
    Ok(path)
}

/// Where the headers are.
pub(crate) fn include_dir(root: &Path) -> PathBuf {
    root.join("crates/capi/include")
}
