//! The instructions of objects, archives and programs, as `llvm-objdump` lists them.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::Run;

/// A symbol in code, and the instructions up to the next one.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) section: String,
    pub(crate) name: String,
    pub(crate) code: Vec<Instruction>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) at: u64,
    pub(crate) name: String,
    pub(crate) operands: String,
    /// The name that the listing shows for a target, and how far behind its beginning the target is.
    pub(crate) target: Option<(String, u64)>,
}

impl Instruction {
    /// The number of the Xtensa register that is the first operand.
    pub(super) fn first_register(&self) -> Option<usize> {
        self.operands.split(',').next()?.strip_prefix('a')?.parse().ok()
    }
}

/// Lists the code of a file. What a description of the file lacks is stated here: all instructions that any chip has.
pub(crate) fn list(file: &Path) -> Result<Vec<Listed>> {
    let kind = object_kind(file)?;
    let mut objdump = Command::new("llvm-objdump-22");
    objdump.args(["--disassemble", "--no-show-raw-insn"]).arg(file);
    match kind {
        object::Architecture::Riscv32 => drop(objdump.arg("--mattr=+m,+a,+c,+f")),
        object::Architecture::Xtensa => drop(objdump.arg("--mcpu=esp32")),
        _ => {}
    }
    let listed = parse(&objdump.captured()?.stdout)?;
    ensure!(!listed.is_empty(), "{} has no code", file.display());
    Ok(listed)
}

/// The architecture of a file, or of the first object in an archive.
fn object_kind(file: &Path) -> Result<object::Architecture> {
    use object::Object;
    let objects = super::members(&std::fs::read(file)?)?;
    Ok(object::File::parse(&**objects.first().context("no object")?)?.architecture())
}

fn parse(text: &str) -> Result<Vec<Listed>> {
    let (mut listed, mut section) = (Vec::<Listed>::new(), "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Disassembly of section ") {
            section = rest.trim_end_matches(':');
        } else if let Some((_, name)) = line.strip_suffix(">:").and_then(|head| head.split_once(" <")) {
            listed.push(Listed { section: section.to_owned(), name: name.to_owned(), ..Listed::default() });
        } else if let Some((at, rest)) = line.trim_start().split_once(':')
            && let Ok(at) = u64::from_str_radix(at, 16)
        {
            let listed = listed.last_mut().with_context(|| format!("`{line}` belongs to no symbol"))?;
            listed.code.push(instruction(at, rest));
        }
    }
    Ok(listed)
}

/// From `  callq  0x4c <name+0x4c>  # comment`.
fn instruction(at: u64, text: &str) -> Instruction {
    let text = text.trim();
    let (name, operands) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let written = operands.split(['#', '<']).next().unwrap_or("").trim();
    let shown = operands.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(shown, _)| shown);
    let target = shown.map(|shown| match shown.rsplit_once("+0x") {
        Some((name, offset)) => (name.to_owned(), u64::from_str_radix(offset, 16).unwrap_or(0)),
        None => (shown.to_owned(), 0),
    });
    Instruction { at, name: name.to_owned(), operands: written.to_owned(), target }
}

#[cfg(test)]
mod tests {
    use super::{Instruction, parse};

    const TEXT: &str = "\n/a/lib.a(one.o):\tfile format elf32-littleriscv\n\nDisassembly of section .text.f:\n\n\
        00000000 <f>:\n       0:      \tauipc\tra, 0x0\n       4:      \tjalr\t0x288(ra) <g+0x10>\n\
        /a/lib.a(two.o):\tfile format elf32-littleriscv\nDisassembly of section .text.g:\n00000010 <g>:\n\
        \x20     10:      \tmovl\t$0x102, %edi            # imm = 0x102\n      14:      \t<unknown>\n      18:      \tret\n";

    #[test]
    fn instructions_are_listed_by_section_and_symbol() {
        let listed = parse(TEXT).unwrap();
        let heads: Vec<_> = listed.iter().map(|l| (l.section.as_str(), l.name.as_str())).collect();
        assert_eq!(heads, [(".text.f", "f"), (".text.g", "g")]);
        let target = Some(("g".to_owned(), 0x10));
        let jump = Instruction { at: 4, name: "jalr".into(), operands: "0x288(ra)".into(), target };
        assert_eq!(listed[0].code[1], jump);
        let names: Vec<_> = listed[1].code.iter().map(|i| (i.name.as_str(), i.operands.as_str())).collect();
        assert_eq!(names, [("movl", "$0x102, %edi"), ("<unknown>", ""), ("ret", "")]);
    }
}
