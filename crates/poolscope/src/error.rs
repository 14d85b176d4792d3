//! Every error, with a stable code and the next step to take.

use std::io;

use miette::Diagnostic;
use thiserror::Error as ThisError;

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong while reading or writing a recording.
#[derive(Debug, ThisError, Diagnostic)]
#[non_exhaustive]
pub enum Error {
    /// The input could not be read.
    #[error("cannot read: {0}")]
    #[diagnostic(code(poolscope::read), help("check that the file exists and that you may read it"))]
    Read(#[source] io::Error),

    /// The output could not be written.
    #[error("cannot write: {0}")]
    #[diagnostic(
        code(poolscope::write),
        help("check the folder, your rights and the free space, or choose another file with -o")
    )]
    Write(#[source] io::Error),

    /// A compressed input cannot be decompressed.
    #[error("the {format} data cannot be decompressed: {what}")]
    #[diagnostic(
        code(poolscope::compressed),
        help("the file is damaged or incomplete: copy it again, or test it with `{format} -t`")
    )]
    Compressed {
        /// The name of the compression, which is also its command.
        format: &'static str,
        /// What the decompressor says.
        what: String,
    },

    /// The content is in none of the formats that can be read.
    #[error("this is not a recording in a supported format")]
    #[diagnostic(
        code(poolscope::unknown_format),
        help(
            "supported are native traces, heaptrack files, ESP-IDF heap_trace_dump logs, lines of allocation hooks, \
             glibc mtrace files, SystemView JSON and CSV (time_us,op,id,size), the text formats also inside a device \
             log; name the format with --from to see what is wrong with the file"
        )
    )]
    UnknownFormat,

    /// An input without a byte.
    #[error("the input is empty")]
    #[diagnostic(
        code(poolscope::no_data),
        help("check that the recording, or the command before the pipe, succeeded")
    )]
    NoData,

    /// The file does not start like a native trace.
    #[error("this is not a native trace: the first 8 bytes are not those of a .pooltrace file")]
    #[diagnostic(
        code(poolscope::not_a_trace),
        help("leave out --from to have the format recognised, or import the file with `poolscope import`")
    )]
    NotATrace,

    /// The start of a native trace, changed the way text-mode transfers change files.
    #[error("a transfer in text mode has damaged this trace")]
    #[diagnostic(code(poolscope::text_mode), help("copy the original file again, in binary mode"))]
    TextModeDamage,

    /// A version that this program cannot read.
    #[error("{what} version {found} is not supported (supported: {})", versions(*.oldest, *.supported))]
    #[diagnostic(code(poolscope::version), help("{help}"))]
    Version {
        /// The format.
        what: &'static str,
        /// The version in the file.
        found: u64,
        /// The oldest version supported.
        oldest: u64,
        /// The newest version supported.
        supported: u64,
        /// What to do, which differs between a file that is too old and one that is too new.
        help: String,
    },

    /// A known format that is no recording of allocations and frees.
    #[error("this is {what}: {lacks}")]
    #[diagnostic(code(poolscope::no_recording), help("{instead}"))]
    NoRecording {
        /// The format.
        what: &'static str,
        /// What it lacks.
        lacks: &'static str,
        /// What to use instead.
        instead: &'static str,
    },

    /// The file ends before its end mark.
    #[error("the file ends unexpectedly after byte {offset}")]
    #[diagnostic(
        code(poolscope::truncated),
        help(
            "the recording or the copy was interrupted: copy the file again, or import it again from its source"
        )
    )]
    Truncated {
        /// Bytes that are there.
        offset: u64,
    },

    /// A checksum does not match.
    #[error("the part at byte {offset} is damaged: its checksum does not match")]
    #[diagnostic(code(poolscope::checksum), help("copy the file again, or import it again from its source"))]
    Checksum {
        /// Where the damaged part begins.
        offset: u64,
    },

    /// Intact bytes that cannot be decoded.
    #[error("the part at byte {offset} cannot be decoded: {what}")]
    #[diagnostic(
        code(poolscope::corrupt),
        help(
            "the program that wrote this trace wrote it wrongly: import the recording again with this poolscope"
        )
    )]
    Corrupt {
        /// Where the part begins.
        offset: u64,
        /// What is wrong.
        what: String,
    },

    /// A line of a text format that cannot be understood.
    #[error("line {line}: {what}")]
    #[diagnostic(
        code(poolscope::syntax),
        help("correct or remove that line; if the whole file looks right, name its format with --from")
    )]
    Syntax {
        /// Line number, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },

    /// A line longer than any recorder writes.
    #[error("line {line} is longer than {limit} bytes")]
    #[diagnostic(
        code(poolscope::line_too_long),
        help("no recorder writes such lines: check the file, or name its format with --from")
    )]
    LineTooLong {
        /// Line number, from 1.
        line: u64,
        /// Longest line accepted, bytes.
        limit: usize,
    },

    /// A text recording without its end.
    #[error("line {line}: the file ends in the middle of {what}")]
    #[diagnostic(
        code(poolscope::cut_off),
        help(
            "the recording or the copy was interrupted: copy the file again, or record again until the end"
        )
    )]
    CutOff {
        /// The last line, from 1.
        line: u64,
        /// What is incomplete.
        what: &'static str,
    },

    /// JSON that is not a SystemView recording.
    #[error("this is not the JSON of a SystemView recording: {0}")]
    #[diagnostic(code(poolscope::json), help("write it again with `sysviewtrace_proc.py -j` of ESP-IDF"))]
    Json(String),

    /// The file is readable, but it has no heap event.
    #[error("there is no allocation in this {format} recording")]
    #[diagnostic(code(poolscope::empty), help("check that heap tracing was switched on while recording"))]
    Empty {
        /// The format.
        format: &'static str,
    },

    /// More of something than is held in memory.
    #[error("more than {limit} {what}")]
    #[diagnostic(code(poolscope::too_much), help("record a shorter time, or convert the recording to CSV"))]
    TooMuch {
        /// What was counted, in the plural.
        what: &'static str,
        /// Most accepted.
        limit: usize,
    },

    /// An event that contradicts those before it.
    #[error("impossible event: {0}")]
    #[diagnostic(code(poolscope::impossible_event), help("no device's heap can do that: check the recorder"))]
    ImpossibleEvent(#[source] Fault),

    /// A layout file that cannot be used.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Layout(#[from] LayoutError),

    /// Arguments that contradict each other or the input.
    #[error("{what}")]
    #[diagnostic(code(poolscope::usage), help("{help}"))]
    Usage {
        /// What is wrong with it.
        what: String,
        /// What to do instead.
        help: String,
    },

    /// More contexts than the format numbers.
    #[error("more than {limit} different tasks and interrupts")]
    #[diagnostic(
        code(poolscope::too_many_contexts),
        help("give tasks fixed names in the firmware and record again")
    )]
    TooManyContexts {
        /// Most contexts accepted.
        limit: usize,
    },

    /// Metadata that does not fit into the header.
    #[error("the title and notes of the recording take more than {limit} bytes")]
    #[diagnostic(code(poolscope::meta_too_long), help("shorten the title of the recording"))]
    MetaTooLong {
        /// Most bytes accepted.
        limit: usize,
    },
}

impl Error {
    /// Arguments that contradict each other or the input: what is wrong, and what to do instead.
    #[must_use]
    pub fn usage(what: impl Into<String>, help: impl Into<String>) -> Self {
        Error::Usage { what: what.into(), help: help.into() }
    }

    /// The exit code of this error: 2 for wrong arguments, 3 for everything about files.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage { .. } => 2,
            _ => 3,
        }
    }

    /// The error behind a failed read: a decompressor reports its errors as `io::Error`, too.
    #[must_use]
    pub fn from_read(error: io::Error) -> Self {
        match error.downcast::<Error>() {
            Ok(inner) => inner,
            Err(error) => Error::Read(error),
        }
    }
}

/// In what way an event contradicts the events before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum Fault {
    /// A new slot skipped over unused ones.
    #[error("slot {slot} is out of sequence, the next unused slot is {next}")]
    SlotSkipped {
        /// The slot named.
        slot: u32,
        /// The only unused slot allowed.
        next: u32,
    },
    /// An allocation in a slot that holds a live block.
    #[error("allocation in slot {0}, which is live")]
    SlotLive(u32),
    /// A free of a slot that holds nothing.
    #[error("free of slot {0}, which is not live")]
    SlotDead(u32),
    /// A block of 2^64 - 1 bytes, or live blocks that sum up to more than that.
    #[error("live bytes do not fit into 64 bits")]
    BytesOverflow,
    /// More live blocks than a consumer has to hold.
    #[error("more than {limit} blocks live at once")]
    TooManyBlocks {
        /// Most blocks accepted.
        limit: usize,
    },
    /// The times sum up to more than 64 bits hold.
    #[error("time does not fit into 64 bits")]
    TimeOverflow,
    /// A switch to a context that was not defined.
    #[error("context {0} is not defined")]
    UnknownContext(u32),
}

/// A layout file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, ThisError, Diagnostic)]
#[error("line {line}: {what}")]
#[diagnostic(code(poolscope::layout), help("{help}"))]
pub struct LayoutError {
    /// Line number, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
    /// What to do.
    pub help: String,
}

/// `2`, `1 to 3`.
fn versions(oldest: u64, newest: u64) -> String {
    if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") }
}
