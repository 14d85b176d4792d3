//! The blocks of dumps: which of them are the same, when they end, and where they come from.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::external::is_external;
use super::line::Record;
use crate::trace::{CallSite, Event, Findings, SlotMap};

/// Most call sites, and most names of code addresses, kept in memory.
const MAX_SITES: usize = 1 << 16;

/// The records of a dump being read.
pub(super) struct Dump {
    pub(super) announced: Option<u64>,
    records: Vec<Block>,
}

#[derive(Clone, Copy)]
struct Block {
    address: Option<u64>,
    size: u64,
    ccount: u64,
    external: bool,
    site: u32,
    freed: bool,
}

impl Block {
    fn of(record: &Record<'_>, site: u32) -> Self {
        let external = record.psram || record.address.is_some_and(is_external);
        let Record { size, address, ccount, freed, .. } = *record;
        Block { address, size, ccount, external, site, freed }
    }
}

impl Dump {
    pub(super) fn new(announced: Option<u64>) -> Self {
        Dump { announced, records: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn push(&mut self, record: &Record<'_>, site: u32) {
        self.records.push(Block::of(record, site));
    }

    /// The last record is not a whole one.
    pub(super) fn pop(&mut self) {
        self.records.pop();
    }

    /// More is known about the last record.
    pub(super) fn replace_last(&mut self, record: &Record<'_>, site: u32) {
        if let Some(last) = self.records.last_mut() {
            *last = Block::of(record, site);
        }
    }

    /// Whether there was a record to be marked, which was not yet.
    pub(super) fn mark_last_freed(&mut self) -> bool {
        self.records.last_mut().is_some_and(|last| !std::mem::replace(&mut last.freed, true))
    }
}

/// What identifies a block in the next dump: address, clock of the CPU, size, and its number among the blocks that
/// have the same three.
type Id = (u64, u64, u64, u32);

struct Resident {
    id: Id,
    end: u64,
    key: u64,
    site: u32,
    freed: bool,
}

/// The blocks that live, by address.
#[derive(Default)]
pub(super) struct Live {
    blocks: BTreeMap<u64, Resident>,
    slots: SlotMap<u64>,
    keys: u64,
    /// Blocks that a dump has listed as freed: the next dump may list them again.
    done: HashSet<Id>,
    sites: HashMap<Box<str>, u32>,
    names: HashMap<u64, Box<str>>,
    crowded: bool,
    /// Blocks and bytes of each site in the first dump.
    first: Option<HashMap<u32, (u64, u64)>>,
    /// Dumps since the device started.
    dumps: u64,
    external: bool,
    replaced: u64,
    findings: Findings,
}

impl Live {
    /// The number of a call site.
    pub(super) fn site(&mut self, callers: &str) -> u32 {
        let number = self.sites.len() as u32;
        if let Some(&number) = self.sites.get(callers) {
            return number;
        }
        if self.sites.len() == MAX_SITES || callers.len() > 512 {
            self.crowded = true;
            return u32::MAX;
        }
        self.sites.insert(callers.into(), number);
        number
    }

    /// The monitor has decoded a code address.
    pub(super) fn name(&mut self, address: u64, name: &str) {
        if self.names.len() < MAX_SITES && name.len() <= 256 {
            self.names.insert(address, name.into());
        }
    }

    /// The blocks of a dump. Of a `complete` one it is known that blocks it does not list were freed before.
    pub(super) fn settle(&mut self, dump: Dump, complete: bool, batch: &mut Vec<Event>) {
        let mut nth: HashMap<(u64, u64, u64), u32> = HashMap::new();
        let mut id_of = |block: &Block| {
            let known_by = (block.address.unwrap_or(0), block.ccount, block.size);
            let nth = nth.entry(known_by).or_insert(0);
            *nth += 1;
            (known_by.0, known_by.1, known_by.2, *nth)
        };
        let ids: Vec<Id> = dump.records.iter().map(&mut id_of).collect();
        if complete {
            let listed: HashSet<Id> = ids.iter().copied().collect();
            let mut absent: Vec<(u64, u64)> = Vec::new();
            for (&address, resident) in &self.blocks {
                if !listed.contains(&resident.id) {
                    absent.push((resident.key, address));
                }
            }
            self.end(absent, batch);
        }
        let mut done = HashSet::new();
        for (block, id) in dump.records.iter().zip(ids) {
            if block.freed {
                done.insert(id);
            }
            let Some(address) = block.address else {
                if block.size > 0 {
                    self.findings.fail(block.size, None);
                }
                continue;
            };
            if self.done.contains(&id) {
                continue;
            }
            match self.blocks.get_mut(&address) {
                Some(resident) if resident.id == id => resident.freed = block.freed,
                _ => self.admit(block, id, address, batch),
            }
        }
        let freed = self.blocks.iter().filter(|(_, resident)| resident.freed);
        let freed = freed.map(|(&address, resident)| (resident.key, address)).collect();
        self.end(freed, batch);
        if complete {
            self.done = done;
        } else {
            self.done.extend(done);
        }
        self.dumps += 1;
        if self.first.is_none() {
            self.first = Some(self.by_site());
        }
    }

    fn admit(&mut self, block: &Block, id: Id, address: u64, batch: &mut Vec<Event>) {
        let end = address.saturating_add(block.size.max(1));
        // What lies where this block is was freed before; residents do not overlap.
        let mut gone: Vec<(u64, u64)> = Vec::new();
        for (&at, resident) in
            self.blocks.range(..end).rev().take_while(|(_, resident)| resident.end > address)
        {
            self.replaced += u64::from(!resident.freed);
            gone.push((resident.key, at));
        }
        self.end(gone, batch);
        if std::mem::replace(&mut self.external, block.external) != block.external {
            batch.push(Event::Memory { external: block.external });
        }
        let key = self.keys;
        self.keys += 1;
        batch.push(Event::Alloc { slot: self.slots.alloc(key).slot, size: block.size, dt: 1 });
        self.blocks.insert(address, Resident { id, end, key, site: block.site, freed: block.freed });
    }

    /// These blocks, given by key and address, end; the oldest first.
    fn end(&mut self, mut blocks: Vec<(u64, u64)>, batch: &mut Vec<Event>) {
        blocks.sort_unstable();
        for (key, address) in blocks {
            self.blocks.remove(&address);
            batch.push(self.slots.free(key).event(1));
        }
    }

    /// All blocks end; whether there were any.
    pub(super) fn restart(&mut self, batch: &mut Vec<Event>) -> bool {
        let all: Vec<(u64, u64)> = self.blocks.iter().map(|(&at, resident)| (resident.key, at)).collect();
        let any = !all.is_empty();
        self.end(all, batch);
        self.done.clear();
        self.first = None;
        self.dumps = 0;
        any
    }

    /// Blocks that were in the way of another and not listed as freed.
    pub(super) fn replaced(&self) -> u64 {
        self.replaced
    }

    /// The most call sites that are distinguished, if there were more; else 0.
    pub(super) fn unnamed_sites(&self) -> u64 {
        if self.crowded { MAX_SITES as u64 } else { 0 }
    }

    fn by_site(&self) -> HashMap<u32, (u64, u64)> {
        let mut sums: HashMap<u32, (u64, u64)> = HashMap::new();
        for resident in self.blocks.values() {
            let (blocks, bytes) = sums.entry(resident.site).or_default();
            *blocks += 1;
            *bytes = bytes.saturating_add(resident.id.2);
        }
        sums
    }

    pub(super) fn findings(&self) -> Findings {
        let mut findings = self.findings.clone();
        findings.dumps = self.dumps;
        let callers: HashMap<u32, &str> =
            self.sites.iter().map(|(callers, &site)| (site, &**callers)).collect();
        let first =
            |site: u32| self.first.as_ref().and_then(|first| first.get(&site)).copied().unwrap_or_default();
        let row = |(site, (blocks, bytes)): (u32, (u64, u64))| {
            let (first_blocks, first_bytes) = first(site);
            let site =
                callers.get(&site).map_or_else(|| "others".to_owned(), |callers| self.described(callers));
            CallSite { site, first_blocks, first_bytes, blocks, bytes }
        };
        findings.set_call_sites(self.by_site().into_iter().map(row).collect());
        findings
    }

    /// Return addresses with the names that the monitor has printed.
    fn described(&self, callers: &str) -> String {
        if callers.is_empty() {
            return "unknown".to_owned();
        }
        let name = |address: &str| {
            let digits = address.strip_prefix("0x").unwrap_or(address);
            self.names.get(&u64::from_str_radix(digits, 16).ok()?).map(|name| &**name)
        };
        let names: Vec<&str> = callers.split(':').filter_map(name).collect();
        if names.is_empty() { callers.to_owned() } else { format!("{callers} {}", names.join(" < ")) }
    }
}
