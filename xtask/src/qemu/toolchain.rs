//! The archives of a target, by the toolchain that it states.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::cargo::{self, Compiler, Library, MadeBy};
use super::data::{Target, Toolchain};
use super::xtensa::{self, Machine};
use crate::code;
use crate::process::cmd;
use crate::tools;

/// What programs are linked with.
pub(crate) struct Archives {
    /// The C functions.
    pub(crate) memory: PathBuf,
    /// Every program that is written in Rust.
    pub(crate) programs: PathBuf,
}

fn machine(target: &Target) -> Option<&'static Machine> {
    match target.toolchain {
        Toolchain::Rust | Toolchain::Rustup => None,
        Toolchain::Call0 => Some(&xtensa::CALL0),
        Toolchain::Call0ByLlvm => Some(&xtensa::CALL0_BY_LLVM),
        Toolchain::Windowed => Some(&xtensa::WINDOWED),
    }
}

/// That a target can be built and run here. In CI what is missing is installed.
pub(crate) fn need(target: &Target) -> Result<()> {
    tools::need(&target.tools)?;
    tools::need(&["gcc", "readelf", "llc-22"])?;
    match target.toolchain {
        Toolchain::Rust => cargo::need(&target.rust),
        Toolchain::Rustup => cargo::need_installed(&target.rust),
        _ => Ok(()),
    }
}

/// The same target by rustup's compiler, unless everything is by that one.
pub(crate) fn by_rustup(target: &Target, work: &str) -> Option<Target> {
    let other = Compiler::of(&target.rust) != Compiler::Rustup;
    other.then(|| Target { toolchain: Toolchain::Rustup, work: work.to_owned(), ..target.clone() })
}

/// Which programs, in which versions, make instructions of ours. Figures of others are not compared.
pub(crate) fn made_by(target: &Target) -> Result<MadeBy> {
    if machine(target).is_some() { xtensa::made_by(target) } else { cargo::made_by(target) }
}

/// Makes the archive of the C functions, or, for Xtensa, the object.
pub(crate) fn memory(target: &Target) -> Result<PathBuf> {
    library(target, Library::Memory)
}

fn library(target: &Target, library: Library) -> Result<PathBuf> {
    if let Some(machine) = machine(target) {
        return xtensa::library(target, machine, library);
    }
    let archive = cargo::staticlib(target, cargo::cargo_for(target), library)?;
    drop_unwind_tables(target, &archive)?;
    Ok(archive)
}

/// Makes both archives, and checks that what runs in instruction RAM needs nothing else.
pub(crate) fn build(target: &Target) -> Result<Archives> {
    let archives =
        Archives { memory: library(target, Library::Memory)?, programs: library(target, Library::Programs)? };
    if let Some(machine) = machine(target) {
        xtensa::check_swaps(target, [&archives.memory, &archives.programs])?;
        // The functions that the pools call to mask interrupts are part of their hot paths.
        let mask = target.runtime.iter().find(|source| source.ends_with("mask.s")).context("no mask")?;
        let object = archives.memory.with_extension("mask.o");
        xtensa::assemble(machine, &Path::new("firmware/runtime").join(mask), &object)?;
        code::check_instruction_ram(&[&archives.memory, &object], &[])?;
    } else if target.rust.starts_with("riscv") {
        code::check_instruction_ram(&[&archives.memory], &[])?;
    }
    Ok(archives)
}

/// How the names of sections begin that only unwinding reads, on RISC-V and on Arm.
pub(crate) const UNWIND_TABLES: [&str; 3] = [".eh_frame", ".ARM.exidx", ".ARM.extab"];

/// Removes what only unwinding reads, which no chip does: a compiled `core` brings it along, for its own functions, into
/// programs that are built without. Linker scripts for chips discard it; the scripts here keep everything. GNU `ld` crashes
/// on two archives with it, and on Arm it asks for an unwinder.
fn drop_unwind_tables(target: &Target, archive: &Path) -> Result<()> {
    let Some(prefix) = target.compiler[0].strip_suffix("gcc").filter(|prefix| !prefix.is_empty()) else {
        return Ok(()); // of this machine, whose linker knows them
    };
    let objcopy = format!("{prefix}objcopy");
    let arguments = UNWIND_TABLES
        .iter()
        .flat_map(|name| [format!("--remove-section={name}*"), format!("--remove-section=.rel*{name}*")]);
    cmd!("{objcopy} {arguments...} {archive}").quiet().run()?;
    Ok(())
}
