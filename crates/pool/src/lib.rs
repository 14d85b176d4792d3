#![no_std]
// Espressif's compiler has inline assembly for Xtensa, behind this name.
#![cfg_attr(all(target_arch = "xtensa", not(feature = "mask-functions")), feature(asm_experimental_arch))]
//! Fixed-size-block memory pools for microcontrollers: constant time, no fragmentation, every misuse caught.
//!
//! | you have | use |
//! |---|---|
//! | values of one type, known when compiling | [`Pool`]: a `static` with no run-time initialisation, and [`PoolBox`] handles |
//! | the same, without a lock at all | [`AtomicPool`]: a bit a block, changed atomically |
//! | memory given at run time, blocks of bytes | [`DynPool`] over a slice, and [`PoolBox`] handles |
//! | the same, without a lock at all | [`AtomicDynPool`]: blocks anywhere, control words where atomics work |
//! | tasks that shall wait for a block | [`WaitPool`] around a pool: `wait().await` on any executor, or a task that sleeps |
//! | lists, text and slices of a run-time length, in blocks of any of these | [`PoolVec`], [`PoolString`], and [`AllocSlice`] for `PoolBox<[T]>` |
//! | requests of several sizes | [`PoolSet`]: a pool for each size class, found by size and by address; [`GlobalSet`] for a whole program |
//! | parts of a pool kept elsewhere (the C ABI) | [`FreeList`]: the heart itself, one operation at a time |
//!
//! ```
//! use microusc_pool::Pool;
//!
//! struct Packet { length: u16, bytes: [u8; 60] }
//!
//! static PACKETS: Pool<Packet, 32> = Pool::new(); // all zero bytes: costs no flash and no start-up time
//!
//! let mut packet = PACKETS.alloc(Packet { length: 0, bytes: [0; 60] })?;
//! packet.length = 3;
//! drop(packet); // the block is back
//! assert_eq!(PACKETS.stats().lowest_free, 31);
//! # Ok::<(), microusc_pool::Error>(())
//! ```
//!
//! # How it is built
//!
//! ```text
//!                     PoolSet                               size to class, address to owner
//!                        |
//!   Pool              DynPool               (the C ABI)      typed / untyped / C owners of the parts of a pool
//!         \                |                  /
//!          '---- lock::RawLock::with(...) ---'               sharing: a wrapper, never a second implementation
//!                          |
//!                     free_list::FreeList                        the one unsafe heart, single-threaded
//!                     /          \
//!          geometry::Geometry  allocation_map::AllocationMap                 address to index, and who owns what
//! ```
//!
//! The crate uses no allocator, has no dependency by default, does not panic, and divides nowhere on the way to a
//! block.
//!
//! # Features
//!
//! * `critical-section`: the lock of that name, which then is the [`DefaultLock`]. On bare metal without atomic instructions
//!   it also makes the lock-free pools and `PoolArc`.
//! * `unsafe-assume-single-core`: a promise that the chip has one core and that code which uses pools is privileged. Then
//!   `InterruptLock` may be shared, and is the default lock on bare metal; without atomic instructions it also makes the
//!   lock-free pools and `PoolArc`.
//! * `lock_api`: `MutexLock`, which makes a pool's lock of any mutex of that crate, such as `parking_lot`'s, for hosts.
//! * `mask-functions`: on bare metal and ESP-IDF, interrupts are masked by `microusc_mask` and `microusc_restore`, which the
//!   program brings: for Xtensa with a compiler that has no inline assembly for it, or to mask less than every interrupt.
//! * `allocator-api2`: a `&PoolSet` is an allocator for the collections of that crate, and of others that take one.

#[cfg(any(test, loom, shuttle))]
extern crate std;

pub mod allocation_map;
#[cfg(atomic_words)]
pub mod atomic_pool;
pub mod free_list;

#[cfg(atomic_words)]
mod alloc_arc;
mod alloc_slice;
mod counters;
mod dyn_pool;
mod error;
mod geometry;
mod handles;
mod lock;
mod locked_pool;
mod pool;
mod sealed;
mod size_class_set;
mod stats;
mod sync;
mod wait;
#[cfg(atomic_words)]
mod words;

pub use alloc_slice::AllocSlice;
pub use allocation_map::{AllocationMap, ByteMap, NoChecks, NoMap};
#[cfg(atomic_words)]
pub use atomic_pool::{AtomicDynPool, AtomicPool, AtomicStats, AtomicWords, words_for};
pub use counters::Counters;
pub use dyn_pool::DynPool;
pub use error::{Error, Rejected};
pub use free_list::{FreeList, Link};
pub use geometry::{Geometry, LINK_BYTES};
pub use handles::*;
pub use lock::*;
pub use locked_pool::LockedPool;
pub use pool::{Checked, Checks, LinksChecked, Pool, Unchecked};
pub use size_class_set::{ClassStats, GlobalSet, NoFallback, PoolSet, SetStats, SizeClass};
pub use stats::{Stats, StatsBuilder};
#[cfg(any(loom, shuttle))]
pub use sync::{FLAW, Flaw};
pub use wait::{
    QueuedPool, Signal, UninitBlock, Wait, WaitOrder, WaitPool, WaitQueue, WaitablePool, Waiter, WaiterState,
    alloc_blocking,
};

/// The Rust of the project's front page, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
