//! The heap as a program sees it: where requests go, what is refused, what fails and why.

use std::ptr::NonNull;

use microusc_chips::{Caps, Chip, ChipHeap};

const BYTES: Caps = Caps::INTERNAL.union(Caps::B8);

fn heap(chip: Chip) -> ChipHeap {
    ChipHeap::new(chip).unwrap()
}

/// Allocates until it fails; the pointers.
fn fill(heap: &mut ChipHeap, size: usize, caps: Caps) -> Vec<NonNull<u8>> {
    std::iter::from_fn(|| heap.malloc(size, caps)).collect()
}

/// The names of the regions that serve `caps`, in the order in which they are used up.
fn order(chip: Chip, caps: Caps) -> Vec<&'static str> {
    let mut heap = heap(chip);
    let mut names: Vec<_> =
        fill(&mut heap, 512, caps).into_iter().map(|p| heap.region_of(p).unwrap().name).collect();
    names.dedup();
    names
}

#[test]
fn esp32_tries_regions_by_priority_then_size() {
    assert_eq!(order(Chip::Esp32, BYTES), ["DRAM0", "DRAM1", "DIRAM0", "DIRAM1"]);
    assert_eq!(order(Chip::Esp32, Caps::DMA), ["DRAM0", "DIRAM0", "DIRAM1", "DRAM1"]);
    assert_eq!(
        order(Chip::Esp32, Caps::B32 | Caps::INTERNAL),
        ["IRAM", "DRAM0", "DIRAM0", "DIRAM1", "DRAM1"]
    );
    assert_eq!(order(Chip::Esp32, Caps::EXEC), ["IRAM", "DIRAM0", "DIRAM1"]);
    assert_eq!(order(Chip::Esp32, Caps::SPIRAM | Caps::B8), ["PSRAM"]);
    assert_eq!(order(Chip::Esp32, Caps::B8), ["DRAM0", "DRAM1", "DIRAM0", "DIRAM1", "PSRAM"]);
}
