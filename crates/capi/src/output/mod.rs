//! What is written for people and for monitoring systems: log lines, prints, dumps, metrics.

pub(crate) mod dump;
pub(crate) mod hints;
pub(crate) mod hints_drivers;
pub(crate) mod hints_retained;
pub(crate) mod metrics;
pub mod metrics_api;
pub mod metrics_types;
pub(crate) mod print;
pub(crate) mod report;
pub(crate) mod snapshot;
