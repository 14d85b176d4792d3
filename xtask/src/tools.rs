//! Programs that are not Cargo's: found, installed in CI, or reported as missing.

use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

/// A program and the Debian package that has it.
#[derive(Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
}

const fn tool(name: &'static str, package: &'static str) -> Tool {
    Tool { name, package }
}

pub(crate) const GCC: Tool = tool("gcc", "gcc");
pub(crate) const GXX: Tool = tool("g++", "g++");
pub(crate) const CLANG: Tool = tool("clang", "clang");
pub(crate) const VALGRIND: Tool = tool("valgrind", "valgrind");
pub(crate) const READELF: Tool = tool("readelf", "binutils");

/// Whether the tool can be used. In CI (`CI` is set) it is installed if it is not there, and its absence is an
/// error; elsewhere the reason to skip is returned.
pub(crate) fn missing(sh: &Shell, tool: Tool) -> Result<Option<String>> {
    if works(tool) {
        return Ok(None);
    }
    let Tool { name, package } = tool;
    if std::env::var_os("CI").is_none() {
        return Ok(Some(format!("{name} is not installed: apt-get install {package}")));
    }
    cmd!(sh, "apt-get update --quiet").run()?;
    cmd!(sh, "apt-get install --yes --quiet --no-install-recommends {package}")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .run()
        .with_context(|| format!("{name} is missing and could not be installed"))?;
    anyhow::ensure!(works(tool), "{name} does not run although {package} was installed");
    Ok(None)
}

fn works(tool: Tool) -> bool {
    let mut version = Command::new(tool.name);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
