//! Rows among the lines of a device log.

use super::super::lines::Damage;
use super::super::lines::{LogLines, is_restart, message};
use super::rows::{Columns, Rows, delimiter};
use crate::error::Result;
use crate::input::source::Decoder;
use crate::trace::{Context, Event, Findings, Meta};

/// Reads the rows of a recording that a device has printed between other lines.
pub(in super::super) struct LogCsv<'a> {
    lines: LogLines<'a>,
    meta: Meta,
    rows: Rows,
    delimiter: u8,
    headers: u64,
    rows_read: u64,
    damage: Damage,
}

/// Whether a log with this line is a recording of this format: the line is a header or a row.
pub(in super::super) fn is_evidence(line: &str) -> bool {
    let message = message(line);
    // Most lines of a log are neither; this is a fast way to exclude them.
    if !message.contains("time_us") && !message.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    columns(message, delimiter(message)).is_some() || is_row(message)
}

fn columns(message: &str, delimiter: u8) -> Option<Columns> {
    Columns::of(fields(message, delimiter).iter().map(String::as_str))
}

/// A row of the usual four columns.
fn is_row(message: &str) -> bool {
    let fields = fields(message, b',');
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match &fields[..] {
        [time, op, id, rest @ ..] if number(time) && !id.is_empty() && rest.len() <= 1 => match op.as_str() {
            "alloc" => rest.first().is_some_and(|size| number(size)),
            "free" => true,
            _ => false,
        },
        _ => false,
    }
}

/// The fields of a line; a field in quotes may hold the delimiter.
fn fields(line: &str, delimiter: u8) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for char in line.chars().take(4096) {
        match char {
            '"' => quoted = !quoted,
            _ if char == char::from(delimiter) && !quoted => fields.push(String::new()),
            _ => {
                if let Some(field) = fields.last_mut() {
                    field.push(char);
                }
            }
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

impl<'a> LogCsv<'a> {
    pub(in super::super) fn new(lines: LogLines<'a>) -> Self {
        let mut meta = Meta::new("csv", 1_000_000);
        meta.notes.push("the records were found between other lines of a device log".to_owned());
        let rows = Rows::new(Columns::USUAL);
        LogCsv { lines, meta, rows, delimiter: b',', headers: 0, rows_read: 0, damage: Damage::default() }
    }

    fn line(&mut self, batch: &mut Vec<Event>) -> Result<()> {
        let text = self.lines.text();
        if is_restart(text) {
            self.rows.blocks.restart();
            return Ok(());
        }
        let message = message(text);
        if let Some(columns) = columns(message, delimiter(message)) {
            self.delimiter = delimiter(message);
            self.rows.columns = columns;
            self.headers += 1;
            return Ok(());
        }
        let fields = fields(message, self.delimiter);
        let op = fields.get(self.rows.columns.op).map_or("", String::as_str);
        if !matches!(op, "alloc" | "free") {
            let mark = char::from(self.delimiter);
            let broken = ["alloc", "free"].iter().any(|op| text.contains(&format!("{mark}{op}{mark}")));
            self.count_damage(broken);
            return Ok(());
        }
        let row = self.rows.row(&|at| fields.get(at).map(String::as_bytes), batch)?;
        self.rows_read += u64::from(row.is_ok());
        self.count_damage(row.is_err());
        Ok(())
    }

    fn count_damage(&mut self, damaged: bool) {
        if damaged {
            self.damage.note(self.lines.number());
        }
    }
}

impl Decoder for LogCsv<'_> {
    const NAME: &'static str = "CSV";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn contexts(&self) -> &[Context] {
        self.rows.contexts.list()
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        if !self.lines.advance()? {
            return Ok(false);
        }
        self.line(batch)?;
        Ok(true)
    }

    fn findings(&self) -> Findings {
        self.rows.findings()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.rows.remarks();
        if self.headers == 0 {
            remarks.push("there is no header: the columns are taken as time_us,op,id,size".to_owned());
        }
        remarks.extend(self.damage.remark("record", "", "damaged and left out"));
        if self.rows_read > 0 && !self.lines.ended() {
            remarks.push("the last line has no line end: it may have been cut off".to_owned());
        }
        remarks
    }
}
