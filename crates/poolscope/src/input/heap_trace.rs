//! What `heap_trace_dump` of ESP-IDF prints: a list of blocks, found anywhere in a device log.
//!
//! ```text
//! ====== Heap Trace: 2 records (100 capacity) ======
//!      8 bytes (@ 0x3ffb5f18, Internal) allocated CPU 0 ccount 0x0012ab34 caller 0x400d2c11:0x400d2b0e
//! freed by 0x400d2c20:0x400d2b1a
//!     54 bytes (@ 0x3ffb8a10, Internal) allocated CPU 1 ccount 0x0012cc10 freed
//! ====== Heap Trace Summary ======
//! Mode: Heap Trace All
//! ```
//!
//! The dump lists blocks with their state, in the order of allocation; it does not say *when* a block was
//! freed. All frees are therefore placed at the end of the dump, which makes the peak an upper bound. Of a log
//! with several dumps, each counts as a state of its own: what the previous one left alive ends where the
//! next one begins. There is no clock; one record is one tick.

use super::Decoder;
use super::lines::Lines;
use super::peek::Peek;
use crate::error::{Error, Result};
use crate::trace::{Event, Lifetimes, Meta, SlotMap};

/// Lines decoded per call.
const BATCH: usize = 4096;

/// Reads heap trace dumps.
pub(super) struct HeapTrace<'a> {
    lines: Lines<'a>,
    meta: Meta,
    slots: SlotMap<u64>,
    /// Records seen, which numbers the blocks.
    records: u64,
    /// Number of the first record of the current dump.
    first: u64,
    /// Blocks of the current dump reported as freed, and those left alive.
    freed: Vec<u64>,
    alive: Vec<u64>,
    inside: bool,
    announced: Option<u64>,
    dumps: u64,
    overflowed: bool,
    changed: bool,
    incomplete: bool,
}

impl<'a> HeapTrace<'a> {
    pub(super) fn new(input: Peek<'a>) -> Self {
        let mut meta = Meta::new("heap-trace", 0);
        meta.lifetimes = Lifetimes::Unknown;
        meta.notes.push(
            "heap_trace_dump does not say when blocks were freed: lifetimes are unknown, all frees are placed at \
             the end of the dump, and the peak is an upper bound"
                .into(),
        );
        HeapTrace {
            lines: Lines::new(input.buffered()),
            meta,
            slots: SlotMap::new(),
            records: 0,
            first: 0,
            freed: Vec::new(),
            alive: Vec::new(),
            inside: false,
            announced: None,
            dumps: 0,
            overflowed: false,
            changed: false,
            incomplete: false,
        }
    }

    fn line(&mut self, batch: &mut Vec<Event>) -> Result<()> {
        match Line::of(self.lines.line()) {
            Line::Header { records } => {
                if self.inside {
                    self.incomplete = true;
                    self.close(batch);
                }
                self.open(batch);
                self.announced = Some(records);
            }
            Line::Record { size, freed } => {
                if !self.inside {
                    self.open(batch);
                }
                let block = self.records;
                self.records += 1;
                batch.push(Event::Alloc { slot: self.slots.alloc(block).slot, size, dt: 1 });
                if freed { self.freed.push(block) } else { self.alive.push(block) }
            }
            Line::FreedBy => match self.alive.pop_if(|&mut block| block + 1 == self.records) {
                Some(block) if self.inside => self.freed.push(block),
                _ => return Err(self.lines.error("\"freed by\" without an allocation before it")),
            },
            Line::Footer => self.close(batch),
            Line::Overflowed => self.overflowed = true,
            Line::Changed => self.changed = true,
            Line::Other => {}
            Line::Bad => return Err(self.lines.error("an allocation record that I cannot read")),
        }
        Ok(())
    }

    /// A dump begins: whatever the previous one left alive is of the past.
    fn open(&mut self, batch: &mut Vec<Event>) {
        free_all(&mut self.alive, &mut self.slots, batch);
        self.inside = true;
        self.announced = None;
        self.first = self.records;
        self.dumps += 1;
    }

    /// A dump ends: now its frees are due.
    fn close(&mut self, batch: &mut Vec<Event>) {
        if !self.inside {
            return;
        }
        free_all(&mut self.freed, &mut self.slots, batch);
        self.inside = false;
        self.incomplete |= self.announced.is_some_and(|announced| announced != self.records - self.first);
    }
}

fn free_all(blocks: &mut Vec<u64>, slots: &mut SlotMap<u64>, batch: &mut Vec<Event>) {
    batch.extend(blocks.drain(..).map(|block| slots.free(block).event(1)));
}

impl Decoder for HeapTrace<'_> {
    const NAME: &'static str = "heap_trace_dump";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        for _ in 0..BATCH {
            if !self.lines.advance()? {
                if self.inside {
                    return Err(Error::CutOff { line: self.lines.number(), what: "a heap trace dump" });
                }
                return Ok(false);
            }
            self.line(batch)?;
        }
        Ok(true)
    }

    fn remarks(&self) -> Vec<String> {
        let several = format!("{} dumps: each is taken as a state of its own", self.dumps);
        let overflowed = "the record buffer on the device overflowed: allocations are missing".to_owned();
        let changed = "tracing went on while dumping: records may be doubled".to_owned();
        let incomplete = "a dump holds not as many records as its header announces".to_owned();
        [
            (self.dumps > 1).then_some(several),
            self.overflowed.then_some(overflowed),
            self.changed.then_some(changed),
            self.incomplete.then_some(incomplete),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A log that shows a dump.
pub(super) fn is_dump(start: &[u8]) -> bool {
    start
        .split(|&byte| byte == b'\n')
        .any(|line| matches!(Line::of(line), Line::Header { .. } | Line::Record { .. }))
}

/// What a line of the log says.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Header {
        records: u64,
    },
    Record {
        size: u64,
        freed: bool,
    },
    FreedBy,
    Footer,
    Overflowed,
    Changed,
    Other,
    /// Starts like a record, but is none.
    Bad,
}

impl Line {
    fn of(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if let Some((before, after)) = text.split_once(" bytes (@ ") {
            return Self::record(before, after).unwrap_or(Line::Bad);
        }
        if let Some((_, after)) = text.split_once("Heap Trace: ")
            && let Some(records) = after.split_once(" records (").and_then(|(n, _)| n.parse().ok())
        {
            return Line::Header { records };
        }
        // Before ESP-IDF 5 the header was a plain sentence.
        if let Some((before, _)) = text.split_once(" allocations trace (")
            && let Some(records) = last_number(before)
        {
            return Line::Header { records };
        }
        let says = |words: &str| text.contains(words);
        if text.starts_with("freed by") {
            Line::FreedBy
        } else if says("Heap Trace Summary") || says(" bytes alive in trace") || says("'leaked' in trace") {
            Line::Footer
        } else if says("has overflowed") {
            Line::Overflowed
        } else if says("traced while dumping") {
            Line::Changed
        } else {
            Line::Other
        }
    }

    /// The record around ` bytes (@ `.
    fn record(before: &str, after: &str) -> Option<Self> {
        let size = last_number(before)?;
        let (place, rest) = after.split_once(')')?;
        let address = place.split(',').next()?.trim();
        let address = address.strip_prefix("0x").unwrap_or(address);
        u64::from_str_radix(address, 16).ok()?;
        let rest = rest.trim().strip_prefix("allocated")?;
        Some(Line::Record { size, freed: rest.ends_with(" freed") })
    }
}

/// The number at the end of a line that may begin with a time stamp or a colour.
fn last_number(text: &str) -> Option<u64> {
    let start = text.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
    let start = if text.is_char_boundary(start) { start } else { return None };
    text[start..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_versions() {
        let cases = [
            ("====== Heap Trace: 8 records (8 capacity) ======", Line::Header { records: 8 }),
            ("3 allocations trace (100 entry buffer)", Line::Header { records: 3 }),
            (
                "    9 bytes (@ 0x3fcb5000, Internal) allocated CPU 0 ccount 0x1e7b01d4 freed",
                Line::Record { size: 9, freed: true },
            ),
            (
                "\x1b[0;32m 160 bytes (@ 0x3f800010,    PSRAM) allocated CPU 1 ccount 0x1 caller 0x4:0x5",
                Line::Record { size: 160, freed: false },
            ),
            (
                "32 bytes (@ 0x3ffaf214) allocated CPU 0 ccount 0x2e9b7384 caller ",
                Line::Record { size: 32, freed: false },
            ),
            ("freed by 0x403839e4:0x42008096", Line::FreedBy),
            ("0x403839e4: free at heap.c:40", Line::Other),
            ("====== Heap Trace Summary ======", Line::Footer),
            ("0 bytes alive in trace (0/8 allocations)", Line::Footer),
            ("48 bytes 'leaked' in trace (3 allocations)", Line::Footer),
            ("(NB: Internal Buffer has overflowed, so trace data is incomplete.)", Line::Overflowed),
            ("9 bytes (@ 0x3fcb5000", Line::Bad),
            ("x bytes (@ 0x3fcb5000) allocated", Line::Bad),
            ("9 bytes (@ nil) allocated", Line::Bad),
            ("é bytes (@ 0x1) allocated", Line::Bad),
            ("", Line::Other),
        ];
        for (text, line) in cases {
            assert_eq!(Line::of(text.as_bytes()), line, "{text}");
        }
    }
}
