#![no_std]
//! What tests of pools share: written once, used by property tests, fuzz targets, stress tests and programs for emulated
//! chips.
//!
//! | module | what it is |
//! |---|---|
//! | [`pool_model`] | [`PoolModel`]: a simple account of a pool, which says what each operation must return |
//! | [`set_model`] | [`SetModel`]: the same for sets of pools |
//! | [`pools`], [`sets`] | adapters: each kind of pool and set of the Rust crate behind the interface of its model |
//! | `c_functions` | adapters for the C functions (feature `c-functions`) |
//! | `retained` | the adapter for retained pools (feature `retained`) |
//! | [`owner_table`] | [`OwnerTable`]: which context owns which block, for pools that several contexts use at once |
//! | [`bare_pool`] | [`BarePool`]: a free list whose parts a test may read and damage |
//! | [`random`] | [`Random`]: numbers that are the same in every run |
//!
//! ```text
//!   bytes --Operation::read--> Operation --PoolModel::step--> PoolUnderTest (the adapter of a pool)
//!                                             |   ^
//!                                             v   | address or refusal
//!                                  the model's account: live blocks, what is written in each, every counter
//! ```

extern crate alloc;
#[cfg(feature = "c-functions")]
extern crate std;

pub mod pool_model;
pub mod random;
pub mod set_model;

// loom and shuttle replace the atomics of the pools. Their tests drive pools by themselves.
#[cfg(not(any(loom, shuttle)))]
pub mod bare_pool;
#[cfg(all(feature = "c-functions", not(any(loom, shuttle))))]
pub mod c_functions;
#[cfg(not(any(loom, shuttle)))]
pub mod owner_table;
#[cfg(not(any(loom, shuttle)))]
pub mod pools;
#[cfg(all(feature = "retained", not(any(loom, shuttle))))]
pub mod retained;
#[cfg(not(any(loom, shuttle)))]
pub mod sets;

#[cfg(not(any(loom, shuttle)))]
pub use bare_pool::BarePool;
#[cfg(not(any(loom, shuttle)))]
pub use owner_table::OwnerTable;
pub use pool_model::{Counts, Operation, PoolModel, PoolUnderTest, Refusal, Violation};
#[cfg(not(any(loom, shuttle)))]
pub use pools::SharedPool;
pub use random::Random;
pub use set_model::{ClassCounts, SetCounts, SetModel, SetOperation, SetUnderTest};
