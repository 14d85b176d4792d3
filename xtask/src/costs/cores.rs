//! The committed table, core by core.

use anyhow::{Context, Result, ensure};

use super::COMPARED;
use crate::budgets::{Numbers, Row};
use crate::qemu::{TARGETS, Target};

/// One emulated core.
pub(super) struct Core<'n> {
    pub(super) target: &'static Target,
    rows: &'n std::collections::BTreeMap<String, Row>,
}

/// What a pair of functions costs on one core.
pub(super) struct Cost {
    /// Instructions, least and most.
    pub(super) alloc: (u64, u64),
    pub(super) free: (u64, u64),
    /// Instructions of an alloc that gives a block for the first time.
    pub(super) first_use: u64,
    /// Instructions with interrupts masked.
    pub(super) masked: (u64, u64),
    /// Bytes of the two functions themselves.
    pub(super) code: (u64, u64),
    pub(super) ram: u64,
}

/// Every core of the table, in the order of [`TARGETS`].
pub(super) fn all(numbers: &Numbers) -> Result<Vec<Core<'_>>> {
    let unknown = numbers.targets.keys().find(|name| !TARGETS.iter().any(|target| target.name == **name));
    ensure!(unknown.is_none(), "the table has {unknown:?}, which is no target");
    TARGETS.iter().map(|target| Core::new(numbers, target)).collect()
}

impl<'n> Core<'n> {
    fn new(numbers: &'n Numbers, target: &'static Target) -> Result<Self> {
        let rows = numbers.targets.get(&target.name);
        Ok(Self { target, rows: rows.with_context(|| format!("the table has no {}", target.name))? })
    }

    /// The one beside the field.
    pub(super) fn compared(numbers: &'n Numbers) -> Result<Self> {
        let target = TARGETS.iter().find(|target| target.name == COMPARED);
        Self::new(numbers, target.context("no such target")?)
    }

    /// Its chips.
    pub(super) fn name(&self) -> String {
        let cores = if self.target.cores == 1 { "" } else { ", two cores" };
        format!("{}{cores}", self.target.chips)
    }

    /// The number `what` of the row `name`.
    pub(super) fn number(&self, name: &str, what: &str) -> Result<u64> {
        let number = self.rows.get(name).and_then(|row| row.get(what));
        number
            .copied()
            .with_context(|| format!("the table has no `{what}` of {name} on {}", self.target.name))
    }

    pub(super) fn cost(&self, name: &str) -> Result<Cost> {
        let of = |what: &str| self.number(name, what);
        Ok(Cost {
            alloc: (of("alloc, least")?, of("alloc, most")?),
            free: (of("free, least")?, of("free, most")?),
            first_use: of("alloc, first use")?,
            masked: (of("alloc, masked")?, of("free, masked")?),
            code: (of("alloc, bytes of code")?, of("free, bytes of code")?),
            ram: of("bytes of RAM besides blocks and marks")?,
        })
    }
}

impl Cost {
    /// Instructions of an alloc and a free, least and most.
    pub(super) fn pair(&self) -> (u64, u64) {
        (self.alloc.0 + self.free.0, self.alloc.1 + self.free.1)
    }
}
