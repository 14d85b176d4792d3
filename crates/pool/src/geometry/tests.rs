extern crate std;

use super::*;
use proptest::prelude::*;

#[test]
fn block_smaller_than_a_pointer_is_refused() {
    for size in 0..LINK_BYTES {
        assert_eq!(Geometry::new(size, 1, 4), Err(Error::BlockTooSmall));
    }
}

#[test]
fn zero_blocks_and_impossible_alignments_are_refused() {
    assert_eq!(Geometry::new(32, 4, 0), Err(Error::NoBlocks));
    assert_eq!(Geometry::new(32, 0, 4), Err(Error::BadAlignment));
    assert_eq!(Geometry::new(32, 12, 4), Err(Error::BadAlignment));
}

#[test]
fn sizes_whose_products_or_sums_wrap_are_refused() {
    let quarter = 1usize << (usize::BITS - 2);
    assert_eq!(Geometry::new(quarter + 1, 4, 4), Err(Error::TooLarge));
    assert_eq!(Geometry::new(usize::MAX, 4, 1), Err(Error::TooLarge));
    assert_eq!(Geometry::new(usize::MAX - 3, 64, 1), Err(Error::TooLarge));
    assert_eq!(Geometry::new(LINK_BYTES, 1, usize::MAX), Err(Error::TooLarge));
    assert_eq!(Geometry::new(16, 16, isize::MAX as usize), Err(Error::TooLarge));
}

proptest! {
    #[test]
    fn index_of_is_exact_at_every_address(
        size in LINK_BYTES..5000usize,
        align_log in 0u32..8,
        capacity in 1usize..3000,
        offset: usize,
        block in 0..3000usize,
    ) {
        let g = Geometry::new(size, 1 << align_log, capacity).unwrap();
        prop_assert!(g.stride() >= size && g.stride().is_multiple_of(1 << align_log));
        prop_assert!(g.stride() < size + (1 << align_log).max(LINK_BYTES));
        // The reference: what a division would say, for random words, for words near the pool, and for starts of blocks.
        let start = block % (capacity + 1) * g.stride();
        for offset in [
            offset,
            offset % (g.bytes() + g.stride()),
            0usize.wrapping_sub(offset % 4096),
            start,
            start + 1,
            g.bytes() - g.stride(),
        ] {
            let divided = (offset.is_multiple_of(g.stride()) && offset < g.bytes()).then(|| offset / g.stride());
            prop_assert_eq!(g.index_of(offset), divided);
            let (stride, limit) = (g.stride(), capacity / 2);
            let below = divided.filter(|&index| index < limit);
            // Both ways, whichever this machine uses.
            let (rotation, reciprocal) = (rotation::Divider::new(stride), reciprocal::Divider::new(stride));
            prop_assert_eq!(rotation.index_below(offset, stride, limit), below);
            prop_assert_eq!(reciprocal.index_below(offset, stride, limit), below);
        }
    }
}
