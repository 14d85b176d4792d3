//! Lines that a program prints from its allocation hooks, in the shapes that are common.
//!
//! ```text
//! I (310) alloc_hook: 0x3ffb8000, size 64, caps 0x1800
//! [free hook] ptr=0x3ffb8000
//! malloc(64) = 0x3ffb8000
//! realloc(0x3ffb8000, 128) = (nil)
//! free(0x3ffb8000)
//! ```
//!
//! A hook's line has the word `alloc`, `malloc`, `calloc`, `realloc` or `free` with `hook`, then the address, and for
//! an allocation the size. A call's line is C: the arguments, `=`, and what came back. The time is the logger's or the
//! monitor's, in milliseconds.

use super::blocks::{Blocks, Request, address, is_null};
use super::external::is_external;
use super::lines::Damage;
use super::lines::{LogLines, is_restart, message, time_ms};
use super::source::Decoder;
use crate::error::Result;
use crate::trace::{Event, Findings, Meta};

/// `MALLOC_CAP_SPIRAM` of ESP-IDF.
const CAP_SPIRAM: u64 = 1 << 10;

/// What a line says. An address of `None` is `NULL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Alloc {
        block: Option<u64>,
        size: u64,
        caps: u64,
        largest_free: Option<u64>,
    },
    Free {
        block: Option<u64>,
    },
    Realloc {
        old: Option<u64>,
        new: Option<u64>,
        size: u64,
        caps: u64,
    },
    /// Says that it is a call, but not which block, or not of how many bytes.
    Damaged,
}

/// Reads the lines of hooks.
pub(super) struct Hooks<'a> {
    lines: LogLines<'a>,
    meta: Meta,
    blocks: Blocks<u64>,
    /// The time of the last line, or without a clock the number of calls.
    now: u64,
    timed: bool,
    damage: Damage,
}

/// Whether a log with this line is a recording of this format.
pub(super) fn is_evidence(line: &str) -> bool {
    matches!(call(line), Some(Call::Alloc { .. } | Call::Free { .. } | Call::Realloc { .. }))
}

impl<'a> Hooks<'a> {
    /// Begins with the current line of `lines`, the first of a hook: it shows whether there is a clock.
    pub(super) fn new(lines: LogLines<'a>) -> Self {
        let timed = time_ms(lines.text()).is_some();
        let mut meta = Meta::new("hooks", if timed { 1000 } else { 0 });
        if !timed {
            meta.notes.push("the lines have no time: one event is one tick".to_owned());
        }
        Hooks { lines, meta, blocks: Blocks::new(), now: 0, timed, damage: Damage::default() }
    }

    fn line(&mut self, batch: &mut Vec<Event>) {
        let text = self.lines.text();
        if is_restart(text) {
            return self.blocks.restart();
        }
        let Some(call) = call(text) else { return };
        match time_ms(text) {
            Some(ms) if self.timed => self.now = ms,
            _ if self.timed => {}
            _ => self.now += 1,
        }
        let now = self.now;
        let external =
            |block: Option<u64>, caps: u64| caps & CAP_SPIRAM != 0 || block.is_some_and(is_external);
        match call {
            Call::Alloc { block, size, caps, largest_free } => {
                let request = Request { size, external: external(block, caps), largest_free };
                self.blocks.alloc(block, request, now, batch);
            }
            Call::Free { block } => self.blocks.free(block, now, batch),
            Call::Realloc { old, new, size, caps } => {
                let request = Request { size, external: external(new, caps), largest_free: None };
                self.blocks.realloc(old, new, request, now, batch);
            }
            Call::Damaged => self.damage.note(self.lines.number()),
        }
    }
}

impl Decoder for Hooks<'_> {
    const NAME: &'static str = "allocation hook";

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
        remarks.extend(self.damage.remark("line", " of a hook", "left out, without an address or a size"));
        if !self.lines.ended() {
            remarks.push("the last line has no line end: it may have been cut off".to_owned());
        }
        remarks
    }
}

fn call(line: &str) -> Option<Call> {
    // The tag of a logger may be the name of the hook, so the whole line is looked at.
    hook(line).or_else(|| failed(line)).or_else(|| c_call(message(line)))
}

/// A line with a word like `alloc_hook`, `[free hook]` or `esp_heap_trace_alloc_hook`.
fn hook(line: &str) -> Option<Call> {
    let lower = line.to_ascii_lowercase();
    let at = lower.find("hook")?;
    let before = lower[..at].trim_end_matches([' ', '_', '-']);
    let name = ["realloc", "alloc", "free"].into_iter().find(|name| before.ends_with(name))?;
    let text = &line[at + "hook".len()..];
    let mut numbers = Words::new(text);
    let mut block = None;
    let mut plain = Vec::new();
    let (mut size, mut caps, mut largest_free, mut old) = (None, 0, None, None);
    while let Some((label, word)) = numbers.next() {
        match label {
            "size" | "bytes" | "len" | "length" => size = size.or_else(|| integer(word)),
            "caps" => caps = integer(word).unwrap_or(0),
            "largest" | "largest_free" | "largest_free_block" | "block" if block.is_some() => {
                largest_free = integer(word);
            }
            "old" | "old_ptr" => old = address(word).ok(),
            _ if block.is_none() && is_pointer(word) => block = address(word).ok(),
            _ => plain.extend(integer(word)),
        }
    }
    let size = size.or(plain.first().copied());
    Some(match (name, block, size) {
        ("free", Some(block), _) => Call::Free { block },
        ("alloc", Some(block), Some(size)) => Call::Alloc { block, size, caps, largest_free },
        ("realloc", Some(new), Some(size)) => Call::Realloc { old: old.flatten(), new, size, caps },
        _ => Call::Damaged,
    })
}

/// What the callback for failed allocations prints in ESP-IDF's examples, and what the abort prints.
fn failed(line: &str) -> Option<Call> {
    let number = |after: &str| line.split_once(after).and_then(|(_, rest)| integer(rest.split(' ').next()?));
    let size = match line.contains(" was called but failed to allocate ") {
        true => number("failed to allocate ")?,
        false => number("Mem alloc fail. size ")?,
    };
    Some(Call::Alloc { block: None, size, caps: 0, largest_free: None })
}

/// `name(arguments) = result`, as in C or as tracers print it.
fn c_call(message: &str) -> Option<Call> {
    let (name, rest) = message.split_once('(')?;
    let name = name.rsplit([' ', '>', ':']).next()?;
    let (arguments, result) =
        rest.rsplit_once(')').filter(|_| !rest.contains('=') || name == "free").or_else(|| {
            let (before, result) = rest.rsplit_once('=')?;
            Some((before.trim_end().strip_suffix(')')?, result))
        })?;
    let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
    let argument = |at: usize| arguments.get(at).copied().unwrap_or("");
    let number = |at: usize| integer(argument(at));
    let block = || address(result.split_whitespace().next()?).ok();
    let call = match name {
        "free" | "heap_caps_free" | "cfree" => address(argument(0)).ok().map(|block| Call::Free { block }),
        "malloc" | "heap_caps_malloc" | "pvPortMalloc" | "valloc" => alloc(block(), number(0), number(1)),
        "calloc" | "heap_caps_calloc" => {
            let size = number(0).zip(number(1)).and_then(|(count, size)| count.checked_mul(size));
            alloc(block(), size, number(2))
        }
        "aligned_alloc" | "memalign" | "heap_caps_aligned_alloc" => alloc(block(), number(1), number(2)),
        "realloc" | "heap_caps_realloc" => address(argument(0))
            .ok()
            .zip(block())
            .zip(number(1))
            .map(|((old, new), size)| Call::Realloc { old, new, size, caps: number(2).unwrap_or(0) }),
        _ => return None,
    };
    // Without a result it is a sentence about a function, not a call.
    call
}

fn alloc(block: Option<Option<u64>>, size: Option<u64>, caps: Option<u64>) -> Option<Call> {
    Some(Call::Alloc { block: block?, size: size?, caps: caps.unwrap_or(0), largest_free: None })
}

/// A decimal number, or a hexadecimal one with its mark.
fn integer(word: &str) -> Option<u64> {
    let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => {
            let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
            // `64B` is a size, `3ffb8000` is not.
            (word.len() - end <= 5 && !word[end..].contains(|c: char| c.is_ascii_digit()))
                .then(|| word[..end].parse().ok())?
        }
    }
}

/// An address with its mark, one of eight digits or more, or `NULL`.
fn is_pointer(word: &str) -> bool {
    let marked = word.starts_with("0x") || word.starts_with("0X");
    let bare = word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    (marked || bare) && address(word).is_ok() || is_null(word)
}

/// The words of a text, each with the label before it: `size 64`, `size=64` and `size: 64` are labelled alike.
struct Words<'a> {
    words: std::vec::IntoIter<&'a str>,
    label: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let between = |c: char| c.is_whitespace() || ",;:=[]@".contains(c);
        let words: Vec<&str> = text.split(between).filter(|word| !word.is_empty()).take(64).collect();
        Words { words: words.into_iter(), label: "" }
    }

    fn next(&mut self) -> Option<(&'a str, &'a str)> {
        loop {
            let word = self.words.next()?;
            let first = word.trim_start_matches('(').chars().next().unwrap_or(' ');
            if is_pointer(word) || first.is_ascii_digit() {
                return Some((std::mem::take(&mut self.label), word));
            }
            self.label = word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hook_lines_of_all_shapes_are_parsed() {
        let alloc = |size| Call::Alloc { block: Some(0x3ffb_8000), size, caps: 0, largest_free: None };
        let failed = |size| Call::Alloc { block: None, size, caps: 0, largest_free: None };
        let free = Call::Free { block: Some(0x3ffb_8000) };
        let realloc = |old, new| Call::Realloc { old, new, size: 128, caps: 0 };
        let cases = [
            ("I (310) alloc_hook: 0x3ffb8000, size 64", alloc(64)),
            ("[alloc hook] ptr=0x3ffb8000 size=64", alloc(64)),
            ("[alloc hook] 0x3ffb8000 64", alloc(64)),
            ("[alloc hook] size: 64, ptr: 0x3ffb8000", alloc(64)),
            ("12:00:00.000 > esp_heap_trace_alloc_hook ptr 3ffb8000 (64 bytes)", alloc(64)),
            ("MALLOC HOOK: 0x3FFB8000 64B", alloc(64)),
            ("[alloc hook] (nil), size 64", failed(64)),
            ("[alloc hook] NULL size=64", failed(64)),
            ("[alloc hook] 0x0, size 64", failed(64)),
            ("malloc(64) = 0x3ffb8000", alloc(64)),
            ("I (310) heap: calloc(4, 16) = 0x3ffb8000", alloc(64)),
            ("aligned_alloc(32, 64) = 0x3ffb8000", alloc(64)),
            ("calloc(4, 16) = (nil)", failed(64)),
            (
                "heap_caps_malloc was called but failed to allocate 64 bytes with 0x1800 capabilities.",
                failed(64),
            ),
            ("Mem alloc fail. size 0x00000040 caps 0x00001800", failed(64)),
            ("I (315) free_hook: 0x3ffb8000", free),
            ("[free hook] ptr=0x3ffb8000", free),
            ("free(0x3ffb8000)", free),
            ("free(0x3ffb8000) = <void>", free),
            ("free(NULL)", Call::Free { block: None }),
            ("[free hook] (nil)", Call::Free { block: None }),
            ("realloc(0x3ffb8000, 128) = (nil)", realloc(Some(0x3ffb_8000), None)),
            ("realloc(NULL, 128) = 0x3ffb8000", realloc(None, Some(0x3ffb_8000))),
            (
                "[realloc hook] 0x3ffb8000, old 0x3ffb9000, size 128",
                realloc(Some(0x3ffb_9000), Some(0x3ffb_8000)),
            ),
            ("[alloc hook] 0x3ffb", Call::Damaged),
            ("[free hook] ", Call::Damaged),
        ];
        for (line, expected) in cases {
            assert_eq!(call(line), Some(expected), "{line}");
        }
        let caps = Call::Alloc { block: Some(0x3ffb_8000), size: 64, caps: 0x1800, largest_free: Some(512) };
        assert_eq!(call("I (1) alloc_hook: 0x3ffb8000, size 64, caps 0x1800, largest 512"), Some(caps));
        for line in [
            "I (1) app: hooked",
            "I (1) app: free() done",
            "malloc(64) failed",
            "app_malloc(64) = 0x1",
            "x = f(1)",
            "free heap hook",
        ] {
            assert_eq!(call(line), None, "{line}");
        }
    }
}
