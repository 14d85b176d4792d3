//! Retained pools: memory of any content, or memory of a pool with damage; then the model of a pool.
#![no_main]

use libfuzzer_sys::fuzz_target;
use microusc_retained::Found;
use microusc_testkit::PoolModel;
use microusc_testkit::retained::Retained;

const BLOCKS: usize = 19;
/// Bytes of header and map.
const HEADER_AND_MAP: usize = 4 * (6 + 2);

fuzz_target!(|data: &[u8]| {
    let Some((&[kind, length], rest)) = data.split_first_chunk::<2>() else { return };
    let (content, program) = rest.split_at(rest.len().min(length as usize));
    let mut pool =
        if kind % 2 == 0 { Retained::over(content, 24, BLOCKS).0 } else { damaged(kind, content) };

    // Whatever was found, no block is allocated twice, and every block can be freed.
    let mut live: Vec<_> = pool.pool().live().collect();
    while let Ok(block) = pool.pool().alloc() {
        let index = pool.pool().index_of(block.as_ptr()).unwrap();
        assert!(!live.contains(&index), "block {index} has two owners");
        live.push(index);
    }
    assert_eq!(live.len(), BLOCKS);
    for index in live {
        let block = pool.pool().address_of(index).unwrap();
        // SAFETY: a live block of this program.
        unsafe { pool.pool().free(block.as_ptr()) }.unwrap();
    }
    pool.forget();
    PoolModel::check(pool, program).unwrap();
});

/// A pool with some live blocks, started again after bytes of its header and map were changed.
fn damaged(kind: u8, changes: &[u8]) -> Retained {
    let (mut pool, _) = Retained::over(&[], 24, BLOCKS);
    let in_use = kind as usize / 2 % BLOCKS;
    for _ in 0..in_use {
        pool.pool().alloc().unwrap();
    }
    let mut flipped = [0u32; HEADER_AND_MAP / 4];
    for change in changes.chunks_exact(2) {
        let at = change[0] as usize % HEADER_AND_MAP;
        flipped[at / 4] ^= u32::from(change[1]) << (at % 4 * 8);
    }
    pool.damage(&flipped);
    let found = pool.start();
    match flipped.iter().map(|bits| bits.count_ones()).max() {
        Some(0) => assert_eq!(found, Found::Intact { live: in_use }),
        Some(1..4) => assert!(matches!(found, Found::Formatted(_)), "{flipped:x?}: {found:?}"),
        _ => {} // More than the checksum of a word promises to find.
    }
    pool
}
