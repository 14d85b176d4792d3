//! Numbers, sizes and times as people read them.

use std::fmt::Display;

/// Digits in groups of three: `12'345`.
#[must_use]
pub fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\'');
        }
        out.push(digit);
    }
    out
}

/// `1 block`, `2 blocks`.
#[must_use]
pub fn plural(number: u64, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {noun}{s}", count(number))
}

/// The verb after `1 time`, `2 times`: `was`, `were`.
#[must_use]
pub fn was(number: u64) -> &'static str {
    if number == 1 { "was" } else { "were" }
}

/// The verb after `1 block`, `2 blocks`: `is`, `are`.
#[must_use]
pub fn is(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}

/// Bytes exactly, and in KiB or more where that is shorter: `12.1 KiB (12'345 B)`.
#[must_use]
pub fn bytes(number: u64) -> String {
    let exact = format!("{} B", count(number));
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|&(_, shift)| number >> shift > 0) {
        Some((unit, shift)) => format!("{:.1} {unit} ({exact})", number as f64 / (1_u64 << shift) as f64),
        None => exact,
    }
}

/// A time in ticks, as seconds or a fraction; without a clock (`hz` 0) as a number of events.
#[must_use]
pub fn ticks(ticks: u64, hz: u64) -> String {
    if hz == 0 {
        return plural(ticks, "event");
    }
    let seconds = ticks as f64 / hz as f64;
    let (value, unit) = match seconds {
        0.0 => return "0 s".to_owned(),
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let text = format!("{value:.3}");
    format!("{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// `part` of `whole` in percent; `0 %` only if it is nothing.
#[must_use]
pub fn percent(part: u64, whole: u64) -> String {
    let share = part as f64 * 100.0 / whole.max(1) as f64;
    if part > 0 && share < 0.1 { "<0.1 %".to_owned() } else { format!("{share:.1} %") }
}

/// `text` without control characters, with which a file could change the terminal.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_have_units() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1'234'567");
        assert_eq!(bytes(1023), "1'023 B");
        assert_eq!(bytes(12_345), "12.1 KiB (12'345 B)");
        assert_eq!(bytes(u64::MAX), "17179869184.0 GiB (18'446'744'073'709'551'615 B)");
        assert_eq!(plural(1, "free"), "1 free");
        assert_eq!(percent(1, 10_000), "<0.1 %");
        assert_eq!(percent(0, 0), "0.0 %");
    }

    #[test]
    fn times_have_a_fitting_unit() {
        assert_eq!(ticks(0, 1000), "0 s");
        assert_eq!(ticks(1500, 1000), "1.5 s");
        assert_eq!(ticks(25, 1_000_000_000), "25 ns");
        assert_eq!(ticks(2500, 1_000_000), "2.5 ms");
        assert_eq!(ticks(70, 1_000_000), "70 µs");
        assert_eq!(ticks(3, 0), "3 events");
    }

    #[test]
    fn control_characters_are_replaced() {
        assert_eq!(printable("a\x1b[31mb\r"), "a\u{fffd}[31mb\u{fffd}");
    }
}
