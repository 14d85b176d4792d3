//! A chip: one or two cores, which wait with interrupts masked.

#[path = "../ahead/none.rs"]
pub(crate) mod ahead;
#[path = "../hint/shared.rs"]
mod hint;
#[cfg(target_has_atomic = "32")]
#[path = "../pause/short.rs"]
pub(crate) mod pause;

pub(crate) use hint::Hint;
