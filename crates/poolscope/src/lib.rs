//! Sizes memory pools from a recording of the real application.
//!
//! * [`input`]: readers of recordings in many formats; each is an [`input::Source`] of the same events.
//! * [`trace`]: those events, and the native format (`.pooltrace`) with its writer and reader.
//! * [`info`]: what a recording holds: peaks, sizes, lifetimes, leaks, double frees.
//! * [`layout`]: which pools a program has: read from a file, or derived from a recording.
//! * [`replay`]: a recording through real pools and, side by side, through the heap of a chip.
//! * [`report`]: the results as text and as JSON.
//! * [`text`]: numbers, sizes and times for people.
//! * [`error`]: every error, with a stable code and a next step.
//!
//! The `poolscope` command line is a thin layer over this library: `main.rs`, `cmd/` and `ui.rs`.

/// The example of the README is a test, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub mod error;
pub mod info;
pub mod input;
pub mod layout;
pub mod replay;
pub mod report;
pub mod text;
pub mod trace;

pub use error::{Error, Result};
