//! What a pool is besides its blocks: control block, place in the list of live pools, and memory.

pub(crate) mod block;
pub(crate) mod memory;
pub(crate) mod modes;
pub(crate) mod overlap;
pub(crate) mod registry;
