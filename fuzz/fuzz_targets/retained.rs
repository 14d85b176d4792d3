//! Retained pools: memory of any content, memory of a pool that was written to, and then the shadow model.
#![no_main]

#[path = "../../crates/retained/tests/subjects/mod.rs"]
mod subjects;

use libfuzzer_sys::fuzz_target;
use microusc_fuzz::judge;
use microusc_retained::Found;
use subjects::Retained;

const BLOCKS: usize = 19;
/// Bytes of the header and the map.
const BOOKS: usize = 4 * (6 + 2);

fuzz_target!(|data: &[u8]| {
    let Some((&[kind, length], rest)) = data.split_first_chunk::<2>() else { return };
    let (content, program) = rest.split_at(rest.len().min(length as usize));
    let mut subject =
        if kind % 2 == 0 { Retained::over(content, 24, BLOCKS).0 } else { damaged(kind, content) };

    // Whatever was found: no block twice, and every one of them comes back.
    let mut taken: Vec<_> = subject.pool().live().collect();
    while let Ok(block) = subject.pool().alloc() {
        let index = subject.pool().index_of(block.as_ptr()).unwrap();
        assert!(!taken.contains(&index), "block {index} has two owners");
        taken.push(index);
    }
    assert_eq!(taken.len(), BLOCKS);
    for index in taken {
        let block = subject.pool().address_of(index).unwrap();
        // SAFETY: in use, and ours.
        unsafe { subject.pool().free(block.as_ptr()) }.unwrap();
    }
    subject.forget();
    judge(subject, program);
});

/// A pool with some blocks in use, found again after bytes of its books were changed.
fn damaged(kind: u8, changes: &[u8]) -> Retained {
    let (mut subject, _) = Retained::over(&[], 24, BLOCKS);
    let in_use = kind as usize / 2 % BLOCKS;
    for _ in 0..in_use {
        subject.pool().alloc().unwrap();
    }
    let mut flipped = [0u32; BOOKS / 4];
    for change in changes.chunks_exact(2) {
        let at = change[0] as usize % BOOKS;
        flipped[at / 4] ^= u32::from(change[1]) << (at % 4 * 8);
    }
    subject.damage(&flipped);
    let found = subject.start();
    match flipped.iter().map(|bits| bits.count_ones()).max() {
        Some(0) => assert_eq!(found, Found::Intact { live: in_use }),
        Some(1..4) => assert!(matches!(found, Found::Formatted(_)), "{flipped:x?}: {found:?}"),
        _ => {} // more than the checksum of a word promises to find
    }
    subject
}
