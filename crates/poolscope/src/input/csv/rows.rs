//! From the fields of a row to events.

use super::super::blocks::{Blocks, Request, is_null};
use super::super::external::is_external;
use crate::error::Result;
use crate::text::plural;
use crate::trace::{Context, Contexts, Event, Findings};

/// The header, which is also the documentation. Other columns may stand anywhere.
pub(super) const HEADER: &str = "time_us,op,id,size";

/// Most columns.
pub(super) const MAX_COLUMNS: usize = 64;

/// Where the columns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Columns {
    time: usize,
    pub(super) op: usize,
    id: usize,
    size: usize,
    task: Option<usize>,
    core: Option<usize>,
    largest_free: Option<usize>,
    /// Columns of which nothing is known.
    ignored: usize,
    /// All of them; rows have as many fields, or fewer.
    count: usize,
}

impl Columns {
    /// Of a recording without a header.
    pub(super) const USUAL: Columns = Columns {
        time: 0,
        op: 1,
        id: 2,
        size: 3,
        task: None,
        core: None,
        largest_free: None,
        ignored: 0,
        count: 4,
    };

    /// The columns of a header; `None` if it is none.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        let [mut time, mut op, mut id, mut size, mut task, mut core, mut largest_free] = [None; 7];
        let (mut ignored, mut count) = (0, 0);
        for (at, name) in names.enumerate().take(MAX_COLUMNS) {
            count = at + 1;
            let column = match name.trim().to_ascii_lowercase().as_str() {
                "time_us" => &mut time,
                "op" => &mut op,
                "id" => &mut id,
                "size" => &mut size,
                "task" => &mut task,
                "core" => &mut core,
                "largest_free" => &mut largest_free,
                _ => {
                    ignored += 1;
                    continue;
                }
            };
            if column.replace(at).is_some() {
                return None;
            }
        }
        Some(Columns { time: time?, op: op?, id: id?, size: size?, task, core, largest_free, ignored, count })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }
}

/// The sign between the fields of a line: a comma, or what spreadsheets write instead.
pub(super) fn delimiter(header: &str) -> u8 {
    let count = |sign: char| header.matches(sign).count();
    [';', '\t'].into_iter().find(|&sign| count(sign) >= 3 && count(',') < 3).map_or(b',', |sign| sign as u8)
}

/// What names a block.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Address(u64),
    Word(Box<[u8]>),
}

/// Turns rows into events.
pub(super) struct Rows {
    pub(super) columns: Columns,
    pub(super) blocks: Blocks<Key>,
    pub(super) contexts: Contexts,
    current: Option<u32>,
    /// There are ids that are addresses, so `0` is `NULL` and not a number like others.
    addresses: bool,
}

impl Rows {
    pub(super) fn new(columns: Columns) -> Self {
        Rows {
            columns,
            blocks: Blocks::new(),
            contexts: Contexts::default(),
            current: None,
            addresses: false,
        }
    }

    /// Appends the events of the row of `fields`. What is wrong with it is an error of the second kind.
    pub(super) fn row<'a>(
        &mut self,
        fields: &dyn Fn(usize) -> Option<&'a [u8]>,
        batch: &mut Vec<Event>,
    ) -> Result<Result<(), String>> {
        match self.parse(fields) {
            Ok(row) => {
                self.switch(row.context, batch)?;
                match row.operation {
                    Operation::Alloc(request) => self.blocks.alloc(row.id, request, row.time, batch),
                    Operation::Free => self.blocks.free(row.id, row.time, batch),
                }
                Ok(Ok(()))
            }
            Err(what) => Ok(Err(what)),
        }
    }

    fn parse<'a>(&mut self, fields: &dyn Fn(usize) -> Option<&'a [u8]>) -> Result<Row, String> {
        let columns = self.columns;
        let field = |at: usize| fields(at).map(trim);
        let (Some(time), Some(op), Some(id)) = (field(columns.time), field(columns.op), field(columns.id))
        else {
            return Err(format!("expected {HEADER}"));
        };
        let time = number("time_us", time)?;
        if id.is_empty() {
            return Err("id is empty".to_owned());
        }
        let operation = match op {
            b"alloc" => {
                let size = field(columns.size).ok_or("an alloc needs a size")?;
                let size = number("size", size)?;
                let largest = columns.largest_free.and_then(field).filter(|text| !text.is_empty());
                let largest_free = largest.map(|text| number("largest_free", text)).transpose()?;
                Operation::Alloc(Request { size, external: false, largest_free })
            }
            b"free" => Operation::Free,
            other => {
                let other = String::from_utf8_lossy(other);
                return Err(format!("op must be alloc or free, not {other:.40?}"));
            }
        };
        let id = self.key(id);
        let operation = match (operation, &id) {
            (Operation::Alloc(request), Some(Key::Address(address))) => {
                Operation::Alloc(Request { external: is_external(*address), ..request })
            }
            (operation, _) => operation,
        };
        let text = |at: usize| field(at).map(|text| String::from_utf8_lossy(text).into_owned());
        let context = match (columns.task.and_then(text), columns.core.and_then(text)) {
            (None, None) => None,
            (task, core) => {
                let core = core.and_then(|core| core.parse().ok()).unwrap_or(0);
                Some(Context { name: task.unwrap_or_default(), core, in_isr: false })
            }
        };
        Ok(Row { time, id, operation, context })
    }

    /// The name of a block, `None` for `NULL` however it is spelled.
    fn key(&mut self, id: &[u8]) -> Option<Key> {
        let text = std::str::from_utf8(id).unwrap_or("");
        if is_null(text) {
            return None;
        }
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
            && let Ok(address) = u64::from_str_radix(digits, 16)
        {
            self.addresses = true;
            return (address != 0).then_some(Key::Address(address));
        }
        // A zero of eight digits is no count, and beside addresses a single one is none either.
        let zero = id.iter().all(|&byte| byte == b'0');
        if zero && (id.len() >= 8 || self.addresses) {
            return None;
        }
        Some(Key::Word(id.into()))
    }

    fn switch(&mut self, context: Option<Context>, batch: &mut Vec<Event>) -> Result<()> {
        let Some(context) = context else { return Ok(()) };
        let number = self.contexts.number(context)?;
        if self.current.replace(number) != Some(number) {
            batch.push(Event::Switch { context: number });
        }
        Ok(())
    }

    pub(super) fn findings(&self) -> Findings {
        self.blocks.findings.clone()
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = self.blocks.remarks();
        let ignored = self.columns.ignored as u64;
        if ignored > 0 {
            remarks.push(format!("{} of unknown meaning ignored", plural(ignored, "column")));
        }
        remarks
    }
}

struct Row {
    time: u64,
    id: Option<Key>,
    operation: Operation,
    context: Option<Context>,
}

enum Operation {
    Alloc(Request),
    Free,
}

/// `field` without white space, and without the zeros of a bad serial line.
pub(super) fn trim(field: &[u8]) -> &[u8] {
    let noise = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let start = field.iter().position(|byte| !noise(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !noise(byte)).map_or(start, |last| last + 1);
    &field[start..end]
}

fn number(name: &str, text: &[u8]) -> Result<u64, String> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| format!("{name} is not a whole number: {:.40?}", String::from_utf8_lossy(text)))
}
