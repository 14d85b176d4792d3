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
mod lower;
mod sysroot;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use super::link::Linker;
use super::programs::{Program, Source};
use super::targets::Target;
use super::toolchain::{self, Archives, Compiler, FROM_SOURCE, MadeBy, Toolchain};
use crate::hotpath;
use crate::tools::{
    self, CLANG_22, DEBIAN_CARGO, DEBIAN_RUST_SOURCE, DEBIAN_RUSTC, LLC, QEMU_XTENSA, Tool, XTENSA_GCC,
    XTENSA_LD,
};
use lower::Machine;

/// Where Debian's package puts the sources of the library.
const LIBRARY: &str = "/usr/lib/rustlib/src/rust/library";

/// What all three targets need.
pub(super) const TOOLS: &[Tool] =
    &[DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_RUST_SOURCE, LLC, CLANG_22, XTENSA_GCC, XTENSA_LD, QEMU_XTENSA];

pub(super) const CALL0: Toolchain =
    Toolchain { missing, build: build_call0, memory: memory_call0, made_by, link: link_call0 };
pub(super) const CALL0_BY_LLVM: Toolchain = Toolchain { build: build_call0_by_llvm, ..CALL0 };
pub(super) const WINDOWED: Toolchain =
    Toolchain { missing, build: build_windowed, memory: memory_windowed, made_by, link: link_windowed };

const CALL0_MACHINE: Machine = Machine {
    cpu: "esp8266",
    features: "",
    // No filling in front of branch targets: code is read back instruction by instruction (`hotpath/iram.rs`).
    assembler: &["xtensa-lx106-elf-as", "--no-target-align"],
};
const CALL0_MACHINE_BY_LLVM: Machine = Machine {
    assembler: &["llvm-mc-22", "-triple=xtensa", "-mcpu=esp8266", "-filetype=obj"],
    ..CALL0_MACHINE
};
const WINDOWED_MACHINE: Machine = Machine {
    cpu: "esp32",
    // As in the target descriptions: what QEMU's dc233c does not have.
    features: "-mul32high,-fp,-bool",
    assembler: &["llvm-mc-22", "-triple=xtensa", "-mcpu=esp32", "-filetype=obj"],
};

fn rustc() -> Command {
    let mut rustc = Command::new(DEBIAN_RUSTC.name);
    rustc.env("RUSTC_BOOTSTRAP", "1");
    toolchain::forget_outer_cargo(&mut rustc, Compiler::Debian);
    rustc
}

fn missing(sh: &Shell, _target: &Target) -> Result<Option<String>> {
    for tool in TOOLS {
        if let Some(why) = tools::missing(sh, *tool)? {
            return Ok(Some(why));
        }
    }
    Ok(None)
}

fn made_by(target: &Target) -> Result<MadeBy> {
    let mut made_by = MadeBy::from([
        ("rustc".to_owned(), toolchain::version_of(rustc())?),
        ("core".to_owned(), FROM_SOURCE.to_owned()),
    ]);
    for program in [LLC.name, target.compiler[0], XTENSA_LD.name] {
        made_by.insert(program.to_owned(), toolchain::version_of(Command::new(program))?);
    }
    Ok(made_by)
}

fn build_call0(sh: &Shell, target: &Target) -> Result<Archives> {
    build(sh, target, &CALL0_MACHINE)
}

fn build_call0_by_llvm(sh: &Shell, target: &Target) -> Result<Archives> {
    build(sh, target, &CALL0_MACHINE_BY_LLVM)
}

fn build_windowed(sh: &Shell, target: &Target) -> Result<Archives> {
    build(sh, target, &WINDOWED_MACHINE)
}

fn memory_call0(sh: &Shell, target: &Target) -> Result<PathBuf> {
    memory(sh, target, &CALL0_MACHINE)
}

fn memory_windowed(sh: &Shell, target: &Target) -> Result<PathBuf> {
    memory(sh, target, &WINDOWED_MACHINE)
}

fn cargo(sh: &Shell, description: &Path) -> Result<Command> {
    let sysroot = sysroot::ensure(sh, description)?;
    let mut cargo = Command::new(DEBIAN_CARGO.name);
    toolchain::forget_outer_cargo(&mut cargo, Compiler::Debian);
    cargo.env("RUSTC", DEBIAN_RUSTC.name).env("RUSTC_BOOTSTRAP", "1");
    cargo.env("RUSTFLAGS", format!("--sysroot={}", sysroot.display()));
    cargo.env("CARGO_UNSTABLE_JSON_TARGET_SPEC", "true");
    // Nothing here reads it.
    cargo.env("CARGO_PROFILE_FIRMWARE_DEBUG", "0");
    Ok(cargo)
}

fn memory(sh: &Shell, target: &Target, machine: &Machine) -> Result<PathBuf> {
    let description = sh.current_dir().join(target.rust);
    let bitcode = toolchain::memory(sh, target, cargo(sh, &description)?, &description)?;
    lower::archive(machine, &bitcode)
}

fn build(sh: &Shell, target: &Target, machine: &Machine) -> Result<Archives> {
    let description = sh.current_dir().join(target.rust);
    let memory = toolchain::memory(sh, target, cargo(sh, &description)?, &description)?;
    let programs = toolchain::programs(sh, target, cargo(sh, &description)?, &description)?;
    let archives =
        Archives { memory: lower::archive(machine, &memory)?, programs: lower::archive(machine, &programs)? };
    // What the pools call to mask interrupts is part of their hot paths.
    let mask = target.runtime.iter().find(|source| source.ends_with("mask.s")).context("no mask")?;
    let mask = sh.current_dir().join("firmware/runtime").join(mask);
    let mask = lower::assemble(machine, &mask, &memory.with_extension("mask.o"))?;
    let [memory, programs] = [std::fs::read(&archives.memory)?, std::fs::read(&archives.programs)?];
    check_swaps(&description, [&memory, &programs])?;
    hotpath::check_instruction_ram(&[memory, std::fs::read(mask)?])?;
    Ok(archives)
}

/// The emulated core has the instruction in any case: that code for a chip without it does not use it is seen here. And
/// that code for a chip with it does.
fn check_swaps(description: &Path, objects: [&[u8]; 2]) -> Result<()> {
    let description: serde_json::Value = serde_json::from_slice(&std::fs::read(description)?)?;
    let has = description["atomic-cas"].as_bool().context("a description without `atomic-cas`")?;
    let swaps = objects.iter().map(|object| hotpath::swaps(object)).sum::<Result<usize>>()?;
    ensure!(
        (swaps > 0) == has,
        "{swaps} instructions that compare and swap, for a chip that has them: {has}"
    );
    Ok(())
}

fn link_call0(linker: &Linker<'_>, program: &Program, image: &Path) -> Result<()> {
    linker.drive(program, image)
}

/// A program for the windowed ABI.
fn link_windowed(linker: &Linker<'_>, program: &Program, image: &Path) -> Result<()> {
    let (_, flags) = linker.target.compiler.split_first().context("no compiler")?;
    let mut flags: Vec<String> = flags.iter().map(|&flag| flag.into()).collect();
    // In front of the compiler's own headers.
    flags.push(format!("-I{}", linker.runtime.join("xtensa/windowed").display()));
    flags.extend(linker.compile_flags(program));
    let mut linking = linker.script_flags().to_vec();
    if let Source::Rust(function) = program.source {
        linking.extend([format!("--undefined={function}"), format!("--defsym=main={function}")]);
    }
    linking.extend(program.symbols.iter().map(|symbol| format!("--defsym={symbol}")));
    windowed_image(&linker.sources(program)?, &flags, &linking, linker.archive(program), image)
}

/// Every C file by way of LLVM, then GNU ld.
pub(crate) fn windowed_image(
    sources: &[PathBuf],
    flags: &[String],
    linking: &[String],
    archive: &Path,
    image: &Path,
) -> Result<()> {
    let folder = image.with_extension("objects");
    std::fs::create_dir_all(&folder)?;
    let mut ld = Command::new(XTENSA_LD.name);
    ld.args(["--no-relax", "--gc-sections", "--no-warn-rwx-segments", "-z", "noexecstack"]).args(linking);
    for (at, source) in sources.iter().enumerate() {
        // Sources of different folders may have one name.
        let name = source.file_name().context("a source without a name")?;
        let into = folder.join(format!("{at}-{}", name.display()));
        ld.arg(if source.extension().is_some_and(|end| end == "c") {
            lower::c(&WINDOWED_MACHINE, flags, source, &into)?
        } else {
            lower::assemble(&WINDOWED_MACHINE, source, &into.with_extension("o"))?
        });
    }
    lower::run(ld.arg(archive).arg("-o").arg(image))
}
