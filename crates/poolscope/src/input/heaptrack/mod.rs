//! heaptrack's files: one record per line, a letter and hexadecimal numbers.
//!
//! | letter | fields | meaning here |
//! |---|---|---|
//! | `v` | program version, file version | first line; file versions 1 to 3 |
//! | `X` | command line | title |
//! | `a` | size, call stack | interpreted: the next entry of the table of (size, call stack) pairs |
//! | `+` | table entry | interpreted: allocation |
//! | `-` | table entry | interpreted: free |
//! | `+` | size, call stack, pointer | raw: allocation |
//! | `-` | pointer | raw: free |
//! | `c` | milliseconds | time stamp of the records up to the next one |
//! | `#` | text | ends an interpreted file |
//!
//! `s` (strings), `i` (frames), `t` (call stacks) and `m` (modules) go to `origin.rs`, which finds the block that is not
//! the program's.
//! `X` after the first lines, `I`, `R`, `A`, `S` and `x` are skipped. Any other letter is an error.
//!
//! An interpreted file, the usual kind, says of a free only which size and call stack the block had. It is
//! paired with the newest live block of that table entry: short-lived blocks are the rule, and sizes, peaks
//! and leaks do not depend on the choice. A raw file (`heaptrack --raw`) has pointers, and exact lifetimes.

mod origin;

use super::blocks::{Blocks, Clock, Request};
use super::lines::Lines;
use super::source::Decoder;
use super::unpack::Peek;
use crate::error::{Error, Result};
use crate::text::{bytes, plural, was};
use crate::trace::{BadFree, Event, Findings, Lifetimes, Meta};
use origin::Origin;

/// Newest file version understood.
const NEWEST: u64 = 3;

/// Longest title taken from the command line, bytes.
const MAX_TITLE: usize = 200;

/// Largest table of (size, call stack) pairs accepted.
const MAX_INFOS: usize = 1 << 22;

/// Reads a heaptrack file.
pub(super) struct Heaptrack<'a> {
    lines: Lines<'a>,
    meta: Meta,
    /// The current line was read ahead, by `read_head`, and is still to be decoded.
    pending: bool,
    version: u64,
    live: LiveBlocks,
    origin: Origin,
    /// Pointers or table entries of blocks whose alloc was left out, since they are not the program's. Their free is left out, too.
    left_out: Vec<u64>,
    findings: Findings,
    clock: Clock,
    now: u64,
    closed: bool,
}

/// The live blocks, in the form that the kind of file needs.
enum LiveBlocks {
    /// Raw: by pointer.
    Pointers(Blocks<u64>),
    /// Interpreted: by table entry.
    Infos(Infos),
}

/// The table of (size, call stack) pairs and, per entry, a stack of its live blocks.
#[derive(Default)]
struct Infos {
    entries: Vec<Info>,
    /// Per slot: the slot below it on its entry's stack, or on the stack of dead slots.
    below: Vec<u32>,
    dead: u32,
}

struct Info {
    size: u64,
    stack: u64,
    top: u32,
    used: bool,
}

/// The bottom of a stack of slots.
const NONE: u32 = u32::MAX;

impl<'a> Heaptrack<'a> {
    /// Reads up to the first allocation, which shows the kind of file.
    pub(super) fn new(input: Peek<'a>) -> Result<Self> {
        let mut lines = Lines::new(input.buffered());
        if !lines.advance()? {
            return Err(Error::NoData);
        }
        let version = match fields(lines.line()) {
            Some((b'v', [Some(_), Some(version), None])) => version,
            Some((b'v', [Some(_), None, None])) => 0,
            _ => return Err(lines.error("a heaptrack file starts with a line like \"v 10400 3\"")),
        };
        if !(1..=NEWEST).contains(&version) {
            let help = if version > NEWEST {
                "use a newer poolscope, or record again with heaptrack 1.4"
            } else {
                "the file is from a heaptrack before 1.1, which wrote no file version: record again with heaptrack 1.1 or \
                 newer (`heaptrack --raw PROGRAM`)"
            };
            let help = help.to_owned();
            return Err(Error::Version {
                what: "heaptrack file",
                found: version,
                oldest: 1,
                supported: NEWEST,
                help,
            });
        }
        let infos = Infos { dead: NONE, ..Infos::default() };
        let mut this = Heaptrack {
            lines,
            meta: Meta::new("heaptrack", 1000),
            pending: false,
            version,
            live: LiveBlocks::Infos(infos),
            origin: Origin::default(),
            left_out: Vec::new(),
            findings: Findings::default(),
            clock: Clock::default(),
            now: 0,
            closed: false,
        };
        this.read_head()?;
        this.meta
            .notes
            .push("heaptrack notes the time about every 10 ms: shorter lifetimes read as 0".into());
        // The first event is not at 0 but where the recording says.
        this.clock.dt(0);
        Ok(this)
    }

    fn read_head(&mut self) -> Result<()> {
        while self.advance()? {
            match (self.lines.line().first(), fields(self.lines.line())) {
                (Some(b'X'), _) => {
                    let title = String::from_utf8_lossy(self.lines.line().get(2..).unwrap_or_default());
                    self.meta.title = title[..title.floor_char_boundary(MAX_TITLE)].to_owned();
                }
                (Some(b'+' | b'-'), Some((_, numbers))) => {
                    let raw = match self.lines.line()[0] {
                        b'+' => numbers[2].is_some(),
                        // A free first: only a table shows that it is an interpreted file.
                        _ => matches!(&self.live, LiveBlocks::Infos(infos) if infos.entries.is_empty()),
                    };
                    if raw {
                        let mut named = Blocks::new();
                        named.begin_at_zero();
                        self.live = LiveBlocks::Pointers(named);
                    } else {
                        self.meta.lifetimes = Lifetimes::Paired;
                        self.meta.notes.push(
                            "a heaptrack file does not say which block was freed, only its size and call stack: \
                             each free is paired with the newest such block; for exact lifetimes record with \
                             `heaptrack --raw`"
                                .into(),
                        );
                    }
                    self.pending = true;
                    return Ok(());
                }
                _ => self.record(&mut Vec::new())?,
            }
        }
        Ok(())
    }

    /// Moves to the next line, which must have a line end; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool> {
        if !self.lines.advance()? {
            return Ok(false);
        }
        if !self.lines.ended() {
            return Err(Error::CutOff { line: self.lines.number(), what: "a line" });
        }
        Ok(true)
    }

    /// Decodes the current line.
    fn record(&mut self, batch: &mut Vec<Event>) -> Result<()> {
        let line = self.lines.line();
        let letter = match line {
            [] => return Ok(()),
            [letter] => *letter,
            [letter, b' ', ..] => *letter,
            _ => return Err(self.lines.error(unknown(line))),
        };
        match letter {
            b'#' => {
                self.closed = true;
                return Ok(());
            }
            b's' | b'i' | b't' | b'm' => {
                self.origin.line(line, self.version);
                return Ok(());
            }
            b'X' | b'I' | b'R' | b'A' | b'S' | b'x' => return Ok(()),
            b'a' | b'+' | b'-' | b'c' => {}
            _ => return Err(self.lines.error(unknown(line))),
        }
        let Some((_, numbers)) = fields(line) else {
            return Err(self.lines.error(format!("expected hexadecimal numbers after '{}'", letter as char)));
        };
        let event = match (letter, numbers, &mut self.live) {
            (b'c', [Some(time), None, None], _) => {
                self.now = time;
                return Ok(());
            }
            (b'a', [Some(size), Some(stack), None], LiveBlocks::Infos(infos)) => {
                if infos.entries.len() == MAX_INFOS {
                    return Err(Error::TooMuch { what: "pairs of size and call stack", limit: MAX_INFOS });
                }
                infos.entries.push(Info { size, stack, top: NONE, used: false });
                return Ok(());
            }
            (b'+', [Some(size), Some(stack), Some(pointer)], LiveBlocks::Pointers(named)) => {
                // Whatever had this address before is gone.
                self.left_out.retain(|&key| key != pointer);
                if pointer != 0 && self.origin.is_reserve(size, stack, true) {
                    self.findings.leave_out(size);
                    self.left_out.push(pointer);
                } else {
                    let request = Request { size, ..Request::default() };
                    named.alloc((pointer != 0).then_some(pointer), request, self.now, batch);
                }
                return Ok(());
            }
            (b'-', [Some(pointer), None, None], LiveBlocks::Pointers(named)) => {
                match self.left_out.iter().position(|&key| key == pointer) {
                    Some(at) => {
                        self.left_out.swap_remove(at);
                    }
                    None => named.free((pointer != 0).then_some(pointer), self.now, batch),
                }
                return Ok(());
            }
            (b'+', [Some(entry), None, None], LiveBlocks::Infos(infos)) => {
                let info = usize::try_from(entry).ok().and_then(|entry| infos.entries.get(entry));
                if let Some(&Info { size, stack, .. }) = info
                    && self.origin.is_reserve(size, stack, false)
                {
                    self.findings.leave_out(size);
                    self.left_out.push(entry);
                    return Ok(());
                }
                match infos.alloc(entry) {
                    Some((slot, size)) => Event::Alloc { slot, size, dt: self.clock.dt(self.now) },
                    None => {
                        return Err(self.lines.error(format!("allocation info {entry:x} is not defined")));
                    }
                }
            }
            (b'-', [Some(entry), None, None], LiveBlocks::Infos(infos)) => {
                if let Some(at) = self.left_out.iter().position(|&key| key == entry) {
                    self.left_out.swap_remove(at);
                    return Ok(());
                }
                let dt = self.clock.dt(self.now);
                match infos.free(entry) {
                    Ok(slot) => Event::Free { slot, dt },
                    Err(kind) => Event::BadFree { kind, dt },
                }
            }
            _ => return Err(self.lines.error(format!("unexpected numbers after '{}'", letter as char))),
        };
        batch.push(event);
        Ok(())
    }
}

impl Infos {
    /// Slot and size of a new block of `entry`, `None` if there is no such entry.
    fn alloc(&mut self, entry: u64) -> Option<(u32, u64)> {
        let info = self.entries.get_mut(usize::try_from(entry).ok()?)?;
        let slot = if self.dead == NONE {
            self.below.push(NONE);
            self.below.len() as u32 - 1
        } else {
            let slot = self.dead;
            self.dead = self.below[slot as usize];
            slot
        };
        self.below[slot as usize] = info.top;
        info.top = slot;
        info.used = true;
        Some((slot, info.size))
    }

    /// The slot of the newest block of `entry`.
    fn free(&mut self, entry: u64) -> Result<u32, BadFree> {
        let info = usize::try_from(entry).ok().and_then(|entry| self.entries.get_mut(entry));
        let Some(info) = info.filter(|info| info.used) else { return Err(BadFree::NeverAllocated) };
        let slot = info.top;
        if slot == NONE {
            return Err(BadFree::DoubleFree);
        }
        info.top = self.below[slot as usize];
        self.below[slot as usize] = self.dead;
        self.dead = slot;
        Ok(slot)
    }
}

impl Decoder for Heaptrack<'_> {
    const NAME: &'static str = "heaptrack";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        if !std::mem::take(&mut self.pending) && !self.advance()? {
            let interpreted = matches!(self.live, LiveBlocks::Infos(_));
            if interpreted && !self.closed {
                return Err(Error::CutOff { line: self.lines.number(), what: "the recording" });
            }
            return Ok(false);
        }
        self.record(batch)?;
        Ok(true)
    }

    fn findings(&self) -> Findings {
        let mut findings = match &self.live {
            LiveBlocks::Pointers(named) => named.findings.clone(),
            LiveBlocks::Infos(_) => Findings::default(),
        };
        findings.left_out = self.findings.left_out;
        findings
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = match &self.live {
            LiveBlocks::Pointers(named) => named.remarks(),
            LiveBlocks::Infos(_) => self.clock.remark().into_iter().collect(),
        };
        let left_out = self.findings.left_out;
        if left_out.blocks > 0 {
            let (blocks, were) = (plural(left_out.blocks, "block"), was(left_out.blocks));
            remarks.push(format!(
                "{blocks} of {} {were} left out: the reserve of the C++ library that heaptrack loads, allocated before main",
                bytes(left_out.bytes)
            ));
        }
        remarks
    }
}

/// A first line of heaptrack's.
pub(super) fn is_version_line(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    matches!(fields(line.trim_ascii_end()), Some((b'v', [Some(_), _, None])))
}

/// The letter and up to three hexadecimal numbers of a line; `None` if it is anything else.
fn fields(line: &[u8]) -> Option<(u8, [Option<u64>; 3])> {
    let (&letter, rest) = line.split_first()?;
    let mut numbers = [None; 3];
    let mut words = rest.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    for number in &mut numbers {
        match words.next() {
            Some(word) => *number = Some(hex(word)?),
            None => break,
        }
    }
    words.next().is_none().then_some((letter, numbers))
}

/// A hexadecimal number of at most 64 bits, without prefix.
fn hex(word: &[u8]) -> Option<u64> {
    let digits = word.len() <= 16 && word.iter().all(u8::is_ascii_hexdigit);
    if digits { u64::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok() } else { None }
}

fn unknown(line: &[u8]) -> String {
    format!("not a heaptrack record: {:.40?}", String::from_utf8_lossy(line))
}
