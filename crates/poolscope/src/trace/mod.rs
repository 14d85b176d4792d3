//! The native trace: what happened to the heap, in order, in as few bytes as possible.
//!
//! A trace is a sequence of [`Event`]s. A live block is named by its *slot*, a small integer that the
//! recording side hands out again once the block is freed: slots are dense, so a consumer of a trace needs
//! a table as long as the peak of live blocks, never as long as the trace.
//!
//! ```
//! use poolscope::trace::{Event, Meta, Reader, SlotMap, Writer};
//!
//! let mut slots = SlotMap::new();
//! let mut writer = Writer::new(Vec::new(), &Meta::new("example", 1_000_000))?;
//! let slot = slots.alloc("first").slot;
//! writer.write(Event::Alloc { slot, size: 24, dt: 10 })?;
//! writer.write(slots.free("first").event(5))?;
//! let (file, totals) = writer.finish()?;
//! assert_eq!((totals.peak_bytes, totals.live_bytes), (24, 0));
//!
//! let mut reader = Reader::new(&file[..])?;
//! let mut batch = Vec::new();
//! while reader.next_batch(&mut batch)? {
//!     for event in batch.drain(..) {
//!         match event {
//!             Event::Alloc { slot, size, .. } => println!("+ {slot} {size} bytes"),
//!             Event::Free { slot, .. } => println!("- {slot}"),
//!             Event::BadFree { kind, .. } => println!("! {kind:?}"),
//!             Event::Switch { context } => println!("now in {}", reader.contexts()[context as usize].name),
//!             Event::Memory { external } => println!("now in external RAM: {external}"),
//!         }
//!     }
//! }
//! assert_eq!(reader.totals(), Some(&totals));
//! # Ok::<(), poolscope::Error>(())
//! ```
//!
//! A [`Reader`] checks everything before it hands an event out: an `Alloc` always names a slot that is not
//! live and at most one past the highest slot so far, a `Free` one that is live, a `Switch` a context already
//! in [`Reader::contexts`]. A consumer may index its own slot table without checking again. The bytes of the
//! file are described in `docs/trace-format.md`.

mod event;
mod live_blocks;
mod reader;
mod slots;
mod wire;
mod writer;

pub(crate) use event::Contexts;
pub use event::{
    BadFree, CallSite, Context, Event, FailedAllocs, FailedSize, Findings, LeftOut, Lifetimes, Meta, Totals,
};
pub use live_blocks::{LiveBlocks, MAX_BLOCKS};
pub use reader::Reader;
pub use slots::{Admission, Release, SlotMap};
pub use wire::{EXTENSION, MAGIC, VERSION};
pub use writer::Writer;

#[cfg(test)]
mod tests;
