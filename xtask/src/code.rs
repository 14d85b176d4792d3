//! What functions in objects and archives consist of, and what they call.
//!
//! Instructions come from `llvm-objdump`, and addresses in them from the relocations. From each entry, every function that
//! can be reached is looked at:
//!
//! ```text
//!   on this machine    no division, no trap, no jump table, no call through a pointer, nothing but our own functions
//!   for chips          the same of calls and divisions; and code, constants and read-only data lie in instruction RAM
//! ```
//!
//! LLVM makes an Xtensa call through a register that L32R loaded, so that register is followed from the load to the call.
//!
//! The walk cannot know which memory a load or a store reaches. Blocks may lie in memory that takes words only: that they
//! are reached by words alone is seen by a run (`firmware/programs/words.c`). The number of accesses to bytes and half words
//! is shown.

pub(crate) mod listing;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::read::archive::ArchiveFile;
use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget, SectionFlags,
    SectionKind, SymbolKind, SymbolSection, elf,
};
use serde::Deserialize;

use listing::{Instruction, Listed};

/// What `hotpaths.toml` says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HotPaths {
    entries: Vec<String>,
    ends_at: Vec<String>,
    leaves_instruction_ram_at: Vec<String>,
    of_the_component: Vec<String>,
}

static HOT_PATHS: std::sync::LazyLock<HotPaths> =
    std::sync::LazyLock::new(|| toml::from_str(include_str!("../hotpaths.toml")).expect("hotpaths.toml"));

/// The functions that programs call all the time.
pub(crate) fn hot_entries() -> &'static [String] {
    &HOT_PATHS.entries
}

/// The functions of the ESP-IDF component that alloc and free may call.
pub(crate) fn of_the_component() -> &'static [String] {
    &HOT_PATHS.of_the_component
}

/// Functions with their bytes and the number of accesses to bytes and half words; and what must not be there.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    pub(crate) functions: BTreeMap<String, (u64, usize)>,
    pub(crate) violations: Vec<String>,
}

/// Walks the hot paths in an archive for this machine.
pub(crate) fn hot_paths(archive: &Path) -> Result<Reached> {
    reached(&[archive], &HOT_PATHS.entries, &HOT_PATHS.ends_at, &[])
}

/// Checks that the hot paths in objects for Xtensa or RISC-V need nothing but RAM, functions of the program but for those
/// in `allowed`.
pub(crate) fn check_instruction_ram(files: &[&Path], allowed: &[String]) -> Result<Reached> {
    let reached = reached(files, &HOT_PATHS.entries, &HOT_PATHS.leaves_instruction_ram_at, allowed)?;
    ensure!(reached.violations.is_empty(), "not in instruction RAM: {}", reached.violations.join("; "));
    Ok(reached)
}

/// The number of instructions in an object for Xtensa that compare and swap.
pub(crate) fn swaps(file: &Path) -> Result<usize> {
    let listed = listing::list(file)?;
    Ok(listed.iter().flat_map(|listed| &listed.code).filter(|code| code.name == "s32c1i").count())
}

/// Every object of an archive; the file itself if it is an object.
pub(crate) fn members(file: &[u8]) -> Result<Vec<Vec<u8>>> {
    if !file.starts_with(&object::archive::MAGIC) {
        return Ok(vec![file.to_vec()]);
    }
    let archive = ArchiveFile::parse(file).context("not an archive")?;
    let data = archive.members().map(|member| Ok(member?.data(file)?));
    let all = data.collect::<Result<Vec<&[u8]>>>()?;
    // Members that hold no machine code, such as metadata, are not objects.
    let objects: Vec<_> =
        all.into_iter().filter(|data| object::File::parse(*data).is_ok()).map(<[u8]>::to_vec).collect();
    ensure!(!objects.is_empty(), "no object in the archive");
    Ok(objects)
}

/// Our own objects in an archive; the file itself if it is an object.
pub(crate) fn our_members(file: &[u8]) -> Result<Vec<Vec<u8>>> {
    if !file.starts_with(&object::archive::MAGIC) {
        return Ok(vec![file.to_vec()]);
    }
    let ours = ArchiveFile::parse(file)?.members().filter_map(|member| match member {
        Ok(member) if !member.name().starts_with(b"microusc_") => None,
        member => Some(member.and_then(|member| Ok(member.data(file)?.to_vec()))),
    });
    Ok(ours.collect::<object::Result<_>>()?)
}

/// What an address in an instruction or a constant leads to.
#[derive(Clone, Debug)]
enum Leads {
    ToCode(String),
    ToData {
        section: String,
        writable: bool,
    },
    /// To a place in code where no function begins.
    Elsewhere,
}

struct Function {
    section: String,
    bytes: u64,
    code: Vec<Instruction>,
    /// By the address of the relocation.
    leads: BTreeMap<u64, (u32, Leads)>,
    /// Of Xtensa: the section of each constant that is loaded, and what is in it.
    constants: BTreeMap<u64, (String, Option<Leads>)>,
    architecture: Architecture,
}

/// Walks everything that `entries` reach, to functions whose name contains a part in `ends_at` or is in `allowed`.
fn reached(files: &[&Path], entries: &[String], ends_at: &[String], allowed: &[String]) -> Result<Reached> {
    let mut functions = BTreeMap::new();
    for file in files {
        read(file, &mut functions).with_context(|| file.display().to_string())?;
    }
    for entry in entries {
        ensure!(functions.contains_key(entry), "`{entry}` is not in the objects");
    }
    let mut reached = Reached::default();
    let mut pending: Vec<(String, String)> =
        entries.iter().map(|entry| ("the program".to_owned(), entry.clone())).collect();
    while let Some((caller, name)) = pending.pop() {
        let ends = ends_at.iter().any(|part| name.contains(part.as_str())) || allowed.contains(&name);
        if reached.functions.contains_key(&name) || ends {
            continue;
        }
        let Some(function) = functions.get(&name) else {
            reached.violations.push(format!("`{caller}` calls `{name}`, which is not part of the library"));
            continue;
        };
        let mut walk = Walk::default();
        walk.function(&name, function);
        reached.functions.insert(name.clone(), (function.bytes, walk.narrow));
        reached.violations.extend(walk.wrong.iter().map(|wrong| format!("`{name}` {wrong}")));
        pending.extend(walk.callees.into_iter().map(|callee| (name.clone(), callee)));
    }
    Ok(reached)
}

/// Adds the functions of an object, or of our objects in an archive.
fn read(file: &Path, functions: &mut BTreeMap<String, Function>) -> Result<()> {
    let bytes = std::fs::read(file)?;
    for (number, data) in our_members(&bytes)?.iter().enumerate() {
        let object = object::File::parse(&**data)?;
        let extracted = file.with_extension(format!("{number}.extracted"));
        std::fs::write(&extracted, data)?;
        let mut listed: BTreeMap<(String, String), Vec<Instruction>> = listing::list(&extracted)?
            .into_iter()
            .map(|Listed { section, name, code }| ((section, name), code))
            .collect();
        std::fs::remove_file(&extracted)?;
        for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            let (Ok(name), Some(index)) = (symbol.name(), symbol.section_index()) else { continue };
            let section = object.section_by_index(index)?;
            let Some(code) = listed.remove(&(section.name()?.to_owned(), name.to_owned())) else { continue };
            let end = symbol.address() + symbol.size();
            let code: Vec<_> = code.into_iter().filter(|code| code.at < end).collect();
            let (mut leads, mut constants) = (BTreeMap::new(), BTreeMap::new());
            for (offset, relocation) in section.relocations() {
                let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
                if (symbol.address()..end).contains(&offset) {
                    let to = leads_to(&object, relocation.target(), relocation.addend());
                    constants.extend(constant(&object, &relocation)?.map(|constant| (offset, constant)));
                    leads.insert(offset, (r_type.0, to));
                }
            }
            let function = Function {
                section: section.name()?.to_owned(),
                bytes: symbol.size(),
                code,
                leads,
                constants,
                architecture: object.architecture(),
            };
            functions.entry(name.to_owned()).or_insert(function);
        }
    }
    Ok(())
}

/// What a relocation leads to.
fn leads_to(object: &object::File<'_>, target: RelocationTarget, addend: i64) -> Leads {
    let found = || {
        let RelocationTarget::Symbol(index) = target else { return None };
        let symbol = object.symbol_by_index(index).ok()?;
        let SymbolSection::Section(index) = symbol.section() else {
            // Undefined here: if no other object has it either, it is not ours.
            return Some(Leads::ToCode(symbol.name().ok()?.to_owned()));
        };
        let section = object.section_by_index(index).ok()?;
        if section.kind() == SectionKind::Text {
            if symbol.kind() == SymbolKind::Text {
                return Some(Leads::ToCode(symbol.name().ok()?.to_owned()));
            }
            // An address on x86-64 is relative to the end of its four bytes, here that of the instruction.
            let beyond = if object.architecture() == Architecture::X86_64 { 4 } else { 0 };
            let address = symbol.address().wrapping_add_signed(addend + beyond);
            let mut symbols = object.symbols();
            let function = symbols.find(|other| {
                other.kind() == SymbolKind::Text
                    && other.section_index() == Some(index)
                    && other.address() == address
            })?;
            return Some(Leads::ToCode(function.name().ok()?.to_owned()));
        }
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
        let writable = sh_flags.0 & elf::SHF_WRITE.0 != 0;
        Some(Leads::ToData { section: section.name().ok()?.to_owned(), writable })
    };
    found().unwrap_or(Leads::Elsewhere)
}

/// The constant that an Xtensa instruction loads: its section, and what it is the address of, if it is one.
fn constant(
    object: &object::File<'_>,
    relocation: &object::Relocation,
) -> Result<Option<(String, Option<Leads>)>> {
    let RelocationTarget::Symbol(index) = relocation.target() else { return Ok(None) };
    let symbol = object.symbol_by_index(index)?;
    let (Some(pool), Architecture::Xtensa) = (symbol.section_index(), object.architecture()) else {
        return Ok(None);
    };
    let pool = object.section_by_index(pool)?;
    let place = symbol.address().wrapping_add_signed(relocation.addend());
    let inside = pool.relocations().find(|(offset, _)| *offset == place);
    let implicit = pool.data()?.get(place as usize..).and_then(|data| data.first_chunk::<4>());
    let implicit = i64::from(implicit.map_or(0, |bytes| i32::from_le_bytes(*bytes)));
    let leads = inside.map(|(_, inside)| leads_to(object, inside.target(), inside.addend() + implicit));
    Ok(Some((pool.name()?.to_owned(), leads)))
}

/// The walk through one function.
#[derive(Default)]
struct Walk {
    callees: BTreeSet<String>,
    wrong: Vec<String>,
    narrow: usize,
}

impl Walk {
    fn function(&mut self, name: &str, function: &Function) {
        if function.architecture == Architecture::X86_64 {
            if !is_ours(name) {
                self.wrong.push("is called, and is not ours".into());
                return;
            }
            return self.x86_64(function);
        }
        if !function.section.starts_with(INSTRUCTION_RAM) {
            self.wrong.push(format!("lies in {}, not in instruction RAM", function.section));
        }
        if function.bytes == 0 {
            self.wrong.push("has a symbol without a size".into());
        }
        match function.architecture {
            Architecture::Riscv32 => self.riscv(function),
            _ => self.xtensa(function),
        }
    }

    fn calls(&mut self, leads: Option<&(u32, Leads)>) {
        match leads {
            Some((_, Leads::ToCode(callee))) => drop(self.callees.insert(callee.clone())),
            _ => self.wrong.push("calls something that cannot be named".into()),
        }
    }

    fn refers(&mut self, leads: &Leads) {
        match leads {
            Leads::ToCode(callee) => drop(self.callees.insert(callee.clone())),
            Leads::ToData { writable: true, .. } => {}
            Leads::ToData { section, .. } => self.wrong.push(format!("refers to a constant in {section}")),
            Leads::Elsewhere => self.wrong.push("refers to something that cannot be named".into()),
        }
    }

    fn x86_64(&mut self, function: &Function) {
        for (at, code) in function.code.iter().enumerate() {
            let end = function.code.get(at + 1).map_or(u64::MAX, |next| next.at);
            let leads = function.leads.range(code.at..end).next().map(|(_, leads)| leads);
            let is_nowhere = code.operands.contains('*') && !matches!(leads, Some((_, Leads::ToCode(_))));
            match code.name.as_str() {
                name if name.starts_with("div") || name.starts_with("idiv") => {
                    self.wrong.push("divides".into())
                }
                "ud2" | "int3" | "hlt" => self.wrong.push("traps".into()),
                name if name.starts_with("call") && is_nowhere => {
                    self.wrong.push("calls through a pointer".into());
                }
                name if (name.starts_with("jmp") || name == "notrack") && is_nowhere => {
                    self.wrong.push("jumps through a table".into());
                }
                name if name.starts_with("call") && leads.is_some() => self.calls(leads),
                // Without a relocation a jump or a call stays in the section of the function.
                name if name.starts_with('j') && leads.is_some() => self.calls(leads),
                name if name.contains("unknown") => self.wrong.push("has an unknown instruction".into()),
                _ => {}
            }
        }
    }

    /// Every call and every address outside of the function has a relocation.
    fn riscv(&mut self, function: &Function) {
        for (kind, leads) in function.leads.values() {
            match elf::RelocationType(*kind) {
                elf::R_RISCV_HI20 | elf::R_RISCV_PCREL_HI20 | elf::R_RISCV_GOT_HI20 => self.refers(leads),
                // A jump or branch: to another function, or inside of this one.
                elf::R_RISCV_JAL | elf::R_RISCV_RVC_JUMP | elf::R_RISCV_BRANCH | elf::R_RISCV_RVC_BRANCH => {
                    if let Leads::ToCode(callee) = leads {
                        self.callees.insert(callee.clone());
                    }
                }
                // The other halves of these, and permission to shorten.
                _ => {}
            }
        }
        let call = |at: u64| {
            let kinds = [elf::R_RISCV_CALL, elf::R_RISCV_CALL_PLT];
            function.leads.get(&at).filter(|(kind, _)| kinds.contains(&elf::RelocationType(*kind)))
        };
        for code in &function.code {
            if let Some(leads) = call(code.at) {
                self.calls(Some(leads));
            }
            match code.name.as_str() {
                "div" | "divu" | "rem" | "remu" => self.wrong.push("divides".into()),
                // The second half of a call has its relocation at the first one.
                "jr" | "jalr" if code.at < 4 || call(code.at - 4).is_none() => {
                    self.wrong.push("calls through a pointer".into());
                }
                "lb" | "lbu" | "lh" | "lhu" | "sb" | "sh" => self.narrow += 1,
                "<unknown>" => self.wrong.push("has an unknown instruction".into()),
                _ => {}
            }
        }
    }

    fn xtensa(&mut self, function: &Function) {
        // Whether a register holds the address of a function, which is then a callee.
        let mut holds_function = [false; 16];
        for code in &function.code {
            let first = code.first_register();
            let name = code.name.trim_end_matches(".n");
            let leads = function.leads.get(&code.at);
            match name {
                "l32r" => {
                    let is_function =
                        function.constants.get(&code.at).map(|constant| self.constant(constant));
                    if is_function.is_none() {
                        self.wrong.push("loads a constant without a relocation".into());
                    }
                    if let Some(register) = first {
                        holds_function[register] = is_function == Some(true);
                    }
                }
                "callx0" | "callx4" | "callx8" | "callx12" | "jx" => {
                    if first.is_none_or(|register| !holds_function[register]) {
                        self.wrong.push("calls through a pointer".into());
                    }
                    holds_function[match name {
                        "callx0" => 0..12,
                        "callx4" => 4..16,
                        "callx8" => 8..16,
                        "callx12" => 12..16,
                        _ => 0..16,
                    }]
                    .fill(false);
                }
                "call0" | "call4" | "call8" | "call12" => self.calls(leads),
                // A jump inside of the function needs no relocation, or one to its own section.
                "j" => {
                    if let Some((_, Leads::ToCode(callee))) = leads {
                        self.callees.insert(callee.clone());
                    }
                }
                "<unknown>" => self.wrong.push("has an unknown instruction".into()),
                _ => {
                    self.narrow += usize::from(["l8ui", "l16ui", "l16si", "s8i", "s16i"].contains(&name));
                    if ["quou", "quos", "remu", "rems"].contains(&name) {
                        self.wrong.push("divides".into());
                    }
                    let writes_nothing = name.starts_with('b') || ["s8i", "s16i", "s32i"].contains(&name);
                    if let (Some(register), false) = (first, writes_nothing) {
                        holds_function[register] = false;
                    }
                }
            }
        }
    }

    /// Looks at a constant; whether it is the address of a function.
    fn constant(&mut self, (pool, leads): &(String, Option<Leads>)) -> bool {
        if !pool.starts_with(INSTRUCTION_RAM) {
            self.wrong.push(format!("takes a constant from {pool}, not from instruction RAM"));
        }
        // Without a relocation it is a number.
        leads.iter().for_each(|leads| self.refers(leads));
        matches!(leads, Some(Leads::ToCode(_)))
    }
}

/// Sections that the chips' linker scripts put into instruction RAM.
const INSTRUCTION_RAM: &str = ".iram1.";

/// Code of the pools themselves, not of the language's libraries.
fn is_ours(name: &str) -> bool {
    // Compilers split off parts of a function under its name and a dot.
    let whole = name.split('.').next().unwrap_or(name);
    let ours = ["microusc_", "pool_entry"];
    hot_entries().iter().any(|entry| entry == whole) || ours.iter().any(|part| name.contains(part))
}
