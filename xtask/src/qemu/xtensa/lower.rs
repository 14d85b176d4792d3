//! From LLVM's bitcode to an object.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use object::read::archive::ArchiveFile;

use super::literals;

/// How a target's code is lowered and assembled.
pub(super) struct Machine {
    /// Of LLVM: for bitcode that does not say itself (C).
    pub(super) cpu: &'static str,
    pub(super) features: &'static str,
    /// The assembler, with the end of its command line open for `-o OBJECT SOURCE`.
    pub(super) assembler: &'static [&'static str],
}

/// Runs a program whose output matters only if it fails.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("{program} did not start"))?;
    ensure!(output.status.success(), "{program} refused:\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Lowers an archive of bitcode to one object, `ARCHIVE.o`.
pub(super) fn archive(machine: &Machine, path: &Path) -> Result<PathBuf> {
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
    run(link.arg("-o").arg(&whole))?;
    bitcode(machine, &whole, &[])
}

/// Lowers one file of bitcode, binary or printed, to `FILE.o`.
pub(super) fn bitcode(machine: &Machine, file: &Path, flags: &[&str]) -> Result<PathBuf> {
    let (raw, fixed) = (file.with_extension("raw.s"), file.with_extension("fixed.s"));
    let mut llc = Command::new("llc-22");
    llc.args(["-O2", "-function-sections", "-data-sections", "-relocation-model=static", "-filetype=asm"]);
    run(llc.args(flags).arg("-o").arg(&raw).arg(file))?;
    std::fs::write(&fixed, literals::placed(&std::fs::read_to_string(raw)?)?)?;
    assemble(machine, &fixed, &file.with_extension("o"))
}

/// Assembles.
pub(super) fn assemble(machine: &Machine, source: &Path, object: &Path) -> Result<PathBuf> {
    let (assembler, flags) = machine.assembler.split_first().context("no assembler")?;
    run(Command::new(assembler).args(flags).arg("-o").arg(object).arg(source))?;
    Ok(object.to_path_buf())
}

/// Compiles C by way of LLVM, which has no C compiler driver for a chosen core of this architecture.
pub(super) fn c(machine: &Machine, flags: &[String], source: &Path, into: &Path) -> Result<PathBuf> {
    let printed = into.with_extension("ll");
    let mut clang = Command::new("clang-22");
    clang.args(["--target=xtensa", "-S", "-emit-llvm"]).args(flags);
    run(clang.arg("-o").arg(&printed).arg(source))?;
    bitcode(machine, &printed, &[&format!("-mcpu={}", machine.cpu), &format!("-mattr={}", machine.features)])
}
