//! Geometry of a pool: stride, bytes and index from block size, alignment and count. Pure arithmetic.

use crate::Error;

#[cfg(any(test, target_arch = "riscv32", target_arch = "riscv64"))]
mod reciprocal;
#[cfg(any(test, not(any(target_arch = "riscv32", target_arch = "riscv64"))))]
mod rotation;

#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
use reciprocal::Divider;
#[cfg(not(any(target_arch = "riscv32", target_arch = "riscv64")))]
use rotation::Divider;

/// Bytes that a free block needs for its link, and the least alignment of a block.
pub const LINK_BYTES: usize = size_of::<usize>();

/// How a pool's memory is cut into blocks.
///
/// ```text
///  base                 base + stride                          base + capacity * stride
///   |<---- block 0 ----->|<---- block 1 ----->|  ...           |
///   [ block_size | pad ] [ block_size | pad ]
/// ```
///
/// # From an address to an index without a division
///
/// [`index_of`](Self::index_of) gives an index **exactly** when the offset is one of
/// `0, stride, 2 * stride, …, (capacity - 1) * stride`: range, stride and alignment (addresses below the base, too) are
/// checked together, by multiplications. There are two methods, each with its proof: `geometry/rotation.rs`, and for
/// RISC-V `geometry/reciprocal.rs`.
///
/// ```
/// use microusc_pool::Geometry;
///
/// let g = Geometry::new(30, 4, 10)?; // 30-byte blocks are laid out at a stride that keeps links aligned
/// assert_eq!(g.stride() % align_of::<usize>(), 0);
/// assert_eq!(g.index_of(3 * g.stride()), Some(3));
/// assert_eq!(g.index_of(3 * g.stride() + 4), None); // interior
/// assert_eq!(g.index_of(0usize.wrapping_sub(g.stride())), None); // before the pool
/// # Ok::<(), microusc_pool::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Geometry {
    stride: usize,
    capacity: usize,
    divider: Divider,
}

impl Geometry {
    /// Lays out `capacity` blocks of at least `block_size` bytes, each aligned to `align` bytes and to a pointer.
    ///
    /// Cost: O(1). Context: any, and in constants.
    ///
    /// # Errors
    ///
    /// [`Error::BlockTooSmall`], [`Error::NoBlocks`], [`Error::BadAlignment`], and [`Error::TooLarge`] for every
    /// product or sum that does not fit `isize`.
    pub const fn new(block_size: usize, align: usize, capacity: usize) -> Result<Self, Error> {
        if block_size < LINK_BYTES {
            return Err(Error::BlockTooSmall);
        }
        if capacity == 0 {
            return Err(Error::NoBlocks);
        }
        let stride = match Self::stride_for(block_size, align) {
            Ok(stride) => stride,
            Err(error) => return Err(error),
        };
        match stride.checked_mul(capacity) {
            Some(bytes) if bytes <= isize::MAX as usize => {}
            _ => return Err(Error::TooLarge),
        }
        Ok(Self { stride, capacity, divider: Divider::new(stride) })
    }

    /// The distance between blocks, in bytes: `block_size` rounded up to `align` and to a pointer's alignment.
    ///
    /// # Errors
    ///
    /// [`Error::BadAlignment`] and [`Error::TooLarge`].
    pub const fn stride_for(block_size: usize, align: usize) -> Result<usize, Error> {
        if !align.is_power_of_two() {
            return Err(Error::BadAlignment);
        }
        let align = if align < LINK_BYTES { LINK_BYTES } else { align };
        match block_size.checked_add(align - 1) {
            Some(padded) => Ok(padded & !(align - 1)),
            None => Err(Error::TooLarge),
        }
    }

    /// Bytes from one block to the next: the bytes of each block that its owner may use.
    pub const fn stride(&self) -> usize {
        self.stride
    }

    /// Number of blocks.
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Bytes of all blocks together.
    pub const fn bytes(&self) -> usize {
        self.stride * self.capacity
    }

    /// The index of the block that starts `offset` bytes after the base; `None` if none does. `offset` may be any word, also
    /// one that wrapped below zero. O(1).
    #[inline(always)]
    pub const fn index_of(&self, offset: usize) -> Option<usize> {
        self.index_below(offset, self.capacity)
    }

    /// As [`index_of`](Self::index_of), for the first `limit` blocks only; `limit` is at most the capacity. O(1).
    #[inline(always)]
    pub(crate) const fn index_below(&self, offset: usize, limit: usize) -> Option<usize> {
        self.divider.index_below(offset, self.stride, limit)
    }
}

#[cfg(test)]
mod tests;
