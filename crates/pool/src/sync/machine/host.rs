//! A host: threads, and caches that pass lines around.

#[path = "../ahead/none.rs"]
pub(crate) mod ahead;
#[path = "../hint/own.rs"]
mod hint;
#[path = "../pause/long.rs"]
pub(crate) mod pause;

pub(crate) use hint::SearchHint;
