//! From a recording of the real application to the pools it needs.
//!
//! * [`trace`]: the native trace (`.pooltrace`): events, writer, reader. Everything else works on its events.
//! * [`input`]: readers of other tools' recordings; each is an [`input::Source`] of the same events.
//! * [`layout`]: which pools of which blocks: read from a file, or derived from a trace.
//! * [`info`]: what a trace holds: peaks, sizes, lifetimes, leaks, bad frees.
//! * [`replay`]: a trace through the real pools and, side by side, through the heap of a chip.
//! * [`text`]: numbers, sizes and times as people read them.
//! * [`error`]: everything that can go wrong, each with a stable code and a next step.
//!
//! The `poolscope` command line is a thin layer over this library.

pub mod error;
pub mod info;
pub mod input;
pub mod layout;
pub mod replay;
mod report;
pub mod text;
pub mod trace;

pub use error::{Error, Result};
