//! What could not be read, counted in one way for every format that is found among other lines.

use crate::text::{plural, was};

/// Records or lines that could not be read: their number, and the line of the first.
#[derive(Debug, Default)]
pub(super) struct Damage {
    count: u64,
    first_line: u64,
}

impl Damage {
    /// Counts one more, which began at `line`.
    pub(super) fn note(&mut self, line: u64) {
        if self.count == 0 {
            self.first_line = line;
        }
        self.count += 1;
    }

    /// The remark about them, if there are any. `one` is what one of them is called, `of` what belongs to that name, and
    /// `fate` what became of them.
    pub(super) fn remark(&self, one: &str, of: &str, fate: &str) -> Option<String> {
        let (number, were) = (plural(self.count, one), was(self.count));
        (self.count > 0).then(|| format!("{number}{of} {were} {fate}, the first at line {}", self.first_line))
    }
}
