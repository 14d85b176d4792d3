//! The lines of a dump.

use super::super::blocks::{address, is_null};
use super::super::lines::{is_chatter, message};

/// What a line of the log says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// The first line of a dump.
    Header {
        records: u64,
    },
    /// A block.
    Record(Record<'a>),
    /// The beginning of a record, from the number on; it may go on in the next line.
    Part {
        from: usize,
        used: usize,
    },
    /// The block of the last record was freed.
    Freed,
    /// The end of a dump.
    Footer(Footer),
    Overflowed,
    Changed,
    /// A code address that the monitor has looked up.
    Decoded {
        address: u64,
        name: &'a str,
    },
    Other,
}

/// A line of the summary.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Footer {
    Summary,
    /// How many records are listed.
    Listed(u64),
}

/// A block of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) size: u64,
    /// `None` for `NULL`.
    pub(super) address: Option<u64>,
    pub(super) psram: bool,
    pub(super) ccount: u64,
    /// Return addresses as printed, `0x400d2c11:0x400d2b0e`.
    pub(super) callers: &'a str,
    pub(super) freed: bool,
    /// Where the record begins in the line, and ends.
    pub(super) from: usize,
    pub(super) used: usize,
}

const BYTES: &str = " bytes (@ ";

/// Where a block lies.
const LABELS: [&str; 4] = ["Internal", "PSRAM", "SPIRAM", "External"];

impl<'a> Line<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        if let Some(at) = text.find(BYTES)
            && let Some(line) = record(text, at)
        {
            return line;
        }
        if let Some((_, after)) = text.split_once("Heap Trace: ")
            && let Some(records) = after.split_once(" records (").and_then(|(n, _)| n.trim().parse().ok())
        {
            return Line::Header { records };
        }
        // Before ESP-IDF 5 the header was a plain sentence.
        if let Some((before, _)) = text.split_once(" allocations trace (")
            && let Some((_, records)) = last_number(before)
        {
            return Line::Header { records };
        }
        let says = |words: &str| text.contains(words);
        if says("Heap Trace Summary") {
            Line::Footer(Footer::Summary)
        } else if let Some((_, after)) = text.split_once(" bytes alive in trace (") {
            let listed = after.split_once('/').and_then(|(_, rest)| first_number(rest));
            Line::Footer(listed.map_or(Footer::Summary, Footer::Listed))
        } else if let Some((_, after)) = text.split_once("'leaked' in trace (") {
            Line::Footer(first_number(after).map_or(Footer::Summary, Footer::Listed))
        } else if says("has overflowed") {
            Line::Overflowed
        } else if says("traced while dumping") {
            Line::Changed
        } else if is_freed(message(text)) {
            Line::Freed
        } else {
            decoded(message(text)).unwrap_or(Line::Other)
        }
    }
}

/// `freed by …`, or a `freed` that was broken off its record. A sentence about something freed is neither.
fn is_freed(message: &str) -> bool {
    let Some(rest) = message.strip_prefix("freed") else { return false };
    let rest = rest.trim();
    rest.is_empty()
        || rest.strip_prefix("by").is_some_and(|frames| {
            let frames = frames.trim();
            frames.is_empty() || frames.starts_with("0x") || frames.starts_with("(nil)")
        })
}

/// `--- 0x40371000: heap_caps_malloc at C:/esp/heap_caps.c:84`
fn decoded(message: &str) -> Option<Line<'_>> {
    let text = message.strip_prefix("--- ").unwrap_or(message);
    let (code, name) = text.split_once(": ")?;
    if !code.starts_with("0x") {
        return None;
    }
    let name = name.split(" at ").next()?.trim();
    let address = address(code).ok()??;
    (!name.is_empty()).then_some(Line::Decoded { address, name })
}

/// The record around the [`BYTES`] at `at`; `None` if the line only looks like one.
fn record(text: &str, at: usize) -> Option<Line<'_>> {
    let (from, size) = last_number(&text[..at])?;
    let mut cursor = Cursor { text, at: at + BYTES.len() };
    let place = cursor.at;
    if cursor.eat("0x") {
        cursor.skip(|c| c.is_ascii_hexdigit());
    } else {
        cursor.skip(|c| c.is_ascii_alphanumeric() || c == '(');
    }
    if is_null(text[place..cursor.at].trim_start_matches('(')) {
        cursor.eat(")");
    }
    let block = match address(&text[place..cursor.at]) {
        Ok(address) => address,
        // Nothing of it is there yet.
        Err(()) if cursor.at_end() => return Some(Line::Part { from, used: cursor.at }),
        Err(()) => return None,
    };
    let label = cursor.at;
    if cursor.eat(",") {
        cursor.skip(|c| c == ' ');
        if !is_chatter(&text[cursor.at..]) {
            cursor.eat_one_of(&LABELS);
        }
    }
    let label = &text[label..cursor.at];
    let before = cursor.at;
    let all = cursor.eat(") allocated CPU ") && cursor.number() && cursor.eat(" ccount 0x") && cursor.hex();
    if !all {
        // At the end of the line, or where the line of another task begins, it may go on in the next line; where anything
        // else follows, the word must have begun.
        let begun = cursor.at_end() || cursor.at >= before + ") a".len() || is_chatter(&text[cursor.at..]);
        return begun.then_some(Line::Part { from, used: cursor.at });
    }
    let ccount = text[..cursor.at].rsplit("0x").next().and_then(|hex| u64::from_str_radix(hex, 16).ok())?;
    let mut used = cursor.at;
    let mut callers = "";
    if cursor.eat(" caller") {
        cursor.eat(" ");
        let first = cursor.at;
        cursor.skip(|c| c.is_ascii_hexdigit() || c == 'x' || c == ':');
        // `caller` without addresses may be followed by `freed`, whose letters are no digits of an address.
        if !text[first..cursor.at].starts_with("0x") {
            cursor.at = first;
        }
        callers = text[first..cursor.at].trim_end_matches(':');
        used = cursor.at;
    } else {
        cursor.at = used;
    }
    cursor.skip(|c| c == ' ');
    let freed = cursor.eat("freed") && !cursor.text[cursor.at..].starts_with(|c: char| c.is_alphanumeric());
    if freed || cursor.at_end() {
        used = cursor.at;
    }
    let psram = LABELS[1..].iter().any(|name| label.contains(name));
    Some(Line::Record(Record { size, address: block, psram, ccount, callers, freed, from, used }))
}

/// Reads a text from its start.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, of: impl Fn(char) -> bool) -> usize {
        let rest = &self.text[self.at..];
        let len = rest.find(|c| !of(c)).unwrap_or(rest.len());
        self.at += len;
        len
    }

    /// Takes as much of `word` as is there; whether all of it was.
    fn eat(&mut self, word: &str) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        let same = rest.iter().zip(word.as_bytes()).take_while(|(a, b)| a == b).count();
        self.at += same;
        same == word.len()
    }

    /// Takes as much of one of `words` as is there.
    fn eat_one_of(&mut self, words: &[&str]) {
        let from = self.at;
        let ends = words.iter().map(|word| {
            self.at = from;
            self.eat(word);
            self.at
        });
        self.at = ends.max().unwrap_or(from);
    }

    fn number(&mut self) -> bool {
        self.skip(|c| c.is_ascii_digit()) > 0
    }

    fn hex(&mut self) -> bool {
        (1..=16).contains(&self.skip(|c| c.is_ascii_hexdigit()))
    }

    fn at_end(&self) -> bool {
        self.at == self.text.len()
    }
}

/// The number at the end of a line that may begin with anything, and where it begins.
fn last_number(text: &str) -> Option<(usize, u64)> {
    let text = text.trim_end();
    let digits = text.bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = text.len() - digits;
    Some((start, text[start..].parse().ok()?))
}

/// The number at the start of a text.
fn first_number(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> (u64, Option<u64>, bool, &str, bool) {
        match Line::of(text) {
            Line::Record(record) => (record.size, record.address, record.psram, record.callers, record.freed),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn heap_trace_lines_of_all_versions_are_parsed() {
        let cases = [
            ("====== Heap Trace: 8 records (8 capacity) ======", Line::Header { records: 8 }),
            (
                "10:00:00.101 -> ====== Heap Trace: 2 records (10 capacity) ======",
                Line::Header { records: 2 },
            ),
            ("3 allocations trace (100 entry buffer)", Line::Header { records: 3 }),
            ("freed by 0x403839e4:0x42008096", Line::Freed),
            ("10:00:00.103 -> freed by 0x400d3000:0x400d4000", Line::Freed),
            ("I (310) heap: freed by ", Line::Freed),
            ("I (310) app: freed by the user", Line::Other),
            ("I (310) app: all freed by 0x1", Line::Other),
            ("0x403839e4: free at heap.c:40", Line::Decoded { address: 0x4038_39e4, name: "free" }),
            ("--- 0x4: a::b at C:/x:1", Line::Decoded { address: 4, name: "a::b" }),
            ("====== Heap Trace Summary ======", Line::Footer(Footer::Summary)),
            ("0 bytes alive in trace (0/8 allocations)", Line::Footer(Footer::Listed(8))),
            ("48 bytes 'leaked' in trace (3 allocations)", Line::Footer(Footer::Listed(3))),
            ("(NB: Internal Buffer has overflowed, so trace data is incomplete.)", Line::Overflowed),
            ("I (120) ota: wrote 4096 bytes (@ 0x10000) of image", Line::Other),
            ("I (120) ota: wrote 4096 bytes (@ 0x10000) and more", Line::Part { from: 19, used: 43 }),
            ("x bytes (@ 0x3fcb5000) allocated", Line::Other),
            ("9 bytes (@ nowhere) allocated", Line::Other),
            ("é bytes (@ 0x1) allocated", Line::Other),
            ("9 bytes (@ 0x3fcb5000", Line::Part { from: 0, used: 21 }),
            ("9 bytes (@ 0x3fcb5000, Int) alloI (1) a: b", Line::Part { from: 0, used: 32 }),
            ("", Line::Other),
        ];
        for (text, line) in cases {
            assert_eq!(Line::of(text), line, "{text}");
        }
    }

    #[test]
    fn heap_trace_records_of_all_versions_are_parsed() {
        let address = Some(0x3fcb_5000);
        let cases = [
            (
                "    9 bytes (@ 0x3fcb5000, Internal) allocated CPU 0 ccount 0x1e7b01d4 freed",
                (9, address, false, "", true),
            ),
            (
                "9 bytes (@ 0x3fcb5000) allocated CPU 1 ccount 0x1 caller 0x4:0x5",
                (9, address, false, "0x4:0x5", false),
            ),
            (
                "9 bytes (@ 0x3fcb5000) allocated CPU 1 ccount 0x1 caller 0x4:",
                (9, address, false, "0x4", false),
            ),
            (
                "9 bytes (@ 0x3fcb5000,    PSRAM) allocated CPU 1 ccount 0x1 caller ",
                (9, address, true, "", false),
            ),
            ("9 bytes (@ 0x3fcb5000) allocated CPU 1 ccount 0x1 caller freed", (9, address, false, "", true)),
            (
                "9 bytes (@ 0x3fcb5000) allocated CPU 1 ccount 0x1 caller 0x4 freed (main)",
                (9, address, false, "0x4", true),
            ),
            ("9 bytes (@ 0x3fcb5000) allocated CPU 1 ccount 0x1 freedom", (9, address, false, "", false)),
            (
                "11:00:00 > 9 bytes (@ (nil), Internal) allocated CPU 1 ccount 0x1",
                (9, None, false, "", false),
            ),
            ("9 bytes (@ 0x0, Internal) allocated CPU 1 ccount 0x1", (9, None, false, "", false)),
        ];
        for (text, expected) in cases {
            assert_eq!(block(text), expected, "{text}");
        }
    }
}
