//! How many bytes of the chip a request costs with each engine, against figures computed by hand and seen on chips.

use microusc_chips::{Caps, Chip, ChipHeap, Engine};
use rstest::rstest;

const BYTES: Caps = Caps::INTERNAL.union(Caps::B8);

/// A heap of `bytes` bytes in one region.
fn one_region_of(engine: Engine, bytes: usize) -> ChipHeap {
    let builder = ChipHeap::builder(Chip::Esp32C6).size("RAM0", bytes).size("RAM1", 0).size("RTCRAM", 0);
    builder.engine(engine).build().unwrap()
}

/// The same with the chip's own arithmetic.
fn one_region(bytes: usize) -> ChipHeap {
    one_region_of(Engine::default(), bytes)
}

fn count(heap: &mut ChipHeap, size: usize) -> usize {
    std::iter::from_fn(|| heap.malloc(size, BYTES)).count()
}

/// Region, first free payload after the heap structure (20 bytes), the control block (36, and 4 for each of
/// `levels * (classes + 1)`), the two ends (8), and ESP-IDF's entry for this one heap (36 and a header).
const REGIONS: [(usize, usize); 3] = [
    (0x2000, 0x2000 - 20 - (36 + 4 * 9 * 9) - 8 - 40),
    (0x2_CD90, 0x2_CD90 - 20 - (36 + 4 * 13 * 17) - 8 - 40),
    (0x6_ED30, 0x6_ED30 - 20 - (36 + 4 * 13 * 33) - 8 - 40),
];

#[rstest]
fn the_heap_takes_its_own_structures_off_the_region(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    for (region, payload) in REGIONS {
        let info = one_region_of(engine, region).info(BYTES);
        assert_eq!(info.total_free, payload + 8, "{region:#x}");
        assert_eq!((info.free_blocks, info.allocated_blocks), (1, 1));
    }
}

#[test]
fn as_many_blocks_fit_as_on_the_chip() {
    for (region, payload) in REGIONS {
        // Eight classes per power of two in a region of 8 KiB: 100 becomes 104. And 4 bytes of header each.
        let hundred = if region == 0x2000 { 108 } else { 104 };
        for (size, block) in [(1, 16), (12, 16), (13, 20), (16, 20), (17, 24), (100, hundred)] {
            assert_eq!(count(&mut one_region(region), size), (payload + 4) / block, "{size} in {region:#x}");
        }
    }
}

/// A FreeRTOS task control block of 376 bytes was seen to take 384 in one firmware and 376 in another: the size
/// classes are finer in regions above 256 KiB, and a block is cut to the class.
#[test]
fn blocks_are_cut_to_the_size_class_of_their_region() {
    for (region, size) in [(224_336, 384), (307_784, 376), (22_308, 384), (0x2000, 384)] {
        let mut heap = one_region(region);
        let block = heap.malloc(376, BYTES).unwrap();
        assert_eq!(heap.size_of(block), Some(size), "in {region} bytes");
    }
    let mut small = one_region(0x2000);
    let block = small.malloc(400, BYTES).unwrap();
    assert_eq!(small.size_of(block), Some(416), "steps of 32 bytes");
}

#[test]
fn a_remainder_below_sixteen_bytes_stays_with_the_block() {
    let mut heap = one_region(0x2000);
    let hole = heap.malloc(64, BYTES).unwrap();
    let wall = heap.malloc(64, BYTES).unwrap();
    heap.free(hole).unwrap();
    let snug = heap.malloc(52, BYTES).unwrap();
    assert_eq!((snug, heap.size_of(snug)), (hole, Some(64)));
    heap.free(snug).unwrap();
    let split = heap.malloc(48, BYTES).unwrap();
    assert_eq!((split, heap.size_of(split)), (hole, Some(48)));
    let rest = heap.malloc(12, BYTES).unwrap();
    let address = |p| heap.chip_address(p).unwrap();
    assert_eq!(address(rest), address(split) + 52);
    assert_eq!(address(wall), address(rest) + 16);
}

#[test]
fn an_aligned_block_gives_its_gap_back() {
    let mut heap = one_region(0x4000);
    let free = heap.info(BYTES).total_free;
    for align in [8, 16, 64, 256, 1024] {
        let block = heap.aligned_alloc(align, 100, BYTES).unwrap();
        assert_eq!(heap.chip_address(block).unwrap() as usize % align, 0);
        assert_eq!(block.addr().get() % align.max(16), 0, "host pointer");
        assert_eq!(heap.size_of(block), Some(100));
        assert_eq!(heap.info(BYTES).total_free, free - 104, "only the block is gone");
        heap.free(block).unwrap();
        assert_eq!(heap.info(BYTES).free_blocks, 1);
    }
}

#[rstest]
fn addresses_inside_a_block_follow_the_chip(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = one_region_of(engine, 0x8000);
    let (one, two) = (heap.malloc(100, BYTES).unwrap(), heap.malloc(100, BYTES).unwrap());
    let base = heap.chip_address(one).unwrap();
    assert_eq!(heap.chip_address(two), Some(base + 104));
    let inside = |n: usize| one.map_addr(|address| address.saturating_add(n));
    assert_eq!(heap.chip_address(inside(1)), Some(base + 1));
    assert_eq!(heap.chip_address(inside(99)), Some(base + 99));
    assert_eq!(heap.chip_address(inside(100)), None, "beyond the block");
    heap.free(one).unwrap();
    assert_eq!(heap.chip_address(inside(1)), None);
}

/// `rlsf` rounds to words only, and lets the gap of an aligned block go with the block.
#[test]
fn rlsf_blocks_take_whole_words_and_a_header() {
    let mut heap = one_region_of(Engine::Rlsf, 0x8000);
    let mut free = heap.info(BYTES).total_free;
    for (size, payload) in [(1, 12), (12, 12), (13, 16), (100, 100), (101, 104), (376, 376), (1001, 1004)] {
        let block = heap.malloc(size, BYTES).unwrap();
        free -= payload + 4;
        assert_eq!((heap.size_of(block), heap.info(BYTES).total_free), (Some(payload), free), "{size}");
    }
    let last = heap.malloc(20, BYTES).unwrap();
    let end = heap.chip_address(last).unwrap() as usize + 20;
    for align in [8, 64, 256, 1024] {
        let block = heap.aligned_alloc(align, 100, BYTES).unwrap();
        assert_eq!(heap.chip_address(block).unwrap() as usize, (end + 4).next_multiple_of(align));
        assert_eq!(block.addr().get() % align.max(16), 0, "host pointer");
        assert_eq!(heap.size_of(block), Some(100));
        let gap = (end + 4).next_multiple_of(align) - (end + 4);
        assert_eq!(heap.info(BYTES).total_free, free - 24 - 104 - gap, "{align}");
        assert_eq!(heap.info(BYTES).free_blocks, 1);
        heap.free(block).unwrap();
    }
}

/// Larger than any alignment that a pointer of the host shares with the chip's address.
#[rstest]
fn alignment_has_no_limit_but_the_region(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = ChipHeap::builder(Chip::Esp32C5).engine(engine).build().unwrap();
    for align in [0x2_0000, 0x10_0000, 0x20_0000] {
        let block = heap.aligned_alloc(align, 100, Caps::SPIRAM).unwrap();
        assert_eq!(heap.chip_address(block).unwrap() as usize % align, 0);
    }
    assert_eq!(heap.aligned_alloc(0x100_0000, 100, Caps::SPIRAM), None);
    assert_eq!(heap.aligned_alloc(0x4000_0000, 100, Caps::SPIRAM), None);
    heap.check_integrity().unwrap();
}

/// Two programs that share no code agree on how many equal blocks fit, for sizes that are a class's in both.
#[test]
fn both_engines_fit_as_many() {
    for (region, payload) in REGIONS {
        for size in [12, 16, 20, 104, 256] {
            let theirs = count(&mut one_region_of(Engine::Rlsf, region), size);
            assert_eq!(count(&mut one_region(region), size), theirs, "{size} in {region:#x}");
            assert_eq!(theirs, (payload + 4) / (size + 4), "{size} in {region:#x}");
        }
    }
}

/// The heap in ROM of the C6 has 32 classes and a list for each in every region, and cuts blocks to the request.
#[test]
fn the_heap_in_rom_does_not_round_up() {
    for (region, with_own) in REGIONS {
        let info = one_region_of(Engine::Rom, region).info(BYTES);
        assert_eq!(info.total_free, region - 20 - (20 + 4 * 13 * 33) - 40, "{region:#x}");
        assert_eq!(info.total_free < with_own, region < 0x4_0000, "{region:#x}");
    }
    let mut heap = one_region_of(Engine::Rom, 0x2_CD90);
    for size in [12, 20, 132, 376, 1004, 4000] {
        let block = heap.malloc(size, BYTES).unwrap();
        assert_eq!(heap.size_of(block), Some(size));
    }
    heap.check_integrity().unwrap();
}

/// The heaps in the ROMs of C5 and C61 have the lists of ESP-IDF's own.
#[test]
fn the_later_heaps_in_rom_have_classes_by_the_size_of_the_region() {
    let heap = |engine| ChipHeap::builder(Chip::Esp32C61).engine(engine).build().unwrap();
    assert_eq!(heap(Engine::Rom).info(BYTES), heap(Engine::Espressif).info(BYTES));
    let size = |engine| {
        let mut heap = heap(engine);
        let block = heap.malloc(376, BYTES).unwrap();
        heap.size_of(block)
    };
    assert_eq!((size(Engine::Rom), size(Engine::Espressif)), (Some(376), Some(384)));
}

/// The difference that matters: on the chip a freed block serves the same request again, whatever its size. In ROM
/// only if its size begins a class, with `rlsf` only if it does so with the header.
#[test]
fn a_freed_block_serves_its_size_again() {
    let reused = |engine, size| {
        let mut heap = one_region_of(engine, 0x8000);
        let mut blocks: Vec<_> = std::iter::from_fn(|| heap.malloc(size, BYTES)).collect();
        heap.free(blocks.swap_remove(1)).unwrap();
        heap.malloc(size, BYTES).is_some()
    };
    assert!((16..2000).all(|size| reused(Engine::Espressif, size)));
    assert!((16..=252).all(|size| reused(Engine::Rlsf, size)));
    assert!((16..=256).all(|size| reused(Engine::Rom, size)));
    assert!(!reused(Engine::Rom, 260) && reused(Engine::Rom, 264) && !reused(Engine::Rom, 1000 + 4));
    assert!(!reused(Engine::Rlsf, 256) && reused(Engine::Rlsf, 260) && !reused(Engine::Rlsf, 1000));
}
