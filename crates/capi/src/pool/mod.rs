//! The functions of `memory_pool.h` on one pool.
//!
//! | file | functions |
//! |---|---|
//! | `blocks.rs` | `memory_pool_alloc`, `memory_pool_free` and their variants for one block: the hot path |
//! | `batch.rs` | several blocks at once; the reserve for interrupts |
//! | `create.rs` | `memory_pool_init`, `memory_pool_malloc` and their variants |
//! | `destroy.rs` | `memory_pool_destroy`, `memory_pool_destroy_unused` |
//! | `inspect.rs` | snapshot, validation, repair, names, the list of pools, the report callback |
//!
//! The functions that wait for a block are in `wait.rs`.

pub mod batch;
pub mod blocks;
pub mod create;
pub mod destroy;
pub mod inspect;
