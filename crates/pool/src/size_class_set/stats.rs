//! Snapshots of a set.

use crate::Stats;

/// The counters that belong to no class.
#[derive(Clone, Copy)]
pub(super) struct SetCounters<const CLASSES: usize> {
    pub(super) spilled_in: [u32; CLASSES],
    pub(super) no_class: u32,
    pub(super) refused: u32,
}

impl<const CLASSES: usize> SetCounters<CLASSES> {
    pub(super) const NEW: Self = Self { spilled_in: [0; CLASSES], no_class: 0, refused: 0 };
}

/// A snapshot of one class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// Its pool.
    pub pool: Stats,
    /// Blocks of this class that were allocated for requests of the next smaller one. Stays at its maximum.
    pub spilled_in: u32,
}

impl ClassStats {
    /// Requests that found this class exhausted, whether they went on to the next class or came from the one before.
    pub const fn misses(&self) -> u32 {
        self.pool.exhausted
    }
}

/// A snapshot of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetStats<const CLASSES: usize> {
    /// Its classes, smallest blocks first.
    pub classes: [ClassStats; CLASSES],
    /// Requests that no class could ever serve: too large, or too strictly aligned. Stays at its maximum.
    pub no_class: u32,
    /// Wrong addresses that no class counted: in no class, or not a block in use when it was to be resized. Those that a class
    /// refused are in the counters of that class. Stays at its maximum.
    pub refused: u32,
}
