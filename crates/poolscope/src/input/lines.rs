//! The lines of text recordings, and of device logs without what terminals and monitors put in and around them.

use std::collections::VecDeque;
use std::io::{BufRead, Read};

use super::unpack::{Input, Peek};
use crate::error::{Error, Result};
use crate::text::{plural, was};

/// Longest line accepted, bytes. Mangled C++ names reach some ten thousand.
pub(super) const MAX_LINE: usize = 1 << 20;

/// Splits an input into lines. Memory: the longest line so far, at most [`MAX_LINE`].
pub(super) struct Lines<'a> {
    input: Input<'a>,
    line: Vec<u8>,
    number: u64,
    ended: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Lines { input, line: Vec::new(), number: 0, ended: true }
    }

    /// Moves to the next line; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        let mut limited = (&mut self.input).take(MAX_LINE as u64 + 1);
        let got = limited.read_until(b'\n', &mut self.line).map_err(Error::from_read)?;
        if got == 0 {
            return Ok(false);
        }
        self.number += 1;
        self.ended = self.line.pop_if(|&mut byte| byte == b'\n').is_some();
        if !self.ended && got > MAX_LINE {
            return Err(Error::LineTooLong { line: self.number, limit: MAX_LINE });
        }
        self.line.pop_if(|&mut byte| byte == b'\r');
        Ok(true)
    }

    /// The current line, without its end.
    pub(super) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Number of the current line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The current line had a line end.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// An error at the current line.
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        Error::Syntax { line: self.number, what: what.into() }
    }
}

/// A log, line by line: no colours, no zeros or other control characters, and a carriage return ends a line, too.
pub(super) struct LogLines<'a> {
    lines: Lines<'a>,
    text: String,
    rest: VecDeque<String>,
    again: bool,
}

impl<'a> LogLines<'a> {
    pub(super) fn new(input: Peek<'a>) -> Self {
        LogLines {
            lines: Lines::new(input.buffered()),
            text: String::new(),
            rest: VecDeque::new(),
            again: false,
        }
    }

    /// Moves to the next line; `false` at the end.
    pub(super) fn advance(&mut self) -> Result<bool> {
        if std::mem::take(&mut self.again) {
            return Ok(true);
        }
        if let Some(rest) = self.rest.pop_front() {
            self.text = rest;
            return Ok(true);
        }
        if !self.lines.advance()? {
            return Ok(false);
        }
        let line = String::from_utf8_lossy(self.lines.line());
        if line.bytes().any(|byte| byte < b' ' && byte != b'\t') {
            self.rest.extend(plain(&line).split('\r').filter(|part| !part.is_empty()).map(str::to_owned));
            self.text = self.rest.pop_front().unwrap_or_default();
        } else {
            self.text.clear();
            self.text.push_str(&line);
        }
        Ok(true)
    }

    /// Makes the next [`advance`](Self::advance) return the current line again.
    pub(super) fn again(&mut self) {
        self.again = true;
    }

    /// The current line.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Number of the current line, from 1.
    pub(super) fn number(&self) -> u64 {
        self.lines.number()
    }

    /// The current line had a line end.
    pub(super) fn ended(&self) -> bool {
        self.lines.ended()
    }
}

/// Records or lines that could not be read: their number, and the line of the first.
#[derive(Debug, Default)]
pub(super) struct Damage {
    count: u64,
    first_line: u64,
}

impl Damage {
    /// Counts one more, which began at `line`.
    pub(super) fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }

    /// The remark about them, if there are any: `3 RECORDs WHICH were RESULT, the first at line 7`.
    pub(super) fn remark(&self, record: &str, which: &str, result: &str) -> Option<String> {
        let (number, were) = (plural(self.count, record), was(self.count));
        let line = self.first_line;
        (self.count > 0).then(|| format!("{number}{which} {were} {result}, the first at line {line}"))
    }
}

/// `line` without escape sequences and control characters, but with carriage returns.
pub(super) fn plain(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\x1b' => match chars.peek() {
                // Colours and cursor movements end with a letter or so, titles of windows with a bell.
                Some('[') => {
                    chars.next();
                    while let Some(&next) = chars.peek() {
                        if !(' '..='~').contains(&next) {
                            break;
                        }
                        chars.next();
                        if ('@'..='~').contains(&next) {
                            break;
                        }
                    }
                }
                Some(']') => {
                    while let Some(next) = chars.next() {
                        if next == '\x07' || next == '\x1b' && chars.next_if_eq(&'\\').is_some() {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\r' | '\t' => out.push(char),
            _ if char.is_control() => {}
            _ => out.push(char),
        }
    }
    out
}

/// `line` without the time stamps, levels and tags that a logger or a monitor writes before a message.
pub(super) fn message(line: &str) -> &str {
    let mut text = line.trim();
    while let Some((_, rest)) = after_prefix(text) {
        text = rest.trim_start();
    }
    text
}

/// The device's time of a line in milliseconds, or if it has none, the monitor's time of day.
pub(super) fn time_ms(line: &str) -> Option<u64> {
    let mut text = line.trim();
    let mut time = None;
    while let Some((stamp, rest)) = after_prefix(text) {
        match stamp {
            Stamp::Device(ms) => return Some(ms),
            Stamp::Day(ms) => time = time.or(Some(ms)),
            Stamp::None => {}
        }
        text = rest.trim_start();
    }
    time
}

/// Whether a device or a monitor writes such a line itself, so that it is no part of a recording.
pub(super) fn is_chatter(line: &str) -> bool {
    const BOOT: [&str; 22] = [
        "ESP-ROM:",
        "Build:",
        "rst:",
        "Saved PC:",
        "SPIWP:",
        "mode:",
        "load:",
        "entry ",
        "ets ",
        "configsip:",
        "clk_drv:",
        "ho ",
        "Rebooting...",
        "Guru Meditation",
        "Core ",
        "PC  ",
        "Backtrace:",
        "ELF file SHA256",
        "--- ",
        "abort()",
        "MEPC ",
        "Stack memory:",
    ];
    let text = line.trim();
    after_prefix(text).is_some() || BOOT.iter().any(|start| text.starts_with(start))
}

/// Whether the device restarts with this line.
pub(super) fn is_restart(line: &str) -> bool {
    let text = line.trim();
    ["Rebooting...", "ESP-ROM:", "rst:0x", "ets Ju"].iter().any(|start| text.contains(start))
        || text.contains("boot: ESP-IDF ")
}

/// What a piece of a prefix says about the time, in milliseconds.
enum Stamp {
    Device(u64),
    Day(u64),
    None,
}

/// The first piece of a prefix and what follows, if `text` begins with one.
fn after_prefix(text: &str) -> Option<(Stamp, &str)> {
    for mark in ["->", "=>", ">>", ">", "|"] {
        if let Some(rest) = text.strip_prefix(mark).filter(|rest| rest.starts_with(' ')) {
            return Some((Stamp::None, rest));
        }
    }
    if let Some(inner) = text.strip_prefix('[') {
        let (inside, rest) = inner.split_once(']')?;
        let inside = inside.trim();
        if let Ok(ms) = inside.parse() {
            return Some((Stamp::Device(ms), rest)); // Arduino: [   123][I][main.cpp:12] loop():
        }
        if is_stamp(inside) {
            return Some((time_of_day(inside).map_or(Stamp::None, Stamp::Day), rest));
        }
        if matches!(inside, "E" | "W" | "I" | "D" | "V") {
            return Some((Stamp::None, rest));
        }
        let (file, number) = inside.rsplit_once(':')?;
        let place = file.contains('.') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let rest = rest.split_once("(): ").or_else(|| rest.split_once("()")).map_or(rest, |(_, rest)| rest);
        return place.then_some((Stamp::None, rest));
    }
    let (word, rest) = text.split_once(' ')?;
    match word {
        "E" | "W" | "I" | "D" | "V" => {
            let (inside, rest) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
            let (tag, rest) = rest.split_once(": ").or_else(|| rest.split_once(':'))?;
            let time = match inside.trim().parse() {
                Ok(ms) => Stamp::Device(ms),
                Err(_) => Stamp::Device(time_of_day(inside)?),
            };
            // A tag is a word or a few, not a sentence.
            (tag.len() <= 64).then_some((time, rest))
        }
        "ERROR" | "WARN" | "INFO" | "DEBUG" | "TRACE" => {
            Some((Stamp::None, rest.trim_start().strip_prefix("- ").unwrap_or(rest)))
        }
        "AM" | "PM" => Some((Stamp::None, rest)),
        _ if is_stamp(word) => Some((time_of_day(word).map_or(Stamp::None, Stamp::Day), rest)),
        _ => None,
    }
}

/// A time or a date: digits with signs between them.
fn is_stamp(word: &str) -> bool {
    let word = word.trim_end_matches(['Z', ':', ',']);
    let known = |byte: u8| byte.is_ascii_digit() || b":.-/T,+ ".contains(&byte);
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.bytes().all(known)
        && word.bytes().any(|byte| !byte.is_ascii_digit())
}

/// Milliseconds of a time like `12:34:56.789`, perhaps after a date.
fn time_of_day(text: &str) -> Option<u64> {
    let text = text.rsplit([' ', 'T']).next()?.trim_end_matches(['Z', ':', ',']);
    let mut parts = text.split(':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (seconds, fraction) = seconds.split_once(['.', ',']).unwrap_or((seconds, "0"));
    let number = |text: &str| text.parse::<u64>().ok().filter(|&number| number < 1000);
    let ms: String = fraction.chars().chain("00".chars()).take(3).collect();
    Some(((number(hours)? * 60 + number(minutes)?) * 60 + number(seconds)?) * 1000 + number(&ms)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_monitors_and_loggers_are_removed() {
        let prefixes = [
            ("", None),
            ("    ", None),
            ("10:00:00.102 -> ", Some(36_000_102)),
            ("12:34:56.789 > ", Some(45_296_789)),
            ("[2024-05-06 10:00:00.102] ", Some(36_000_102)),
            ("2024-05-06T10:00:00.102Z ", Some(36_000_102)),
            ("2024-05-06 10:00:00,102 | ", Some(36_000_102)),
            ("10:00:00 AM ", Some(36_000_000)),
            ("I (310) heap: ", Some(310)),
            ("W (00:00:01.310) heap: ", Some(1310)),
            ("10:00:00.102 -> I (310) heap: ", Some(310)),
            ("[   310][I][main.cpp:12] loop(): ", Some(310)),
            ("[   310][E][main.cpp:12] ", Some(310)),
            ("INFO - ", None),
        ];
        for (prefix, ms) in prefixes {
            for text in [
                "freed by 0x400d3000",
                "64 bytes (@ 0x1) allocated",
                "1000,alloc,0x1,16",
                "@ ./app:[0x1] + 0x2 0x3",
            ] {
                let line = format!("{prefix}{text}");
                assert_eq!((message(&line), time_ms(&line)), (text, ms), "{line}");
            }
        }
        for text in ["", "hello: there", "12 - 0x5", "[", "I (", "[a:b"] {
            assert_eq!(message(text), text);
        }
    }

    #[test]
    fn escape_sequences_and_control_characters_are_removed() {
        let cases = [
            ("\x1b[0;33mfreed\x1b[0m", "freed"),
            ("a\x1b]0;title\x07b\x1b]0;t\x1b\\c", "abc"),
            ("a\0b\x08\x1bc", "abc"),
            ("tab\there", "tab\there"),
            ("\x1b[", ""),
        ];
        for (line, text) in cases {
            assert_eq!(plain(line), text, "{line:?}");
        }
        let mut lines = LogLines::new(Peek::new(Box::new(&b"one\r\r\ntwo\rthree\r\n\r\nfour"[..])));
        let mut texts = Vec::new();
        while lines.advance().unwrap() {
            texts.push((lines.number(), lines.text().to_owned()));
        }
        let expected = [(1, "one"), (2, "two"), (2, "three"), (3, ""), (4, "four")];
        assert_eq!(texts, expected.map(|(number, text)| (number, text.to_owned())));
        assert!(!lines.ended());
    }
}
