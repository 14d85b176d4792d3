//! Printed text against expected text.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// Whether a line is what a pattern expects, in which `...` stands for anything.
pub(crate) fn matches(pattern: &str, line: &str) -> bool {
    let Some((start, rest)) = pattern.split_once("...") else { return pattern == line };
    let Some(line) = line.strip_prefix(start) else { return false };
    (0..=line.len()).filter(|at| line.is_char_boundary(*at)).any(|at| matches(rest, &line[at..]))
}

/// Compares line by line; `...` in the file stands for anything.
pub(crate) fn compare_patterns(file: &Path, printed: &str) -> Result<()> {
    compare(file, printed, matches)
}

/// Compares text in which addresses count as equal; `overwrite` writes the file instead.
pub(crate) fn compare_exactly(file: &Path, printed: &str, overwrite: bool) -> Result<()> {
    let printed = without_addresses(printed);
    if overwrite {
        return std::fs::write(file, printed)
            .with_context(|| format!("{} cannot be written", file.display()));
    }
    compare(file, &printed, |one, other| one == other)
        .context("`--overwrite` accepts the printed text as the expected one")
}

fn compare(file: &Path, printed: &str, is_alike: fn(&str, &str) -> bool) -> Result<()> {
    let expected = std::fs::read_to_string(file).with_context(|| format!("{} is missing", file.display()))?;
    let Some((number, expected, line)) = difference(&expected, printed, is_alike) else { return Ok(()) };
    bail!("{}:{number} expects\n  {expected}\nand the program printed\n  {line}", file.display())
}

/// The number of the first line that differs, and what it is in each.
fn difference<'t>(
    expected: &'t str,
    printed: &'t str,
    is_alike: fn(&str, &str) -> bool,
) -> Option<(usize, &'t str, &'t str)> {
    const END: &str = "(nothing more)";
    let alike = expected.lines().zip(printed.lines()).take_while(|(one, other)| is_alike(one, other)).count();
    let line = |text: &'t str| text.lines().nth(alike);
    let (expected, printed) = (line(expected), line(printed));
    (expected.is_some() || printed.is_some())
        .then(|| (alike + 1, expected.unwrap_or(END), printed.unwrap_or(END)))
}

/// The same text with `0x...` for every address, which differs from target to target.
fn without_addresses(printed: &str) -> String {
    let mut text = String::new();
    let mut rest = printed;
    while let Some(at) = rest.find("0x") {
        let (before, address) = rest.split_at(at + 2);
        text.push_str(before);
        rest = address.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        if rest.len() < address.len() {
            text.push_str("...");
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::{difference, matches, without_addresses};

    #[test]
    fn dots_stand_for_anything() {
        assert!(matches("I (...) basic: done", "I (120) basic: done"));
        assert!(matches("a...", "a") && matches("...x...", "axb"));
        for (pattern, line) in
            [("I (...) basic: done", "I (120) basic: undone"), ("a", "ab"), ("...b", "ab ")]
        {
            assert!(!matches(pattern, line), "{pattern}: {line}");
        }
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let difference = |expected, printed| difference(expected, printed, matches);
        assert_eq!(difference("a\nb...\nc\n", "a\nbx\nc\n"), None);
        assert_eq!(difference("a\nb\nc\n", "a\nx\nc\n"), Some((2, "b", "x")));
        assert_eq!(difference("a\n", "a\nb\n"), Some((2, "(nothing more)", "b")));
        assert_eq!(difference("a\nb\n", ""), Some((1, "a", "(nothing more)")));
    }

    #[test]
    fn addresses_are_left_out_and_nothing_else() {
        let cases = [
            ("free(0x8000123a): 20 free", "free(0x...): 20 free"),
            ("0x1 0x2", "0x... 0x..."),
            ("0x and 0xyz", "0x and 0xyz"),
            ("", ""),
        ];
        for (printed, expected) in cases {
            assert_eq!(without_addresses(printed), expected);
        }
    }
}
