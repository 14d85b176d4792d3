//! The functions of `memory_pool.h` on one pool.

pub mod batch;
pub mod blocks;
pub mod create;
pub mod destroy;
pub mod inspect;
