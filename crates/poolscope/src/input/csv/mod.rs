//! CSV with the columns `time_us,op,id,size`: the format anything can be converted to.
//!
//! [`Csv`] reads a file of rows, in which a damaged row is an error; [`LogCsv`] finds rows among the lines of a device
//! log, where damage is counted and said.

mod in_log;
mod rows;

use std::io::BufRead;

use csv_core::ReadRecordResult;

use super::lines::{is_chatter, is_restart, plain};
use super::source::Decoder;
use super::unpack::{Input, Peek};
use crate::error::{Error, Result};
use crate::text::{plural, was};
use crate::trace::{Context, Event, Findings, Meta};
pub(super) use in_log::{LogCsv, is_evidence};
use rows::{Columns, HEADER, MAX_COLUMNS, Rows, delimiter, trim};

/// Longest record accepted, bytes.
const MAX_RECORD: usize = 4096;

/// Reads a CSV recording.
pub(super) struct Csv<'a> {
    input: Input<'a>,
    parser: csv_core::Reader,
    fields: Fields,
    meta: Meta,
    rows: Rows,
    /// Lines of a device or a monitor among the rows.
    foreign: u64,
    unended: bool,
}

/// One record: its fields end at these places of the buffer.
struct Fields {
    buffer: Box<[u8; MAX_RECORD]>,
    ends: [usize; MAX_COLUMNS],
    count: usize,
    line: u64,
}

impl Fields {
    fn get(&self, index: usize) -> Option<&[u8]> {
        let start = index.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        (index < self.count).then(|| trim(&self.buffer[start..self.ends[index]]))
    }

    /// The record as it was, more or less.
    fn text(&self) -> String {
        let fields = (0..self.count).filter_map(|at| self.get(at)).map(String::from_utf8_lossy);
        plain(&fields.collect::<Vec<_>>().join(","))
    }

    fn error(&self, what: impl Into<String>) -> Error {
        Error::Syntax { line: self.line, what: what.into() }
    }
}

/// Whether the text begins with the header of a CSV recording, or with what was meant as one.
pub(super) fn is_header(start: &[u8]) -> bool {
    let line = start.split(|&byte| byte == b'\n' || byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(&line[..line.len().min(MAX_RECORD)]);
    let names = line.split(char::from(delimiter(&line))).map(|name| name.trim().trim_matches('"'));
    line.trim_start().starts_with("time_us") || Columns::of(names).is_some()
}

impl<'a> Csv<'a> {
    pub(super) fn new(mut input: Peek<'a>) -> Result<Self> {
        let start = input.peek(MAX_RECORD)?;
        let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let delimiter = delimiter(&String::from_utf8_lossy(line));
        let mut csv = Csv {
            input: input.buffered(),
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            fields: Fields { buffer: Box::new([0; MAX_RECORD]), ends: [0; MAX_COLUMNS], count: 0, line: 0 },
            meta: Meta::new("csv", 1_000_000),
            rows: Rows::new(Columns::USUAL),
            foreign: 0,
            unended: false,
        };
        let columns = if csv.next_record()? {
            let names = (0..csv.fields.count).filter_map(|at| csv.fields.get(at));
            let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
            Columns::of(names.iter().map(|name| &**name))
        } else {
            None
        };
        match columns {
            Some(columns) => {
                csv.rows.columns = columns;
                Ok(csv)
            }
            None => Err(no_header(csv.fields.line)),
        }
    }

    /// Reads the next record into `self.fields`; `false` at the end.
    fn next_record(&mut self) -> Result<bool> {
        let (mut filled, mut count) = (0, 0);
        loop {
            let input = self.input.fill_buf().map_err(Error::from_read)?;
            let at_end = input.is_empty();
            let (state, used, wrote, ended) = self.parser.read_record(
                input,
                &mut self.fields.buffer[filled..],
                &mut self.fields.ends[count..],
            );
            // The parser counts line feeds; a record's own one may or may not have been consumed with it.
            let counted = used > 0 && input[used - 1] == b'\n';
            let line = self.parser.line() - u64::from(counted);
            self.input.consume(used);
            filled += wrote;
            count += ended;
            self.fields.count = count;
            self.fields.line = line;
            match state {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Err(Error::LineTooLong { line, limit: MAX_RECORD }),
                ReadRecordResult::OutputEndsFull => {
                    return Err(self.fields.error(format!("more than {MAX_COLUMNS} fields")));
                }
                ReadRecordResult::Record => {
                    self.unended |= at_end;
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// Appends the events of the current record.
    fn event(&mut self, batch: &mut Vec<Event>) -> Result<()> {
        let fields = &self.fields;
        let what = if fields.count > self.rows.columns.count() {
            format!("more than the {} of the header", plural(self.rows.columns.count() as u64, "field"))
        } else {
            match self.rows.row(&|at| fields.get(at), batch)? {
                Ok(()) => return Ok(()),
                Err(what) => what,
            }
        };
        let text = fields.text();
        if !is_chatter(&text) {
            return Err(fields.error(what));
        }
        self.foreign += 1;
        if is_restart(&text) {
            self.rows.blocks.restart();
        }
        Ok(())
    }
}

/// There is no header where one should be.
pub(super) fn no_header(line: u64) -> Error {
    Error::Syntax { line, what: format!("the header must be {HEADER}, and may have further columns") }
}

impl Decoder for Csv<'_> {
    const NAME: &'static str = "CSV";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn contexts(&self) -> &[Context] {
        self.rows.contexts.list()
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        if !self.next_record()? {
            return Ok(false);
        }
        self.event(batch)?;
        Ok(true)
    }

    fn findings(&self) -> Findings {
        self.rows.findings()
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.rows.remarks();
        if self.foreign > 0 {
            let (lines, were) = (plural(self.foreign, "line"), was(self.foreign));
            remarks.push(format!("{lines} of a device log between the records {were} skipped"));
        }
        if self.unended {
            remarks.push("the last line has no line end: it may have been cut off".to_owned());
        }
        remarks
    }
}
