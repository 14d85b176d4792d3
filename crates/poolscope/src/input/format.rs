//! The formats that can be read, and those that are known and hold no recording.

use std::str::FromStr;

use crate::error::{Error, Result};

/// A format of recordings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// `.pooltrace`, our own.
    Native,
    /// heaptrack's files, interpreted or raw.
    Heaptrack,
    /// The text printed by `heap_trace_dump` of ESP-IDF.
    HeapTrace,
    /// The JSON of SystemView recordings that ESP-IDF's `sysviewtrace_proc.py` writes.
    Sysview,
    /// `time_us,op,id,size`, in a file or between the lines of a device log.
    Csv,
    /// Lines that a program prints from its allocation hooks.
    Hooks,
    /// What `mtrace` of the GNU C library writes.
    Mtrace,
}

impl Format {
    /// All formats.
    pub const ALL: [Format; 7] = [
        Format::Heaptrack,
        Format::HeapTrace,
        Format::Sysview,
        Format::Csv,
        Format::Hooks,
        Format::Mtrace,
        Format::Native,
    ];

    /// The name used on the command line and in [`Meta::source`](crate::trace::Meta::source).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Heaptrack => "heaptrack",
            Format::HeapTrace => "heap-trace",
            Format::Sysview => "sysview",
            Format::Csv => "csv",
            Format::Hooks => "hooks",
            Format::Mtrace => "mtrace",
        }
    }

    /// What a recording of this format is, for help texts.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Format::Heaptrack => "A file of heaptrack (KDE), interpreted or raw",
            Format::HeapTrace => "The output of ESP-IDF's heap_trace_dump, also inside a device log",
            Format::Sysview => "The JSON that ESP-IDF's `sysviewtrace_proc.py -j` writes",
            Format::Csv => "CSV with the columns time_us,op,id,size, also inside a device log",
            Format::Hooks => "Lines that a program's allocation hooks print, also inside a device log",
            Format::Mtrace => "A file of mtrace (GNU C library)",
            Format::Native => "A trace that `poolscope import` has written (.pooltrace)",
        }
    }

    /// The name in messages.
    pub(super) fn title(self) -> &'static str {
        match self {
            Format::Native => "native",
            Format::Heaptrack => "heaptrack",
            Format::HeapTrace => "heap_trace_dump",
            Format::Sysview => "SystemView",
            Format::Csv => "CSV",
            Format::Hooks => "allocation hook",
            Format::Mtrace => "mtrace",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Format::ALL.into_iter().find(|format| format.name() == name).ok_or(Error::UnknownFormat)
    }
}

const RECORD: &str = "record allocations and frees instead: ESP-IDF's heap tracing (heap_trace_start, then \
                      heap_trace_dump), SystemView with `sysviewtrace_proc.py -j`, or a CSV (time_us,op,id,size) that \
                      allocation hooks print";

/// A format that is known and is no recording, of which `text` is a line.
pub(super) fn other_format(text: &str) -> Option<Error> {
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
        lacks: "its events are marks on a time line, without the address that says which block was freed",
        instead: "record the heap itself: on a device with ESP-IDF's SystemView tracing (`sysviewtrace_proc.py -j`, not \
                  `-p`) or heap tracing, on Linux with `heaptrack --raw PROGRAM`",
    }
}
