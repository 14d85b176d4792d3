//! What handles, snapshots and errors look like in a log.
#![cfg(not(any(loom, shuttle)))]

use microusc_pool::{AllocSlice, Error, Pool, PoolArc, Rejected, Shared, SpinLock};

#[test]
fn handle_is_formatted_as_its_value() {
    static BOXES: Pool<[u8; 2], 1, SpinLock> = Pool::new();
    static SHARED: Pool<Shared<[u8; 2]>, 1, SpinLock> = Pool::new();
    static VECTORS: Pool<[u8; 2], 1, SpinLock> = Pool::new();
    assert_eq!(format!("{:?}", BOXES.alloc([1, 2]).unwrap()), "[1, 2]");
    let mut vector = VECTORS.alloc_vec(2).unwrap();
    vector.push(5u8).unwrap();
    assert_eq!(format!("{vector:?}"), "[5]");
    assert_eq!(format!("{:?}", PoolArc::new(SHARED.alloc(Shared::new([3, 4])).unwrap())), "[3, 4]");
}

#[test]
fn stats_are_formatted_as_a_bar_and_numbers() {
    static POOL: Pool<[u8; 32], 12, SpinLock> = Pool::new();
    let shown = || POOL.stats().to_string();
    let numbers = "blocks of 32 B used";
    assert!(shown().starts_with(&format!("[............] 0 of 12 {numbers}, lowest free 12, exhausted 0")));
    let mut held = vec![POOL.alloc([0; 32]).unwrap()];
    assert!(shown().starts_with(&format!("[#...........] 1 of 12 {numbers}, lowest free 11")), "one is seen");
    while let Ok(block) = POOL.alloc([0; 32]) {
        held.push(block);
    }
    drop(held.split_off(6));
    assert_eq!(
        shown(),
        "[######......] 6 of 12 blocks of 32 B used, lowest free 0, exhausted 1, refused 0, damaged 0"
    );
}

#[test]
fn each_cell_of_the_bar_is_a_twelfth_of_the_capacity() {
    static POOL: Pool<[u8; 32], 4, SpinLock> = Pool::new();
    for capacity in 1..40 {
        for used in 0..=capacity {
            let mut stats = POOL.stats();
            (stats.capacity, stats.free) = (capacity, capacity - used);
            let filled = (0..12).filter(|cell| used > capacity * cell / 12).count();
            let bar = format!("[{}{}] {used} of {capacity} ", "#".repeat(filled), ".".repeat(12 - filled));
            assert!(stats.to_string().starts_with(&bar), "{stats}");
        }
    }
}

/// The numbers are public, and may be changed on the way to a log.
#[test]
fn stats_of_any_numbers_are_formatted() {
    static POOL: Pool<[u8; 32], 4, SpinLock> = Pool::new();
    for (capacity, free, bar) in [
        (0, 0, "[............] 0 of 0"),
        (0, 7, "[............] 0 of 0"),
        (4, 0, "[############] 4 of 4"),
        (usize::MAX, usize::MAX, "[............] 0 of"),
        (usize::MAX, usize::MAX / 2, "[######"),
        (usize::MAX, 0, "[############] "),
    ] {
        let mut stats = POOL.stats();
        (stats.capacity, stats.free) = (capacity, free);
        assert!(stats.to_string().starts_with(bar), "{stats}");
    }
}

#[test]
fn error_is_formatted_as_its_message() {
    let rejected = Rejected { error: Error::Exhausted, value: "not shown" };
    assert_eq!(rejected.to_string(), Error::Exhausted.message());
    assert_eq!(Error::Exhausted.to_string(), Error::Exhausted.message());
    assert_ne!(Error::DoubleFree.message(), Error::NotABlock.message());
}
