//! A layout from a recording: as many blocks as were live at once, in the classes that take the fewest bytes.
//!
//! Two passes over the recording. The first, [`Survey`], finds the sizes that occur; when there are more than
//! [`MAX_CANDIDATES`] of them, neighbours are merged. The second, [`Peaks`], counts for *every* range of these sizes
//! how many blocks were live at once: what one class for that range would need. [`Peaks::layout`] then picks the
//! classes exactly, by dynamic programming, and the counts of blocks are exact for them.
//!
//! ```
//! use poolscope::layout::derive::{Peaks, Survey};
//!
//! let csv = "time_us,op,id,size\n0,alloc,a,20\n1,alloc,b,1500\n2,free,a,\n3,alloc,a,24\n4,alloc,big,9000\n";
//! let open = || poolscope::input::open(csv.as_bytes(), None);
//! let survey = Survey::take(&mut *open()?)?;
//! let layout = Peaks::count(&survey, &mut *open()?)?.layout(&survey);
//! let pools: Vec<_> = layout.pools.iter().map(|pool| (pool.block_size, pool.blocks)).collect();
//! assert_eq!(pools, [(1504, 1), (24, 1)]);
//! assert!(layout.heap_fallback); // for the 9000 bytes
//! # Ok::<(), poolscope::Error>(())
//! ```

mod partition;
mod peaks;
mod survey;

pub use partition::partition;
pub use peaks::Peaks;
pub use survey::Survey;

/// Largest request that gets a pool, bytes. Larger ones are few and live long as a rule, so a block of their own
/// would stand empty or used once: they are left to the rest of the heap.
pub const LIMIT: u32 = 4096;

/// Most pools in a derived layout.
pub const MAX_CLASSES: usize = 8;

/// Most sizes that the choice is made from.
pub const MAX_CANDIDATES: usize = 32;

/// Block sizes are multiples of this many bytes, so that they are right on hosts with 64-bit pointers, too.
const STEP: u32 = 8;

#[cfg(test)]
mod tests;
