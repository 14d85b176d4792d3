//! Pools: the control block, the list of live pools, and the functions of `memory_pool.h`.

pub mod batch;
pub mod blocks;
pub(crate) mod control;
pub(crate) mod create;
pub mod inspect;
pub mod lifecycle;
pub(crate) mod overlap;
pub(crate) mod placement;
pub(crate) mod refusal;
pub(crate) mod registry;
