//! Finds a recording in text that may begin with anything, such as the log of a device.

use super::format::{Format, other_format};
use super::lines::LogLines;
use super::source::{Checked, Source};
use super::unpack::Peek;
use super::{csv, heap_trace, hooks, mtrace};
use crate::error::{Error, Result};

/// The recording in `input`, of the `wanted` format or of the first one that a line shows. What comes before that line
/// is skipped, one line at a time.
pub(super) fn find(input: Peek<'_>, wanted: Option<Format>) -> Result<Box<dyn Source + '_>> {
    let mut lines = LogLines::new(input);
    let mut known: Option<Error> = None;
    let mut json = None;
    while lines.advance()? {
        let text = lines.text();
        if let Some(format) = evidence(text).filter(|&format| wanted.is_none_or(|wanted| wanted == format)) {
            lines.again();
            return Ok(match format {
                Format::HeapTrace => Box::new(Checked::new(heap_trace::HeapTrace::new(lines))),
                Format::Csv => Box::new(Checked::new(csv::LogCsv::new(lines))),
                Format::Hooks => Box::new(Checked::new(hooks::Hooks::new(lines))),
                _ => Box::new(Checked::new(mtrace::Mtrace::new(lines))),
            });
        }
        known = known.or_else(|| other_format(text));
        if json.is_none() && !text.trim().is_empty() {
            json = Some(text.trim_start().starts_with('{'));
        }
    }
    Err(match (wanted, known) {
        (None, Some(known)) => known,
        (None, None) if lines.number() == 0 => Error::NoData,
        (None, None) if json == Some(true) => Error::Json("there is no array \"events\"".to_owned()),
        (None, None) => Error::UnknownFormat,
        (Some(_), _) if lines.number() == 0 => Error::NoData,
        (Some(Format::Csv), _) => csv::no_header(1),
        (Some(format), _) => Error::Empty { format: format.title() },
    })
}

/// The format of which `text` is a line.
fn evidence(text: &str) -> Option<Format> {
    if heap_trace::is_evidence(text) {
        Some(Format::HeapTrace)
    } else if mtrace::is_evidence(text) {
        Some(Format::Mtrace)
    } else if hooks::is_evidence(text) {
        Some(Format::Hooks)
    } else if csv::is_evidence(text) {
        Some(Format::Csv)
    } else {
        None
    }
}
