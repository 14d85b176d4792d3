//! Results as text for people, and as JSON for programs.

mod info;
mod replay;
mod sparkline;

use std::fmt::{Arguments, Write};
use std::ops::Range;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::text::printable;
pub use info::{failures, info_text};
pub use replay::replay_text;

/// The columns of a line of running text: a terminal of 80 columns shows it whole.
const COLUMNS: usize = 78;

/// A result as JSON, ending in a line end; its `schema` says of which form it is.
#[must_use]
pub fn json(result: &impl Serialize) -> String {
    let mut json = serde_json::to_string_pretty(result).expect("plain data always serialises");
    json.push('\n');
    json
}

/// Appends a line.
fn line(out: &mut String, text: Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes everything");
}

/// Appends `text` after `first`, in lines of at most [`COLUMNS`] that stand below each other.
fn paragraph(out: &mut String, first: &str, text: &str) {
    let indent = first.chars().count();
    let mut column = indent;
    out.push_str(first);
    for (at, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if at > 0 && column + 1 + width > COLUMNS {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if at > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
}

/// Appends the notes, if there are any.
fn notes<'a>(out: &mut String, notes: impl IntoIterator<Item = &'a String>) {
    for (at, note) in notes.into_iter().enumerate() {
        if at == 0 {
            out.push_str("\nNotes\n");
        }
        paragraph(out, "  * ", &printable(note));
    }
}

/// A table without lines, to be pasted anywhere.
fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Appends `table`, with the columns `numbers` aligned to the right.
fn print(out: &mut String, table: &mut Table, numbers: Range<usize>) {
    for column in table.column_iter_mut().take(numbers.end).skip(numbers.start) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in table.lines() {
        line(out, format_args!(" {}", row.trim_end()));
    }
}
