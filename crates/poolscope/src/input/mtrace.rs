//! What `mtrace` of the GNU C library writes, in a file or between other lines.
//!
//! ```text
//! = Start
//! @ ./app:[0x11a2] + 0x55fbd0fce2a0 0x8
//! @ ./app:[0x11b0] < 0x55fbd0fce2a0
//! @ ./app:[0x11b0] > 0x55fbd0fce2c0 0x10
//! @ ./app:[0x11c0] - 0x55fbd0fce2c0
//! = End
//! ```
//!
//! `+` is an allocation, `-` a free, `<` and `>` the old and the new block of a `realloc`, `!` a `realloc` that failed.
//! There is no clock; one event is one tick.

use super::blocks::{Blocks, Request, address};
use super::lines::Damage;
use super::lines::{LogLines, message};
use super::source::Decoder;
use crate::error::Result;
use crate::trace::{Event, Findings, Meta};

/// What a line says. An address of `None` is `NULL`.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Start,
    End,
    Alloc {
        block: Option<u64>,
        size: u64,
    },
    Free {
        block: Option<u64>,
    },
    /// A `realloc` failed: its block stays.
    Failed {
        size: u64,
    },
    Damaged,
    Other,
}

/// Reads mtrace's lines.
pub(super) struct Mtrace<'a> {
    lines: LogLines<'a>,
    meta: Meta,
    blocks: Blocks<u64>,
    now: u64,
    started: bool,
    ended: bool,
    damage: Damage,
}

/// Whether a log with this line is a recording of this format.
pub(super) fn is_evidence(text: &str) -> bool {
    let located = message(text).starts_with("@ ");
    match line(text) {
        Line::Start => true,
        Line::Alloc { .. } | Line::Free { .. } | Line::Failed { .. } => located,
        Line::End | Line::Damaged | Line::Other => false,
    }
}

impl<'a> Mtrace<'a> {
    pub(super) fn new(lines: LogLines<'a>) -> Self {
        let mut meta = Meta::new("mtrace", 0);
        meta.notes.push("mtrace does not note the time: one event is one tick".to_owned());
        let blocks = Blocks::new();
        Mtrace { lines, meta, blocks, now: 0, started: false, ended: false, damage: Damage::default() }
    }

    fn line(&mut self, batch: &mut Vec<Event>) {
        let line = line(self.lines.text());
        self.now += 1;
        match line {
            Line::Start => {
                if std::mem::replace(&mut self.started, true) {
                    self.blocks.restart(); // another run of the program
                }
                self.ended = false;
            }
            Line::End => self.ended = true,
            Line::Alloc { block, size } => {
                self.blocks.alloc(block, Request { size, ..Request::default() }, self.now, batch);
            }
            Line::Free { block } => self.blocks.free(block, self.now, batch),
            Line::Failed { size } => self.blocks.findings.fail(size, None),
            Line::Damaged => self.damage.note(self.lines.number()),
            Line::Other => self.now -= 1,
        }
    }
}

impl Decoder for Mtrace<'_> {
    const NAME: &'static str = "mtrace";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        if !self.lines.advance()? {
            return Ok(false);
        }
        self.line(batch);
        Ok(true)
    }

    fn findings(&self) -> Findings {
        self.blocks.findings.clone()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.blocks.remarks();
        if !self.started {
            remarks.push("the beginning is missing: there is no \"= Start\"".to_owned());
        }
        if !self.ended {
            remarks.push(
                "there is no \"= End\": the file is cut off, or the program ended without a call of muntrace"
                    .to_owned(),
            );
        }
        remarks.extend(self.damage.remark("line", "", "damaged and left out"));
        remarks
    }
}

fn line(text: &str) -> Line {
    let text = message(text);
    if text == "= Start" || text == "= End" {
        return if text == "= Start" { Line::Start } else { Line::End };
    }
    let located = text.starts_with("@ ");
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    // The place may hold any words, so the line is read from its end.
    let pointer = |word: &str| address(word).ok().filter(|_| word.starts_with("0x") || word.starts_with('('));
    let size = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        u64::from_str_radix(digits, 16).ok()
    };
    let line = match words[..] {
        [.., op @ ("+" | ">" | "!"), block, bytes] => {
            pointer(block).zip(size(bytes)).map(|(block, size)| match op {
                "!" => Line::Failed { size },
                _ => Line::Alloc { block, size },
            })
        }
        [.., "-" | "<", block] => pointer(block).map(|block| Line::Free { block }),
        _ => None,
    };
    // Without a place, the line begins with the operation.
    let bare = words.first().is_some_and(|word| matches!(*word, "+" | "-" | "<" | ">" | "!"));
    match line {
        Some(line) if located || bare => line,
        _ if located => Line::Damaged,
        _ => Line::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mtrace_lines_of_all_kinds_are_parsed() {
        let block = Some(0x55fb);
        let cases = [
            ("= Start", Line::Start),
            ("= End", Line::End),
            ("@ ./app:[0x11a2] + 0x55fb 0x8", Line::Alloc { block, size: 8 }),
            ("@ /my + files/app:(main+0x12)[0x11a2] + 0x55fb 0x8", Line::Alloc { block, size: 8 }),
            ("@ ./app:[0x11a2] + (nil) 0x40", Line::Alloc { block: None, size: 64 }),
            ("@ ./app:[0x11a2] > 0x55fb 0x10", Line::Alloc { block, size: 16 }),
            ("@ ./app:[0x11a2] < 0x55fb", Line::Free { block }),
            ("@ ./app:[0x11a2] - 0x55fb", Line::Free { block }),
            ("12:00:00.000 > @ ./app:[0x11a2] - 0x55fb", Line::Free { block }),
            ("- 0x55fb", Line::Free { block }),
            ("@ ./app:[0x11a2] ! 0x55fb 0x2000", Line::Failed { size: 0x2000 }),
            ("@ ./app:[0x11a2] + 0x55fb", Line::Damaged),
            ("@ ./app:[0x1", Line::Damaged),
            ("1 - 0x5", Line::Other),
            ("", Line::Other),
        ];
        for (text, expected) in cases {
            assert_eq!(line(text), expected, "{text}");
        }
    }
}
