//! The walk through everything that a function can reach in objects for Xtensa or RISC-V (`iram/riscv.rs`): all of it must
//! work while flash does not.
//!
//! ```text
//!   .iram1.memory_pool_alloc            code                  must be in `.iram1.*`
//!     l32r  a8, literal
//!     callx8 a8
//!   .iram1.memory_pool_alloc.literal    constants of the code must be in `.iram1.*`, too
//!     address of a function             walked                must be ours, and pass in turn
//!     address of data                                         must be in RAM, that is writable
//! ```
//!
//! LLVM makes every call through a register that L32R loaded, so a call's target is found by following the register
//! from the load to the call. A register that nothing is known about is a call through a pointer.
//!
//! What this walk cannot tell is whose memory a load or a store touches. Blocks may lie in memory that takes words only:
//! that they are touched by words alone is seen by a run (`firmware/programs/words.c`), in which every other access to
//! them ends the program. The number of accesses to bytes and half words (marks, flags, what is on the stack) is shown.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionFlags, SectionIndex,
    SymbolKind, SymbolSection,
};

use super::closure::is_beyond_iram;
use super::decode::{Kind, decode};

/// Sections that the chips' linker scripts put into instruction RAM.
const GROUP: &str = ".iram1.";
/// Of a section that is in RAM, not in flash.
const WRITABLE: u64 = object::elf::SHF_WRITE.0;

/// What was found on the way.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// Functions, with their bytes and the number of their narrow accesses.
    pub(crate) functions: BTreeMap<String, (u64, usize)>,
    /// What must not be there.
    pub(crate) violations: Vec<String>,
}

/// Walks everything that `entries` reach in objects, but for what is `known` to be in instruction RAM elsewhere.
pub(crate) fn reached(files: &[Vec<u8>], entries: &[&str], known: &[&str]) -> Result<Reached> {
    let objects = files.iter().map(|file| object::File::parse(&**file)).collect::<Result<Vec<_>, _>>()?;
    let mut home = BTreeMap::new();
    for (at, object) in objects.iter().enumerate() {
        for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
            if let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) {
                let function =
                    Function { object: at, section, start: symbol.address(), bytes: symbol.size() };
                home.entry(name.to_owned()).or_insert(function);
            }
        }
    }
    for entry in entries {
        ensure!(home.contains_key(*entry), "`{entry}` is not in the objects");
    }
    let mut reached = Reached::default();
    let mut pending: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
    while let Some(name) = pending.pop() {
        if reached.functions.contains_key(&name) || is_beyond_iram(&name) || known.contains(&name.as_str()) {
            continue;
        }
        let Some(function) = home.get(&name) else {
            reached.violations.push(format!("calls `{name}`, which is not part of the library"));
            continue;
        };
        let mut walk =
            Walk { object: &objects[function.object], callees: Vec::new(), wrong: Vec::new(), narrow: 0 };
        walk.function(function).with_context(|| format!("in `{name}`"))?;
        reached.functions.insert(name.clone(), (function.bytes, walk.narrow));
        reached.violations.extend(walk.wrong.iter().map(|wrong| format!("`{name}` {wrong}")));
        pending.extend(walk.callees);
    }
    Ok(reached)
}

/// Instructions in an object that change a word atomically.
pub(crate) fn swaps(file: &[u8]) -> Result<usize> {
    let object = object::File::parse(file)?;
    let mut count = 0;
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Some(section) = symbol.section_index() else { continue };
        let data = object.section_by_index(section)?.data()?;
        let (mut at, end) = (symbol.address() as usize, (symbol.address() + symbol.size()) as usize);
        while at < end {
            let instruction = decode(&data[at..end]).context("a function ends inside an instruction")?;
            count += usize::from(matches!(instruction.kind, Kind::CompareAndSwap { .. }));
            at += instruction.bytes as usize;
        }
    }
    Ok(count)
}

struct Function {
    object: usize,
    section: SectionIndex,
    start: u64,
    bytes: u64,
}

/// What an address in a literal or an instruction leads to.
enum Leads {
    ToCode(String),
    ToData { section: String, writable: bool },
}

/// The walk through one function.
struct Walk<'a, 'data> {
    object: &'a object::File<'data>,
    callees: Vec<String>,
    wrong: Vec<String>,
    narrow: usize,
}

impl Walk<'_, '_> {
    fn function(&mut self, function: &Function) -> Result<()> {
        let section = self.object.section_by_index(function.section)?;
        if !section.name()?.starts_with(GROUP) {
            self.wrong.push(format!("lies in {}, not in instruction RAM", section.name()?));
        }
        ensure!(function.bytes > 0, "its symbol does not say how long it is");
        if self.object.architecture() == Architecture::Riscv32 {
            return self.riscv(function);
        }
        let (code, end) = (section.data()?, function.start + function.bytes);
        let relocations: BTreeMap<u64, Option<Leads>> = section
            .relocations()
            .filter(|(offset, _)| (function.start..end).contains(offset))
            .map(|(offset, relocation)| {
                (offset, leads(self.object, relocation.target(), relocation.addend()))
            })
            .collect();
        let literals: BTreeMap<u64, (RelocationTarget, i64)> = section
            .relocations()
            .map(|(offset, relocation)| (offset, (relocation.target(), relocation.addend())))
            .collect();
        // Whether a register holds the address of a function, which then is a callee.
        let mut holds_function = [false; 16];
        let mut at = function.start;
        while at < end {
            let instruction =
                decode(&code[at as usize..end as usize]).context("it ends inside an instruction")?;
            match instruction.kind {
                Kind::LoadLiteral { to } => {
                    let (target, addend) = literals.get(&at).copied().context("L32R without a relocation")?;
                    holds_function[to] = self.literal(target, addend)?;
                }
                Kind::CallThrough { register, clobbers: (from, to) } => {
                    if !holds_function[register] {
                        self.wrong.push("calls through a pointer".into());
                    }
                    holds_function[from..to].fill(false);
                }
                Kind::Call | Kind::Jump => match relocations.get(&at) {
                    Some(Some(Leads::ToCode(callee))) => self.callees.push(callee.clone()),
                    // A jump inside of the function needs no relocation, or one to its own section.
                    _ if matches!(instruction.kind, Kind::Jump) => {}
                    _ => self.wrong.push("calls something that cannot be named".into()),
                },
                Kind::Divide => self.wrong.push("divides".into()),
                Kind::Narrow { to } => {
                    self.narrow += 1;
                    if let Some(to) = to {
                        holds_function[to] = false;
                    }
                }
                Kind::CompareAndSwap { to } | Kind::Other { to: Some(to) } => holds_function[to] = false,
                Kind::Other { to: None } => {}
            }
            at += instruction.bytes;
        }
        Ok(())
    }

    /// Looks at a literal; whether it is the address of a function.
    fn literal(&mut self, target: RelocationTarget, addend: i64) -> Result<bool> {
        let RelocationTarget::Symbol(index) = target else { return Ok(false) };
        let symbol = self.object.symbol_by_index(index)?;
        let pool = symbol.section_index().context("a literal that is elsewhere")?;
        let pool = self.object.section_by_index(pool)?;
        if !pool.name()?.starts_with(GROUP) {
            self.wrong.push(format!("takes a constant from {}, not from instruction RAM", pool.name()?));
        }
        let place = symbol.address().wrapping_add_signed(addend);
        // Without a relocation it is a number.
        let Some((_, relocation)) = pool.relocations().find(|(offset, _)| *offset == place) else {
            return Ok(false);
        };
        let implicit = pool.data()?.get(place as usize..).and_then(|data| data.first_chunk::<4>());
        let addend = relocation.addend() + i64::from(implicit.map_or(0, |bytes| i32::from_le_bytes(*bytes)));
        match leads(self.object, relocation.target(), addend).context("a literal that leads nowhere")? {
            Leads::ToCode(name) => {
                self.callees.push(name);
                Ok(true)
            }
            Leads::ToData { writable: true, .. } => Ok(false),
            Leads::ToData { section, .. } => {
                self.wrong.push(format!("refers to a constant in {section}"));
                Ok(false)
            }
        }
    }
}

/// What a relocation leads to; `None` for a place in code where no function begins.
fn leads(object: &object::File<'_>, target: RelocationTarget, addend: i64) -> Option<Leads> {
    let RelocationTarget::Symbol(index) = target else { return None };
    let symbol = object.symbol_by_index(index).ok()?;
    let SymbolSection::Section(section) = symbol.section() else {
        // Undefined here: the other objects are asked, and if none has it, it is not ours.
        return Some(Leads::ToCode(symbol.name().ok()?.to_owned()));
    };
    let section_index = section;
    let section = object.section_by_index(section).ok()?;
    if section.kind() == object::SectionKind::Text {
        let address = symbol.address().wrapping_add_signed(addend);
        let mut symbols = object.symbols();
        let function = symbols.find(|other| {
            other.kind() == SymbolKind::Text
                && other.section_index() == Some(section_index)
                && other.address() == address
        })?;
        return Some(Leads::ToCode(function.name().ok()?.to_owned()));
    }
    let SectionFlags::Elf { sh_flags, .. } = section.flags() else { return None };
    Some(Leads::ToData { section: section.name().ok()?.to_owned(), writable: sh_flags.0 & WRITABLE != 0 })
}

mod riscv;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use riscv::members;
