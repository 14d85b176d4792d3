//! CSV with the columns `time_us,op,id,size`: the format anything can be converted to.

use std::io::BufRead;

use csv_core::ReadRecordResult;

use super::Decoder;
use super::clock::Clock;
use super::peek::{Input, Peek, skip_bom};
use crate::error::{Error, Result};
use crate::trace::{Event, Meta, SlotMap};

/// The header, which is also the documentation.
const HEADER: [&str; 4] = ["time_us", "op", "id", "size"];

/// Longest record accepted, bytes.
const MAX_RECORD: usize = 4096;

/// Events decoded per call.
const BATCH: usize = 4096;

/// Reads a CSV recording.
pub(super) struct Csv<'a> {
    input: Input<'a>,
    parser: csv_core::Reader,
    fields: Fields,
    meta: Meta,
    clock: Clock,
    slots: SlotMap<Box<[u8]>>,
    replaced: u64,
    unended: bool,
}

/// One record: its fields end at these places of the buffer.
struct Fields {
    buffer: Box<[u8; MAX_RECORD]>,
    ends: [usize; HEADER.len()],
    count: usize,
    line: u64,
}

impl Fields {
    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        self.buffer[start..self.ends[index]].trim_ascii()
    }

    fn error(&self, what: impl Into<String>) -> Error {
        Error::Syntax { line: self.line, what: what.into() }
    }

    fn number(&self, index: usize) -> Result<u64> {
        let text = self.get(index);
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        number.ok_or_else(|| {
            let text = String::from_utf8_lossy(text);
            self.error(format!("{} is not a whole number: {:.40?}", HEADER[index], text))
        })
    }
}

impl<'a> Csv<'a> {
    pub(super) fn new(input: Peek<'a>) -> Result<Self> {
        let mut input = input.buffered();
        skip_bom(&mut input)?;
        let mut csv = Csv {
            input,
            parser: csv_core::Reader::new(),
            fields: Fields { buffer: Box::new([0; MAX_RECORD]), ends: [0; 4], count: 0, line: 0 },
            meta: Meta::new("csv", 1_000_000),
            clock: Clock::default(),
            slots: SlotMap::new(),
            replaced: 0,
            unended: false,
        };
        let header = csv.next_record()?
            && (0..csv.fields.count).map(|i| csv.fields.get(i)).eq(HEADER.map(str::as_bytes));
        if header {
            Ok(csv)
        } else {
            Err(csv.fields.error(format!("the header must be {}", HEADER.join(","))))
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
                ReadRecordResult::OutputEndsFull => return Err(self.fields.error("more than 4 fields")),
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
        if fields.count < 3 {
            return Err(fields.error(format!("expected {}", HEADER.join(","))));
        }
        let time = fields.number(0)?;
        let id = fields.get(2);
        if id.is_empty() {
            return Err(fields.error("id is empty"));
        }
        match fields.get(1) {
            b"alloc" => {
                let size = if fields.count == 4 {
                    fields.number(3)?
                } else {
                    return Err(fields.error("an alloc needs a size"));
                };
                let admission = self.slots.alloc(id.into());
                let mut dt = self.clock.dt(time);
                if let Some(slot) = admission.replaced {
                    self.replaced += 1;
                    batch.push(Event::Free { slot, dt: std::mem::take(&mut dt) });
                }
                batch.push(Event::Alloc { slot: admission.slot, size, dt });
            }
            b"free" => {
                let release = self.slots.free(id.into());
                batch.push(release.event(self.clock.dt(time)));
            }
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(fields.error(format!("op must be alloc or free, not {other:.40?}")));
            }
        }
        Ok(())
    }
}

impl Decoder for Csv<'_> {
    const NAME: &'static str = "CSV";

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn decode(&mut self, batch: &mut Vec<Event>) -> Result<bool> {
        for _ in 0..BATCH {
            if !self.next_record()? {
                return Ok(false);
            }
            self.event(batch)?;
        }
        Ok(true)
    }

    fn remarks(&self) -> Vec<String> {
        let unended = "the last line has no line end: it may have been cut off".to_owned();
        [super::replaced_remark(self.replaced), self.clock.remark(), self.unended.then_some(unended)]
            .into_iter()
            .flatten()
            .collect()
    }
}
