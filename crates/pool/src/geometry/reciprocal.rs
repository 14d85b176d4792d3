//! From an offset to an index on cores that have the high half of a product, and no rotation: RISC-V.
//!
//! Let `reciprocal = ceil(2^W / stride)` (W bits in a word), so that `reciprocal * stride = 2^W + e` with `e < stride`.
//! Then
//!
//! ```text
//!  index = high half of offset * reciprocal
//! ```
//!
//! * sends `i * stride` to `i` for each block: the product is `i * 2^W + i * e`, and `i * e < capacity * stride`, which
//!   is less than 2^W;
//! * of any other offset it is a number whose multiple of the stride is another offset, or that is not below the
//!   capacity. A multiplication back shows that.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Divider {
    reciprocal: usize,
}

impl Divider {
    pub(super) const fn new(stride: usize) -> Self {
        // A stride is at least a link, so this is less than 2^W. This runs once for each pool, so a division is acceptable.
        Self { reciprocal: usize::MAX / stride + 1 }
    }

    /// The index of the block that starts at `offset`, if that is below `limit`, which is at most the capacity.
    #[inline(always)]
    pub(super) const fn index_below(&self, offset: usize, stride: usize, limit: usize) -> Option<usize> {
        let index = high_half(offset, self.reciprocal);
        if index >= limit || index.wrapping_mul(stride) != offset {
            return None;
        }
        Some(index)
    }
}

/// The high word of a product of two words.
#[inline(always)]
const fn high_half(a: usize, b: usize) -> usize {
    ((a as u128 * b as u128) >> usize::BITS) as usize
}
