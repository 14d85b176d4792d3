//! The walk through everything that a function can reach, instruction by instruction.
//!
//! From each entry, every instruction that can be reached is decoded: through branches, and through calls into other
//! functions of the archive. Nowhere may there be a division, or a call to a routine that is not ours (`memcpy`,
//! `memset`, the panic and format machinery). The walk stops at the functions named in [`COLD`], which run after a
//! refusal, outside the lock, or while waiting for another core.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SymbolKind};

/// Where the hot path ends: parts of the mangled names. The first reports a refusal and the second wakes a task that
/// was handed a block, with the lock open; the third waits for another thread of the host; the last two ask the program's
/// clock and kernel, and call the program, while a pool is told to record or to trace what is done with its blocks.
const COLD: &[&str] =
    &["report14report_refused", "memory4wait4wake", "PortLock4wait", "12call_context", "5trace4emit"];

/// Divisions.
const DIVISIONS: &[Mnemonic] = &[Mnemonic::Div, Mnemonic::Idiv];

/// What was found on the way.
#[derive(Debug, Default)]
pub(crate) struct Closure {
    /// Functions reached, with their sizes in bytes.
    pub(crate) functions: BTreeMap<String, usize>,
    /// What must not be there.
    pub(crate) violations: Vec<String>,
}

/// Walks everything that `entries` reach in an archive.
pub(crate) fn closure(bytes: &[u8], entries: &[&str]) -> Result<Closure> {
    let archive = ArchiveFile::parse(bytes).context("not an archive")?;
    let mut objects = Vec::new();
    for member in archive.members() {
        let data = member?.data(bytes)?;
        // Members that hold no machine code, such as metadata, are none of ours.
        if let Ok(object) = object::File::parse(data) {
            objects.push(object);
        }
    }
    let home = Functions::index(&objects);
    let mut closure = Closure::default();
    let mut pending: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
    for entry in entries {
        ensure!(home.by_name.contains_key(*entry), "`{entry}` is not in the archive");
    }
    while let Some(name) = pending.pop() {
        if closure.functions.contains_key(&name) || is_cold(&name) {
            continue;
        }
        let Some(function) = home.by_name.get(&name) else {
            closure.violations.push(format!("calls `{name}`, which is not part of the library"));
            continue;
        };
        if !is_ours(&name, entries) {
            closure.violations.push(format!("calls `{name}`"));
            continue;
        }
        closure.functions.insert(name.clone(), function.size);
        for finding in walk(&objects[function.object], function)? {
            match finding {
                Finding::Calls(callee) => pending.push(callee),
                Finding::Is(violation) => closure.violations.push(format!("`{name}` {violation}")),
            }
        }
    }
    Ok(closure)
}

/// Where our code ends that must run while flash cannot be read: at what is only called after asking whether it can be, and at
/// what calls functions of the program, which has to place them itself.
pub(super) fn is_beyond_iram(name: &str) -> bool {
    [COLD[0], COLD[3], COLD[4]].iter().any(|beyond| name.contains(beyond))
}

/// Whether the hot path ends at this function.
pub(super) fn is_cold(name: &str) -> bool {
    COLD.iter().any(|cold| name.contains(cold))
}

/// Code of the pools themselves, not of the language's libraries.
fn is_ours(name: &str, entries: &[&str]) -> bool {
    // Compilers split off parts of a function under its name and a dot.
    let whole = name.split('.').next().unwrap_or(name);
    entries.contains(&whole)
        || name.contains("microusc_pool")
        || name.contains("microusc_memory")
        || name.contains("microusc_port")
}

struct Function {
    object: usize,
    section: SectionIndex,
    address: u64,
    size: usize,
}

struct Functions {
    by_name: BTreeMap<String, Function>,
}

impl Functions {
    fn index(objects: &[object::File<'_>]) -> Self {
        let mut by_name = BTreeMap::new();
        for (at, object) in objects.iter().enumerate() {
            for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
                let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) else { continue };
                let function =
                    Function { object: at, section, address: symbol.address(), size: symbol.size() as usize };
                by_name.entry(name.to_owned()).or_insert(function);
            }
        }
        Self { by_name }
    }
}

enum Finding {
    Calls(String),
    Is(String),
}

/// Decodes one function along its control flow.
fn walk(object: &object::File<'_>, function: &Function) -> Result<Vec<Finding>> {
    let section = object.section_by_index(function.section)?;
    let code = section.data()?;
    let relocations: BTreeMap<u64, String> = section
        .relocations()
        .filter_map(|(offset, relocation)| Some((offset, target_name(object, relocation.target())?)))
        .collect();
    let end = function.address + function.size as u64;
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut pending = vec![function.address];
    while let Some(mut at) = pending.pop() {
        while seen.insert(at) {
            ensure!(
                (function.address..end).contains(&at),
                "control leaves the function at {at:#x} without a call"
            );
            let mut decoder =
                Decoder::with_ip(64, &code[at as usize..end as usize], at, DecoderOptions::NONE);
            let instruction = decoder.decode();
            ensure!(!instruction.is_invalid(), "an instruction at {at:#x} cannot be decoded");
            if DIVISIONS.contains(&instruction.mnemonic()) {
                findings.push(Finding::Is("divides".into()));
            }
            let named = relocations.range(at..instruction.next_ip()).next().map(|(_, name)| name.clone());
            match after(&instruction, named, &mut findings) {
                Next::Ends => break,
                Next::FallsThrough => {}
                Next::Branches(target) => pending.push(target),
                Next::Jumps(target) => pending.push(target),
            }
            if matches!(instruction.flow_control(), FlowControl::UnconditionalBranch) {
                break;
            }
            at = instruction.next_ip();
            // A call that is the last of its function does not return: whether it may be made is judged above.
            if at == end && instruction.flow_control() != FlowControl::Next {
                break;
            }
        }
    }
    Ok(findings)
}

enum Next {
    Ends,
    FallsThrough,
    Branches(u64),
    Jumps(u64),
}

fn after(instruction: &Instruction, named: Option<String>, findings: &mut Vec<Finding>) -> Next {
    match (instruction.flow_control(), named) {
        (FlowControl::Return, _) => Next::Ends,
        (FlowControl::Call | FlowControl::IndirectCall, Some(name)) => {
            findings.push(Finding::Calls(name));
            Next::FallsThrough
        }
        (FlowControl::Call | FlowControl::IndirectCall, None) => {
            findings.push(Finding::Is("calls through a pointer".into()));
            Next::FallsThrough
        }
        (FlowControl::UnconditionalBranch | FlowControl::IndirectBranch, Some(name)) => {
            findings.push(Finding::Calls(name));
            Next::Ends
        }
        (FlowControl::IndirectBranch, None) => {
            findings.push(Finding::Is("jumps through a table".into()));
            Next::Ends
        }
        (FlowControl::ConditionalBranch, None) => Next::Branches(instruction.near_branch_target()),
        (FlowControl::ConditionalBranch, Some(name)) => {
            findings.push(Finding::Calls(name));
            Next::FallsThrough
        }
        (FlowControl::UnconditionalBranch, None) => Next::Jumps(instruction.near_branch_target()),
        (FlowControl::Exception | FlowControl::Interrupt, _) => {
            findings.push(Finding::Is("traps".into()));
            Next::Ends
        }
        _ => Next::FallsThrough,
    }
}

/// The routine that a relocation leads to; `None` for data. Every function has a section of its own.
fn target_name(object: &object::File<'_>, target: RelocationTarget) -> Option<String> {
    let RelocationTarget::Symbol(index) = target else { return None };
    let symbol = object.symbol_by_index(index).ok()?;
    if symbol.kind() != SymbolKind::Section {
        return symbol.name().ok().filter(|name| !name.is_empty()).map(str::to_owned);
    }
    let mut symbols = object.symbols();
    let function = symbols
        .find(|other| other.kind() == SymbolKind::Text && other.section_index() == symbol.section_index())?;
    function.name().ok().map(str::to_owned)
}
