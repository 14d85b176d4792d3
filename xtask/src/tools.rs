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
pub(crate) const RISCV_GCC: Tool = tool("riscv64-unknown-elf-gcc", "gcc-riscv64-unknown-elf");
pub(crate) const ARM_GCC: Tool = tool("arm-none-eabi-gcc", "gcc-arm-none-eabi");
pub(crate) const QEMU_RISCV32: Tool = tool("qemu-system-riscv32", "qemu-system-misc");
pub(crate) const CMAKE: Tool = tool("cmake", "cmake");
pub(crate) const PICOLIBC: Tool = tool(PICOLIBC_SPECS, "picolibc-riscv64-unknown-elf");
pub(crate) const PYTHON: Tool = tool("python3", "python3-venv");
pub(crate) const QEMU_ARM: Tool = tool("qemu-system-arm", "qemu-system-arm");
pub(crate) const QEMU_XTENSA: Tool = tool("qemu-system-xtensa", "qemu-system-misc");
pub(crate) const XTENSA_GCC: Tool = tool("xtensa-lx106-elf-gcc", "gcc-xtensa-lx106");
pub(crate) const XTENSA_LD: Tool = tool("xtensa-lx106-elf-ld", "binutils-xtensa-lx106");
/// Of the same LLVM as Debian's rustc.
pub(crate) const LLC: Tool = tool("llc-22", "llvm-22");
pub(crate) const LLD: Tool = tool("ld.lld", "lld");
pub(crate) const CLANG_22: Tool = tool("clang-22", "clang-22");
/// A compiler for every target, with the sources of its library.
pub(crate) const DEBIAN_RUSTC: Tool = tool("/usr/bin/rustc", "rustc-web");
pub(crate) const DEBIAN_CARGO: Tool = tool("/usr/bin/cargo", "cargo-web");
pub(crate) const DEBIAN_CLIPPY: Tool = tool("/usr/bin/cargo-clippy", "rust-web-clippy");
pub(crate) const DEBIAN_RUST_SOURCE: Tool = tool(RUST_SOURCE, "rust-web-src");
/// Not programs: they are there or not.
const RUST_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/core/src/lib.rs";
const PICOLIBC_SPECS: &str = "/usr/lib/picolibc/riscv64-unknown-elf/picolibc.specs";

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
    if [RUST_SOURCE, PICOLIBC_SPECS].contains(&tool.name) {
        return std::path::Path::new(tool.name).exists();
    }
    let mut version = Command::new(tool.name);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
