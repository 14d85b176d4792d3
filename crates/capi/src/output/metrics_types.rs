//! The C types of `memory_pool_metrics.h`.

/// Sums over all pools.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs, reason = "field by field as in the header")]
pub struct memory_pool_metrics_t {
    pub pools: usize,
    pub blocks: usize,
    pub blocks_in_use: usize,
    pub bytes_reserved: usize,
    pub bytes_in_use: usize,
    pub overhead_bytes: usize,
    pub alloc_failures: u32,
    pub refused_frees: u32,
    pub corruptions: u32,
}
