//! Geometry of a pool: block size, alignment and count to stride, bytes and index. Pure arithmetic.

use crate::Error;

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
/// With `stride = odd << shift`, let `inverse` be the number for which `odd * inverse = 1` modulo 2^W (W bits in
/// a word). Multiplying by an odd number and rotating are both one-to-one on words, so
///
/// ```text
///  index_of(offset) = rotate_right(offset * inverse, shift)
/// ```
///
/// sends each word to a different word, and sends `i * stride` to `i`. Hence `index_of(offset) < capacity`
/// **exactly** when `offset` is one of `0, stride, 2 * stride, …, (capacity - 1) * stride`: range, stride and
/// alignment (addresses below the base, too) in one comparison.
///
/// ```
/// use microusc_pool::Geometry;
///
/// let g = Geometry::new(30, 4, 10)?; // 30-byte blocks are laid out at a stride that keeps links aligned
/// assert_eq!(g.stride() % align_of::<usize>(), 0);
/// assert_eq!(g.index_of(3 * g.stride()), 3);
/// assert!(g.index_of(3 * g.stride() + 4) >= g.capacity()); // interior
/// assert!(g.index_of(0usize.wrapping_sub(g.stride())) >= g.capacity()); // before the pool
/// # Ok::<(), microusc_pool::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Geometry {
    stride: usize,
    capacity: usize,
    inverse: usize,
    shift: u32,
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
        let shift = stride.trailing_zeros();
        Ok(Self { stride, capacity, inverse: inverse_of_odd(stride >> shift), shift })
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

    /// Bytes from one block to the next: what each block may use.
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

    /// The index of the block that starts `offset` bytes after the base, or a number not below
    /// [`capacity`](Self::capacity) when none does. Takes any word, also one that wrapped below zero.
    #[inline(always)]
    pub const fn index_of(&self, offset: usize) -> usize {
        offset.wrapping_mul(self.inverse).rotate_right(self.shift)
    }
}

/// The inverse of an odd number modulo 2^W by Newton's iteration: each round doubles the number of right bits.
const fn inverse_of_odd(odd: usize) -> usize {
    // An odd number is its own inverse modulo 8: three bits to begin with, 3 * 2^5 = 96 in the end.
    let mut inverse = odd;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2usize.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

#[cfg(test)]
mod tests;
