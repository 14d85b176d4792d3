//! Xtensa: a compiler that knows the architecture but none of its targets, and whose objects cannot be used as they are.
//!
//! ```text
//!   sysroot    core and alloc from their sources, for our own target descriptions           once, kept
//!   rustc      an archive of bitcode, optimised as a whole (`obj-is-bitcode`)
//!   lower      llvm-link, llc to assembly, literal pools put in their place, assembler
//!   link       call0: GCC for C, and GNU ld. windowed: Clang for C by the same way, and the same ld
//! ```
//!
//! Why not rustc's own objects: see [`literals`]. Why one linker for both ABIs: Debian has none for the windowed one, and
//! LLVM makes every call through a register, so that the relocations are those that both ABIs share. That linker
//! must not relax, since it cannot decode windowed code.

mod literals;
mod sysroot;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::read::archive::ArchiveFile;

use super::cargo::{self, FROM_SOURCE, Library, MadeBy};
use super::data::Target;
use crate::code;
use crate::process::{Run, root};

/// How a target's code is lowered and assembled.
pub(super) struct Machine {
    /// Of LLVM, for bitcode that does not state it (C).
    flags: &'static [&'static str],
    /// The assembler, to which `-o OBJECT SOURCE` is added.
    assembler: &'static str,
}

pub(super) const CALL0: Machine = Machine {
    flags: &[],
    // No filling in front of branch targets: code is read back instruction by instruction.
    assembler: "xtensa-lx106-elf-as --no-target-align",
};
pub(super) const CALL0_BY_LLVM: Machine =
    Machine { assembler: "llvm-mc-22 -triple=xtensa -mcpu=esp8266 -filetype=obj", ..CALL0 };
pub(super) const WINDOWED: Machine = Machine {
    // As in the target descriptions: what QEMU's dc233c does not have.
    flags: &["-mcpu=esp32", "-mattr=-mul32high,-fp,-bool"],
    assembler: "llvm-mc-22 -triple=xtensa -mcpu=esp32 -filetype=obj",
};

pub(super) fn made_by(target: &Target) -> Result<MadeBy> {
    let mut made_by = MadeBy::from([
        ("rustc".to_owned(), cargo::version_of(sysroot::rustc())?),
        ("core".to_owned(), FROM_SOURCE.to_owned()),
    ]);
    for program in ["llc-22", &target.compiler[0], "xtensa-lx106-elf-ld"] {
        made_by.insert(program.to_owned(), cargo::version_of(Command::new(program))?);
    }
    Ok(made_by)
}

/// Builds a library to bitcode and lowers it to one object.
pub(super) fn library(target: &Target, machine: &Machine, library: Library) -> Result<PathBuf> {
    let bitcode = cargo::staticlib(target, sysroot::cargo(&root().join(&target.rust))?, library)?;
    lower_archive(machine, &bitcode)
}

/// The emulated core has the instruction in any case: this check sees that code for a chip without it does not use it, and
/// that code for a chip with it does.
pub(super) fn check_swaps(target: &Target, objects: [&Path; 2]) -> Result<()> {
    let description: serde_json::Value = serde_json::from_slice(&std::fs::read(&target.rust)?)?;
    let has = description["atomic-cas"].as_bool().context("a description without `atomic-cas`")?;
    let swaps = objects.into_iter().map(code::swaps).sum::<Result<usize>>()?;
    ensure!(
        (swaps > 0) == has,
        "{swaps} instructions that compare and swap, for a chip that has them: {has}"
    );
    Ok(())
}

/// Compiles every C file by way of LLVM, and links with GNU ld.
pub(crate) fn image(
    sources: &[PathBuf],
    flags: &[String],
    linking: &[String],
    archive: &Path,
    image: &Path,
) -> Result<()> {
    let folder = image.with_extension("objects");
    std::fs::create_dir_all(&folder)?;
    let mut ld = Command::new("xtensa-lx106-elf-ld");
    ld.args(["--no-relax", "--gc-sections", "--no-warn-rwx-segments", "-z", "noexecstack"]).args(linking);
    for (at, source) in sources.iter().enumerate() {
        // Sources of different folders may have one name.
        let name = source.file_name().context("a source without a name")?;
        let into = folder.join(format!("{at}-{}", name.display()));
        let object = into.with_extension("o");
        if source.extension().is_some_and(|end| end == "c") {
            let printed = into.with_extension("ll");
            let mut clang = Command::new("clang-22");
            clang.args(["--target=xtensa", "-S", "-emit-llvm"]).args(flags);
            clang.arg("-o").arg(&printed).arg(source).captured()?;
            lower(&WINDOWED, &printed, WINDOWED.flags)?;
        } else {
            assemble(&WINDOWED, source, &object)?;
        }
        ld.arg(object);
    }
    ld.arg(archive).arg("-o").arg(image).captured()?;
    Ok(())
}

/// Lowers an archive of bitcode to one object, `ARCHIVE.o`.
fn lower_archive(machine: &Machine, path: &Path) -> Result<PathBuf> {
    let bytes = std::fs::read(path)?;
    let mut link = Command::new("llvm-link-22");
    for (at, member) in ArchiveFile::parse(&*bytes)?.members().enumerate() {
        let data = member?.data(&*bytes)?;
        if data.starts_with(b"BC\xc0\xde") {
            let file = path.with_extension(format!("{at}.bc"));
            std::fs::write(&file, data)?;
            link.arg(file);
        }
    }
    let whole = path.with_extension("bc");
    link.arg("-o").arg(&whole).captured()?;
    lower(machine, &whole, &[])
}

/// Lowers one file of bitcode, binary or printed, to `FILE.o`.
fn lower(machine: &Machine, file: &Path, flags: &[&str]) -> Result<PathBuf> {
    let (raw, fixed) = (file.with_extension("raw.s"), file.with_extension("fixed.s"));
    let mut llc = Command::new("llc-22");
    llc.args(["-O2", "-function-sections", "-data-sections", "-relocation-model=static", "-filetype=asm"]);
    llc.args(flags).arg("-o").arg(&raw).arg(file).captured()?;
    std::fs::write(&fixed, literals::placed(&std::fs::read_to_string(raw)?)?)?;
    let object = file.with_extension("o");
    assemble(machine, &fixed, &object)?;
    Ok(object)
}

/// Assembles a file.
pub(super) fn assemble(machine: &Machine, source: &Path, object: &Path) -> Result<()> {
    let mut words = machine.assembler.split(' ');
    let mut assembler = Command::new(words.next().context("no assembler")?);
    assembler.args(words).arg("-o").arg(object).arg(source).captured()?;
    Ok(())
}
