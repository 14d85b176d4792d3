#![no_std]
// Espressif's compiler has inline assembly for Xtensa, as an unstable feature of this name.
#![cfg_attr(all(target_arch = "xtensa", not(feature = "mask-functions")), feature(asm_experimental_arch))]
//! Fixed-size-block memory pools for microcontrollers: constant time, no fragmentation, every wrong free refused.
//!
//! | you have | use |
//! |---|---|
//! | values of one type, known at compile time | [`Pool`]: a `static` without initialisation at run time, and [`PoolBox`] handles |
//! | the same, without a lock | [`AtomicPool`]: a bit for each block, changed atomically |
//! | memory that is provided at run time, blocks of bytes | [`DynPool`] over a slice, and [`PoolBox`] handles |
//! | the same, without a lock | [`AtomicDynPool`]: blocks anywhere, control words where atomics work |
//! | tasks that wait for a block | [`WaitPool`] around a pool: `wait().await` on any executor, or a task that sleeps |
//! | lists, text and slices of a run-time length, in blocks of any pool | [`PoolVec`], [`PoolString`], and [`AllocSlice`] for `PoolBox<[T]>` |
//! | requests of several sizes | [`PoolSet`]: a pool for each size class, found by size and by address; [`GlobalSet`] for a whole program |
//! | the parts of a pool in places of your own (as the C functions) | [`FreeList`]: one operation at a time on borrowed parts |
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
//! drop(packet); // the block is free again
//! assert_eq!(PACKETS.stats().lowest_free, 31);
//! # Ok::<(), microusc_pool::Error>(())
//! ```
//!
//! Larger programs are in the folder `examples`.
//!
//! # How it is built
//!
//! ```text
//!          PoolSet     WaitPool                            routing by size and address; waiters
//!              \         /
//!   Pool        DynPool          (the C functions)         they own the parts of a pool
//!       \        /                 /
//!       LockedPool               /                         alloc and free under a lock, written once
//!              \                /
//!               '-- FreeList --'                           the unsafe core, single-threaded
//!                  /        \
//!          Geometry          AllocationMap                 address to index; which blocks have an owner
//! ```
//!
//! The crate uses no allocator, has no dependency by default, does not panic, and has no division on the way to a block.
//!
//! # Features
//!
//! * `critical-section`: the lock of that name, which then is the [`DefaultLock`]. On bare metal without atomic instructions
//!   it also enables the lock-free pools and `PoolArc`.
//! * `unsafe-assume-single-core`: a promise that the chip has one core and that code which uses pools is privileged. Then
//!   `InterruptLock` may be shared, and is the default lock on bare metal; without atomic instructions the feature also
//!   enables the lock-free pools and `PoolArc`.
//! * `lock_api`: `MutexLock`, which makes any mutex of that crate, such as that of `parking_lot`, the lock of a pool, on hosts.
//! * `mask-functions`: on bare metal and ESP-IDF, interrupts are masked by the functions `microusc_mask` and
//!   `microusc_restore` of the program: for Xtensa with a compiler without inline assembly for it, or to mask fewer
//!   interrupts.
//! * `allocator-api2`: a `&PoolSet` is an allocator for the collections of that crate, and of others that use its trait.

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
pub use size_class_set::{
    ClassPool, ClassStats, GlobalSet, NoFallback, PoolSet, SetStats, SizeClass, SizeClasses,
    check_class_order,
};
pub use stats::{Stats, StatsBuilder};
#[cfg(any(loom, shuttle))]
pub use sync::{FLAW, Flaw};
pub use wait::{
    QueuedPool, Signal, UninitBlock, Wait, WaitOrder, WaitPool, WaitQueue, WaitablePool, Waiter, WaiterState,
    alloc_blocking,
};

/// The Rust code of the project's README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
