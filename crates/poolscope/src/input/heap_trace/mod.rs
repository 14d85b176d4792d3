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
//! The dump lists blocks with their state, in the order of allocation; it does not say *when* a block was freed. A
//! freed block ends where another block takes its addresses, otherwise at the end of the dump, which makes the peak an
//! upper bound. In a log with several dumps a block that is listed again is the same block, and one that a complete
//! dump lists no more was freed in between. There is no clock; one event is one tick.
//!
//! A log is rarely clean: what terminals and monitors write around the lines is removed, a record that is broken
//! over several lines is put together again, and what is missing or damaged is counted and reported.

mod line;
mod live;

use super::lines::Damage;
use super::lines::{LogLines, is_chatter, is_restart};
use super::source::Decoder;
use crate::error::{Error, Result};
use crate::text::{count, plural, was};
use crate::trace::{Event, Findings, Lifetimes, MAX_BLOCKS, Meta};
use line::{Footer, Line, Record};
use live::{Dump, Live};

/// Foreign lines that may stand between the parts of a record.
const MAX_BETWEEN: u32 = 4;

/// Reads heap trace dumps.
pub(super) struct HeapTrace<'a> {
    lines: LogLines<'a>,
    meta: Meta,
    live: Live,
    /// The dump being read, if any.
    dump: Option<Dump>,
    /// What the header of the dump read last announced, and how many records it has.
    check: Option<(u64, u64)>,
    /// The text of a record that may go on in the next lines, and how many lines ago it was.
    open: Option<Open>,
    /// The device has restarted since the last dump.
    restarted: bool,
    /// Where the last line of the dump is.
    last_line: u64,
    noticed: Noticed,
}

/// A record, or a part of one, that may go on.
struct Open {
    text: String,
    /// It is in the dump already.
    whole: bool,
    line: u64,
    between: u32,
}

/// What the remarks report.
#[derive(Default)]
struct Noticed {
    dumps: u64,
    cut: Vec<(u64, Option<u64>, u64)>,
    cuts: u64,
    headless: u64,
    filtered: u64,
    fewer: u64,
    damaged: Damage,
    stray: Damage,
    restarts: u64,
    overflowed: bool,
    changed: bool,
    unended: bool,
}

/// Whether a log with this line is a recording of this format.
pub(super) fn is_evidence(line: &str) -> bool {
    // Most lines of a log are neither; this is a fast way to exclude them.
    let may_be =
        [" bytes (@ ", "Heap Trace: ", " allocations trace ("].iter().any(|words| line.contains(words));
    may_be && matches!(Line::of(line), Line::Header { .. } | Line::Record(_))
}

impl<'a> HeapTrace<'a> {
    pub(super) fn new(lines: LogLines<'a>) -> Self {
        let mut meta = Meta::new("heap-trace", 0);
        meta.lifetimes = Lifetimes::Unknown;
        meta.notes.push(
            "heap_trace_dump does not say when blocks were freed: lifetimes are unknown, a free is placed where another \
             block takes the addresses or at the end of the dump, and the peak is an upper bound"
                .into(),
        );
        let (live, noticed) = (Live::default(), Noticed::default());
        HeapTrace {
            lines,
            meta,
            live,
            dump: None,
            check: None,
            open: None,
            restarted: false,
            last_line: 0,
            noticed,
        }
    }

    fn line(&mut self, batch: &mut Vec<Event>) -> Result<()> {
        let text = self.lines.text().to_owned();
        if is_restart(&text) {
            self.close(false, batch);
            self.restarted = true;
            return Ok(());
        }
        let line = Line::of(&text);
        if !matches!(line, Line::Other) {
            self.last_line = self.lines.number();
        }
        match line {
            Line::Header { records } => {
                self.close(false, batch);
                self.begin(Some(records));
            }
            Line::Record(record) => {
                let text = text[record.from..record.used].to_owned();
                self.give_up();
                self.push(&record)?;
                self.open = Some(Open { text, whole: true, line: self.lines.number(), between: 0 });
            }
            Line::Part { from, used } => {
                let (text, line) = (text[from..used].to_owned(), self.lines.number());
                self.give_up();
                self.open = Some(Open { text, whole: false, line, between: 0 });
            }
            Line::Freed => {
                let line = self.lines.number();
                let marked = self.dump.as_mut().is_some_and(Dump::mark_last_freed);
                if !marked {
                    self.noticed.stray.note(line);
                }
            }
            Line::Footer(footer) => self.footer(footer, batch),
            Line::Overflowed => self.noticed.overflowed = true,
            Line::Changed => self.noticed.changed = true,
            Line::Decoded { address, name } => self.live.name(address, name),
            Line::Other => self.go_on(&text)?,
        }
        Ok(())
    }

    fn begin(&mut self, announced: Option<u64>) {
        self.settle_check(None);
        self.noticed.dumps += 1;
        self.noticed.headless += u64::from(announced.is_none());
        self.dump = Some(Dump::new(announced));
    }

    fn push(&mut self, record: &Record<'_>) -> Result<()> {
        if self.dump.is_none() {
            self.begin(None);
        }
        let Some(dump) = &mut self.dump else { return Ok(()) };
        if dump.len() == MAX_BLOCKS {
            return Err(Error::TooMuch { what: "records in one dump", limit: MAX_BLOCKS });
        }
        let site = self.live.site(record.callers);
        dump.push(record, site);
        Ok(())
    }

    /// A line that is not of a dump: perhaps the rest of a record that was broken.
    fn go_on(&mut self, text: &str) -> Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        for rest in [text, super::lines::message(text)] {
            let joined = format!("{}{rest}", open.text);
            let record = match Line::of(&joined) {
                Line::Record(record) if record.used > open.text.len() => record,
                // A part of the rest may fit by chance; then other text follows.
                Line::Part { used, .. }
                    if used > open.text.len() && (used == joined.len() || is_chatter(&joined[used..])) =>
                {
                    open.text = joined[..used].to_owned();
                    return Ok(());
                }
                _ => continue,
            };
            let whole = std::mem::replace(&mut open.whole, true);
            open.text = joined[..record.used].to_owned();
            if whole {
                let site = self.live.site(record.callers);
                if let Some(dump) = &mut self.dump {
                    dump.replace_last(&record, site);
                }
                return Ok(());
            }
            return self.push(&record);
        }
        open.between += 1;
        // A whole record goes on in the very next line, or not at all.
        if open.whole || open.between == MAX_BETWEEN {
            self.give_up();
        }
        Ok(())
    }

    /// The open record does not continue.
    fn give_up(&mut self) {
        if let Some(open) = self.open.take().filter(|open| !open.whole && open.text.contains(") alloc")) {
            self.noticed.damaged.note(open.line);
        }
    }

    /// The log ends in the middle of a line: the clock of its record, by which blocks are distinguished, may be cut.
    fn drop_cut_record(&mut self) {
        let digits = |open: &Open| open.text.rsplit_once("ccount 0x").map_or(8, |(_, rest)| rest.len());
        if let (Some(open), Some(dump)) = (&self.open, &mut self.dump)
            && open.whole
            && digits(open) < 8
        {
            dump.pop();
        }
    }

    fn footer(&mut self, footer: Footer, batch: &mut Vec<Event>) {
        self.close(true, batch);
        if let Footer::Listed(listed) = footer {
            self.settle_check(Some(listed));
        }
    }

    /// A dump ends, with its footer or without.
    fn close(&mut self, ended: bool, batch: &mut Vec<Event>) {
        self.give_up();
        let Some(dump) = self.dump.take() else { return };
        let (announced, listed) = (dump.announced, dump.len() as u64);
        let complete = ended && announced == Some(listed);
        if !ended && announced != Some(listed) {
            self.noticed.cuts += 1;
            if self.noticed.cut.len() < 4 {
                self.noticed.cut.push((self.last_line, announced, listed));
            }
        } else if let Some(announced) = announced.filter(|&announced| announced != listed) {
            self.check = Some((announced, listed));
        }
        // What was live before a restart is shown as live unless a later dump says what is.
        if listed > 0 && std::mem::take(&mut self.restarted) {
            self.noticed.restarts += u64::from(self.live.restart(batch));
        }
        self.live.settle(dump, complete || !ended && announced == Some(listed), batch);
    }

    /// The footer says how many records the dump lists: a dump of some memory lists fewer than were recorded.
    fn settle_check(&mut self, listed: Option<u64>) {
        if let Some((_, found)) = self.check.take() {
            if listed == Some(found) { self.noticed.filtered += 1 } else { self.noticed.fewer += 1 }
        }
    }
}

impl Decoder for HeapTrace<'_> {
    const NAME: &'static str = "heap_trace_dump";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        if self.lines.advance()? {
            self.line(batch)?;
            return Ok(true);
        }
        self.noticed.unended = self.dump.is_some() && !self.lines.ended();
        if self.noticed.unended {
            self.drop_cut_record();
        }
        self.close(false, batch);
        self.settle_check(None);
        Ok(false)
    }

    fn findings(&self) -> Findings {
        self.live.findings()
    }

    fn remarks(&self) -> Vec<String> {
        let noticed = &self.noticed;
        let dumps = |number| plural(number, "dump");
        let several = (noticed.dumps > 1).then(|| {
            let dumps = dumps(noticed.dumps);
            format!(
                "{dumps}: a block that is listed again is the same block, one that is listed no more was freed in between"
            )
        });
        let cut = |&(line, announced, listed): &(u64, Option<u64>, u64)| {
            let announced =
                announced.map(|records| format!("its header announces {}, ", plural(records, "record")));
            let (announced, found) = (announced.unwrap_or_default(), plural(listed, "whole record"));
            format!("a dump is cut off at line {line}: {announced}{found} {} there", was(listed))
        };
        let more = noticed.cuts - noticed.cut.len() as u64;
        let (replaced, sites) = (self.live.replaced(), self.live.unnamed_sites());
        let rest = [
            (more > 0).then(|| format!("{} more {} cut off", dumps(more), was(more))),
            (noticed.headless > 0).then(|| {
                format!("the beginning of {} is missing: records before it may be lost", dumps(noticed.headless))
            }),
            (noticed.filtered > 0).then(|| {
                let lists = if noticed.filtered == 1 { "lists" } else { "list" };
                format!(
                    "{} {lists} fewer records than were recorded: heap_trace_dump_caps lists the blocks of one kind of \
                     memory only; use heap_trace_dump for all",
                    dumps(noticed.filtered)
                )
            }),
            (noticed.fewer > 0).then(|| {
                let has = if noticed.fewer == 1 { "has" } else { "have" };
                let dumps = dumps(noticed.fewer);
                format!("{dumps} {has} not as many records as the header announces: lines of the log are missing")
            }),
            noticed.damaged.remark("record", "", "damaged and left out"),
            noticed.stray.remark("\"freed by\" line", " without the record of the block", "left out"),
            (noticed.restarts > 0).then(|| {
                let times = plural(noticed.restarts, "time");
                format!("the device started anew {times}: the blocks that were live before are taken as freed then")
            }),
            (replaced > 0).then(|| {
                let (blocks, were) = (plural(replaced, "block"), was(replaced));
                format!("{blocks} {were} in the way of a later one and not listed as freed: taken as freed then")
            }),
            noticed
                .overflowed
                .then(|| "the record buffer on the device overflowed: allocations are missing".to_owned()),
            noticed.changed.then(|| "tracing went on while dumping: records may be doubled".to_owned()),
            noticed.unended.then(|| "the last line has no line end: it may have been cut off".to_owned()),
            (sites > 0)
                .then(|| format!("blocks of more than {} call sites: the rest is taken together", count(sites))),
        ];
        several.into_iter().chain(noticed.cut.iter().map(cut)).chain(rest.into_iter().flatten()).collect()
    }
}
