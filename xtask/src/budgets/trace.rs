//! The calls of a function in a trace of a whole run.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSegment, ObjectSymbol, SymbolKind};

use crate::qemu::Target;

/// From here on blocks are used for the first time, or again: functions of the programs that are traced.
const MARKERS: [&str; 2] = ["budget_first", "budget_again"];
/// Bytes of the longest call instruction.
const LONGEST_CALL: u32 = 4;

/// What one function took.
pub(super) struct Calls {
    /// Most instructions while blocks were used for the first time, if it was called then.
    pub(super) first: Option<u64>,
    /// Least and most afterwards.
    pub(super) again: (u64, u64),
    /// Most instructions after one that masks interrupts, up to the one that puts them back, which is included.
    pub(super) masked: u64,
    /// Of the function.
    pub(super) bytes: u64,
}

/// Every instruction of a run.
pub(super) struct Trace<'t> {
    /// Their addresses.
    run: Vec<u32>,
    /// Address and bytes of each function.
    functions: BTreeMap<String, (u32, u64)>,
    /// Loaded pieces of the image.
    memory: Vec<(u32, Vec<u8>)>,
    target: &'t Target,
}

impl<'t> Trace<'t> {
    /// Reads what the emulator wrote: `Trace 0: HOST [FLAGS/ADDRESS/…] NAME` a line.
    pub(super) fn read(file: &Path, image: &Path, target: &'t Target) -> Result<Self> {
        let mut run = Vec::new();
        for line in std::io::BufReader::new(std::fs::File::open(file)?).lines() {
            let line = line?;
            let Some(rest) = line.strip_prefix("Trace 0:") else { continue };
            let address = rest.split(['[', '/']).nth(2).with_context(|| format!("no address in `{line}`"))?;
            run.push(u32::from_str_radix(address, 16)?);
        }
        let bytes = std::fs::read(image)?;
        let object = object::File::parse(&*bytes)?;
        let functions = object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text);
        // The lowest bit of an address in Thumb code says that it is Thumb code.
        let thumb = matches!(object.architecture(), object::Architecture::Arm);
        let start = |symbol: &object::Symbol<'_, '_>| symbol.address() as u32 & !u32::from(thumb);
        let functions = functions
            .filter_map(|symbol| Some((symbol.name().ok()?.to_owned(), (start(&symbol), symbol.size()))))
            .collect();
        let memory = object
            .segments()
            .map(|segment| Ok((segment.address() as u32, segment.data()?.to_vec())))
            .collect::<Result<_>>()?;
        Ok(Self { run, functions, memory, target })
    }

    fn function(&self, name: &str) -> Result<(u32, u64)> {
        self.functions.get(name).copied().with_context(|| format!("no function `{name}`"))
    }

    /// The first four bytes of the instruction at `address`, and what follows it.
    fn word(&self, address: u32) -> u32 {
        let bytes = self.memory.iter().find_map(|(start, bytes)| {
            let at = address.checked_sub(*start)? as usize;
            bytes.get(at..at + 4)
        });
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    /// Finds and counts all calls.
    pub(super) fn calls(&self, name: &str) -> Result<Calls> {
        let (entry, bytes) = self.function(name)?;
        let [first, again] = [self.function(MARKERS[0])?.0, self.function(MARKERS[1])?.0];
        let mut calls = Calls { first: None, again: (u64::MAX, 0), masked: 0, bytes };
        let mut is_first = None;
        let mut at = 1;
        while at < self.run.len() {
            let address = self.run[at];
            if address == first || address == again {
                is_first = Some(address == first);
            }
            if address != entry {
                at += 1;
                continue;
            }
            let call = self.run[at - 1];
            let returned = self.run[at..].iter().position(|&next| next > call && next <= call + LONGEST_CALL);
            let Some(count) = returned else { bail!("a call of `{name}` at {call:x} does not return") };
            match is_first {
                Some(true) => calls.first = calls.first.max(Some(count as u64)),
                Some(false) => {
                    calls.again = (calls.again.0.min(count as u64), calls.again.1.max(count as u64));
                    calls.masked = calls.masked.max(self.masked(&self.run[at..at + count]));
                }
                None => bail!("`{name}` is called before `{}`", MARKERS[0]),
            }
            at += count;
        }
        ensure!(calls.again.1 > 0, "`{name}` is not called");
        Ok(calls)
    }

    fn masked(&self, call: &[u32]) -> u64 {
        let is = |(bits, value): (u32, u32), address: &u32| self.word(*address) & bits == value;
        let Some(off) = call.iter().position(|address| is(self.target.masks, address)) else { return 0 };
        let on = call.iter().rposition(|address| is(self.target.unmasks, address));
        on.map_or(0, |on| on.saturating_sub(off) as u64)
    }
}
