//! Tables and lines of text reports.

mod info;
mod replay;
mod sparkline;

use std::fmt::{Arguments, Write};

use comfy_table::{CellAlignment, Table, presets};
pub use info::failures;

/// Appends a line.
pub(crate) fn line(out: &mut String, text: Arguments<'_>) {
    writeln!(out, "{text}").expect("a String takes everything");
}

/// A table without lines, to be pasted anywhere.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    table
}

/// Appends `table`, its first `numbers` columns aligned to the right.
pub(crate) fn print(out: &mut String, table: &mut Table, numbers: usize) {
    for column in table.column_iter_mut().take(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for row in table.lines() {
        line(out, format_args!(" {}", row.trim_end()));
    }
}
