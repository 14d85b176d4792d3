//! Output for people and for monitoring systems: log lines, prints, dumps, metrics.

pub(crate) mod dump;
pub mod metrics;
pub(crate) mod print;
pub(crate) mod report;
pub(crate) mod snapshot;
