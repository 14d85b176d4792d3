//! A chip: one or two cores, which wait with interrupts masked.

#[path = "../ahead/none.rs"]
pub(crate) mod ahead;
#[cfg(any(target_has_atomic = "32", feature = "critical-section", feature = "unsafe-assume-single-core"))]
#[path = "../hint/shared.rs"]
mod hint;
#[cfg(target_has_atomic = "32")]
#[path = "../pause/short.rs"]
pub(crate) mod pause;

#[cfg(any(
    target_has_atomic = "32",
    feature = "critical-section",
    feature = "unsafe-assume-single-core"
))]
pub(crate) use hint::SearchHint;
