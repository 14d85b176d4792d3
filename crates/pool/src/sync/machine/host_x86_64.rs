//! A host whose clock and fetches ahead a program can use.

#[path = "../ahead/recent.rs"]
pub(crate) mod ahead;
#[path = "../hint/own.rs"]
mod hint;
#[path = "../pause/clock.rs"]
pub(crate) mod pause;

pub(crate) use hint::SearchHint;
