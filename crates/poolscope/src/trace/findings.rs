//! What a recording says beside its events.

use serde::{Deserialize, Serialize};

/// Most rows of each list.
const MAX_ROWS: usize = 16;

/// Longest name of a call site, bytes.
const MAX_SITE: usize = 160;

/// What a recording says that is no event of a block: failed allocations, blocks that are not the program's, and call
/// sites. Sizes are bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Allocations that failed while recording.
    pub failed: FailedAllocs,
    /// Blocks that are not the program's and were left out.
    pub left_out: LeftOut,
    /// Dumps of a heap trace since the device started; 0 for other recordings.
    pub dumps: u64,
    /// Call sites with blocks live at the end, those that grew most first; at most 16.
    pub call_sites: Vec<CallSite>,
}

/// Allocations that failed, which have no block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAllocs {
    /// How many.
    pub count: u64,
    /// The largest request that failed, bytes.
    pub largest: u64,
    /// The first 16 sizes that failed.
    pub sizes: Vec<FailedSize>,
}

/// Failed allocations of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSize {
    /// Bytes requested.
    pub size: u64,
    /// How often.
    pub count: u64,
    /// The largest free block when it failed last, bytes, if the recording says it.
    pub largest_free: Option<u64>,
}

/// Blocks that are not the program's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many.
    pub blocks: u64,
    /// Their sizes in sum, bytes.
    pub bytes: u64,
}

/// What one call site had live: in the first dump of a heap trace, and at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// Return addresses, or the name that the monitor decoded them to.
    pub site: String,
    /// Blocks live in the first dump.
    pub first_blocks: u64,
    /// Their bytes.
    pub first_bytes: u64,
    /// Blocks live at the end.
    pub blocks: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Findings {
    /// An allocation of `size` bytes failed; the largest free block then, if known.
    pub fn fail(&mut self, size: u64, largest_free: Option<u64>) {
        let failed = &mut self.failed;
        failed.count += 1;
        failed.largest = failed.largest.max(size);
        if let Some(row) = failed.sizes.iter_mut().find(|row| row.size == size) {
            row.count += 1;
            row.largest_free = largest_free.or(row.largest_free);
        } else if failed.sizes.len() < MAX_ROWS {
            failed.sizes.push(FailedSize { size, count: 1, largest_free });
        }
    }

    /// A block of `size` bytes is not the program's.
    pub fn leave_out(&mut self, size: u64) {
        self.left_out.blocks += 1;
        self.left_out.bytes = self.left_out.bytes.saturating_add(size);
    }

    /// The same, with lists and names of bounded length.
    pub(super) fn bounded(mut self) -> Self {
        self.failed.sizes.truncate(MAX_ROWS);
        let sites = std::mem::take(&mut self.call_sites);
        self.set_call_sites(sites);
        self
    }

    /// Keeps those of `sites` that grew most.
    pub fn set_call_sites(&mut self, mut sites: Vec<CallSite>) {
        let growth = |site: &CallSite| i128::from(site.bytes) - i128::from(site.first_bytes);
        sites.sort_by(|a, b| (growth(b), b.bytes, &a.site).cmp(&(growth(a), a.bytes, &b.site)));
        sites.truncate(MAX_ROWS);
        for site in &mut sites {
            site.site.truncate(site.site.floor_char_boundary(MAX_SITE));
        }
        self.call_sites = sites;
    }
}
