//! From an offset to an index on cores that rotate a word in an instruction or two: most.
//!
//! With `stride = odd << shift`, let `inverse` be the number for which `odd * inverse = 1` modulo 2^W (W bits in a word).
//! Multiplying by an odd number and rotating are both one-to-one on words, so
//!
//! ```text
//!  index = rotate_right(offset * inverse, shift)
//! ```
//!
//! sends each word to a different word, and sends `i * stride` to `i`. Hence it is below the capacity **exactly** when
//! `offset` is one of `0, stride, 2 * stride, …, (capacity - 1) * stride`. No high half of a product is needed, which
//! small cores do not have.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(super) struct Divider {
    inverse: usize,
    shift: u32,
}

impl Divider {
    pub(super) const fn new(stride: usize) -> Self {
        let shift = stride.trailing_zeros();
        Self { inverse: inverse_of_odd(stride >> shift), shift }
    }

    /// The index of the block that starts at `offset`, if that is below `limit`, which is at most the capacity.
    #[inline(always)]
    pub(super) const fn index_below(&self, offset: usize, _stride: usize, limit: usize) -> Option<usize> {
        let index = offset.wrapping_mul(self.inverse).rotate_right(self.shift);
        if index < limit { Some(index) } else { None }
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
