//! Every instruction of a run, from the log of the emulator.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};

use super::data::Target;

/// Bytes of the longest call instruction.
const LONGEST_CALL: u32 = 4;

/// Address and bytes of each function of an image.
pub(crate) type Functions = BTreeMap<String, (u32, u64)>;

/// Every instruction of a run.
pub(crate) struct Trace<'t> {
    /// Their addresses.
    pub(crate) run: Vec<u32>,
    pub(crate) functions: Functions,
    /// Loaded pieces of the image.
    memory: Vec<(u32, Vec<u8>)>,
    target: &'t Target,
}

/// The functions of an image.
pub(crate) fn functions(image: &Path) -> Result<Functions> {
    let bytes = std::fs::read(image)?;
    let object = object::File::parse(&*bytes)?;
    let functions = object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
    // The lowest bit of an address in Thumb code says that it is Thumb code.
    let thumb = matches!(object.architecture(), object::Architecture::Arm);
    let start = |symbol: &object::Symbol<'_, '_>| symbol.address() as u32 & !u32::from(thumb);
    Ok(functions
        .filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), (start(&symbol), symbol.size()))))
        .collect())
}

impl<'t> Trace<'t> {
    /// Reads the log of the emulator: `Trace 0: HOST [FLAGS/ADDRESS/…] NAME` a line.
    pub(crate) fn read(file: &Path, image: &Path, target: &'t Target) -> Result<Self> {
        let mut run = Vec::new();
        for line in std::io::BufReader::new(std::fs::File::open(file)?).lines() {
            let line = line?;
            let Some(rest) = line.strip_prefix("Trace 0:") else { continue };
            let address = rest.split(['[', '/']).nth(2).with_context(|| format!("no address in `{line}`"))?;
            run.push(u32::from_str_radix(address, 16)?);
        }
        let bytes = std::fs::read(image)?;
        let memory = object::File::parse(&*bytes)?
            .segments()
            .map(|segment| Ok((segment.address() as u32, segment.data()?.to_vec())))
            .collect::<Result<_>>()?;
        Ok(Self { run, functions: functions(image)?, memory, target })
    }

    /// Address and bytes of a function.
    pub(crate) fn function(&self, name: &str) -> Result<(u32, u64)> {
        self.functions.get(name).copied().with_context(|| format!("no function `{name}`"))
    }

    /// The calls of a function, from its first instruction to its return: ranges of the run.
    pub(crate) fn calls(&self, name: &str) -> Result<Vec<Range<usize>>> {
        let (entry, _) = self.function(name)?;
        let mut calls = Vec::new();
        let mut at = 1;
        while at < self.run.len() {
            if self.run[at] != entry {
                at += 1;
                continue;
            }
            let call = self.run[at - 1];
            let returned = self.run[at..].iter().position(|&next| next > call && next <= call + LONGEST_CALL);
            let Some(count) = returned else { bail!("a call of `{name}` at {call:x} does not return") };
            calls.push(at..at + count);
            at += count;
        }
        Ok(calls)
    }

    /// Whether the instruction at `address` masks interrupts.
    pub(crate) fn masks(&self, address: u32) -> bool {
        self.target.masks.matches(self.word(address))
    }

    /// Whether it restores the mask.
    pub(crate) fn unmasks(&self, address: u32) -> bool {
        self.target.unmasks.matches(self.word(address))
    }

    /// The first four bytes of the instruction at `address`, and what follows it.
    fn word(&self, address: u32) -> u32 {
        let bytes = self.memory.iter().find_map(|(start, bytes)| {
            let at = address.checked_sub(*start)? as usize;
            bytes.get(at..at + 4)
        });
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
    }
}
