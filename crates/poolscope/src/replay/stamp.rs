//! The mark of its owner in the first and the last word of a live block.

use std::ptr::NonNull;

/// What slot `slot` writes: different for every slot, and unlike small numbers and addresses.
fn stamp(slot: u32) -> u32 {
    slot ^ 0xA5C3_0F96
}

fn words(block: NonNull<u8>, bytes: u32) -> [*mut u32; 2] {
    let first = block.as_ptr().cast::<u32>();
    // The word that ends with the last byte, if the block is of whole words; every block of an allocator here is.
    [first, first.wrapping_add((bytes as usize / size_of::<u32>()).saturating_sub(1))]
}

/// Marks `block` as that of `slot`.
///
/// # Safety
///
/// `block` is a live block of at least `bytes` bytes and at least one word, aligned to a word, and the caller's.
#[inline]
pub(super) unsafe fn write(block: NonNull<u8>, bytes: u32, slot: u32) {
    for word in words(block, bytes) {
        // SAFETY: inside the block, as the caller promises.
        unsafe { word.write(stamp(slot)) };
    }
}

/// Whether the mark of `slot` is still in `block`.
///
/// # Safety
///
/// As [`fn@write`], which was called for the block.
#[inline]
pub(super) unsafe fn holds(block: NonNull<u8>, bytes: u32, slot: u32) -> bool {
    // SAFETY: inside the block, as the caller promises.
    words(block, bytes).into_iter().all(|word| unsafe { word.read() } == stamp(slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_end_gives_it_away() {
        let mut memory = [0_u32; 4];
        let block = NonNull::new(memory.as_mut_ptr().cast::<u8>()).unwrap();
        for (bytes, last) in [(16, 3), (8, 1), (4, 0)] {
            for changed in [0, last] {
                // SAFETY: a local array of 16 bytes.
                unsafe {
                    write(block, bytes, 7);
                    assert!(holds(block, bytes, 7) && !holds(block, bytes, 8));
                    let word = block.cast::<u32>().add(changed);
                    word.write(word.read() ^ 1);
                    assert!(!holds(block, bytes, 7));
                }
            }
        }
    }
}
