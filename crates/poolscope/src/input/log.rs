//! Finds a recording in text that may begin with anything, such as the log of a device.

use super::booked::Booked;
use super::log_lines::LogLines;
use super::peek::Peek;
use super::{Format, Source, csv, heap_trace, hooks, mtrace};
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
                Format::HeapTrace => Box::new(Booked::new(heap_trace::HeapTrace::new(lines))),
                Format::Csv => Box::new(Booked::new(csv::LogCsv::new(lines))),
                Format::Hooks => Box::new(Booked::new(hooks::Hooks::new(lines))),
                _ => Box::new(Booked::new(mtrace::Mtrace::new(lines))),
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

const RECORD: &str = "record allocations and frees instead: ESP-IDF's heap tracing (heap_trace_start, then \
                      heap_trace_dump), SystemView with `sysviewtrace_proc.py -j`, or a CSV (time_us,op,id,size) that \
                      allocation hooks print";

/// A format that is known and is no recording, of which `text` is a line.
fn other_format(text: &str) -> Option<Error> {
    let snapshot = "it shows the blocks of one moment, not when each was allocated and freed";
    let sums = "it has sums for one moment, not single allocations and frees";
    let says = |words: &str| text.contains(words);
    let (what, lacks, instead) =
        if says("Showing data for heap: 0x") || says(" data, size: ") && says("Free: ") {
            ("a snapshot of the heap by heap_caps_dump", snapshot, RECORD)
        } else if says("Task: ") && says("CAP_8BIT: ")
            || says("CURRENT MEMORY USAGE")
            || says("PEAK MEMORY USAGE")
        {
            ("a table of the heap use of tasks (heap_task_info)", sums, RECORD)
        } else if says("Heap summary for capabilities 0x")
            || says("free") && says("min_free") && says("allocated ") && says("At 0x")
        {
            ("a summary of the heap by heap_caps_print_heap_info", sums, RECORD)
        } else if says("HEAP: Allocated ") || says("HEAP: Freed ") {
            (
                "the report of sysviewtrace_proc.py for people",
                "its layout differs from version to version and leaves out interrupts",
                "write the same recording as JSON: `sysviewtrace_proc.py -j`",
            )
        } else if says("==") && (says("HEAP SUMMARY") || says("Memcheck, a memory error detector")) {
            (
                "the output of valgrind's memcheck",
                sums,
                "record the same program with `heaptrack --raw PROGRAM`, or with mtrace of the C library",
            )
        } else if text.starts_with("snapshot=") || text.starts_with("mem_heap_B=") {
            (
                "a file of valgrind's massif",
                sums,
                "record the same program with `heaptrack --raw PROGRAM`, or with mtrace of the C library",
            )
        } else {
            return None;
        };
    Some(Error::NoRecording { what, lacks, instead })
}

/// The error for a trace of Perfetto or Chrome.
pub(super) fn perfetto() -> Error {
    Error::NoRecording {
        what: "a trace of Perfetto or Chrome",
        lacks: "its events are marks on a time line, without the address that tells which block was freed",
        instead: "record the heap itself: on a device with ESP-IDF's SystemView tracing (`sysviewtrace_proc.py -j`, not \
                  `-p`) or heap tracing, on Linux with `heaptrack --raw PROGRAM`",
    }
}
