//! How many bytes of the chip a request costs, against figures computed by hand, seen on chips, and found by another
//! TLSF.

use std::alloc::Layout;
use std::mem::MaybeUninit;

use microusc_chips::{Caps, Chip, ChipHeap};
use rlsf::Tlsf;

const BYTES: Caps = Caps::INTERNAL.union(Caps::B8);

/// A heap of `bytes` bytes in one region.
fn one_region(bytes: usize) -> ChipHeap {
    ChipHeap::builder(Chip::Esp32C6).size("RAM0", bytes).size("RAM1", 0).size("RTCRAM", 0).build().unwrap()
}

fn count(heap: &mut ChipHeap, size: usize) -> usize {
    std::iter::from_fn(|| heap.malloc(size, BYTES)).count()
}

/// Region, first free payload after the heap structure (20 bytes), the control block (36, and 4 for each of
/// `levels * (classes + 1)`), and the two ends (8).
const REGIONS: [(usize, usize); 3] = [
    (0x2000, 0x2000 - 20 - (36 + 4 * 9 * 9) - 8),
    (0x2_CD90, 0x2_CD90 - 20 - (36 + 4 * 13 * 17) - 8),
    (0x6_ED30, 0x6_ED30 - 20 - (36 + 4 * 13 * 33) - 8),
];

#[test]
fn the_heap_takes_its_own_structures_off_the_region() {
    for (region, payload) in REGIONS {
        let info = one_region(region).info(BYTES);
        assert_eq!(info.total_free, payload + 8, "{region:#x}");
        assert_eq!((info.free_blocks, info.allocated_blocks), (1, 0));
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

#[test]
fn addresses_inside_a_block_follow_the_chip() {
    let mut heap = one_region(0x8000);
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

/// The 64-bit `rlsf` has 16-byte headers and 32-byte steps: everything is eight times the chip's 4 and 4, except that
/// it keeps remainders of any size. Filling a region with equal blocks must therefore give the same count.
#[test]
fn another_tlsf_fits_as_many() {
    for (region, payload) in REGIONS {
        for size in [12, 16, 20, 104, 256] {
            let mut memory = vec![MaybeUninit::<u8>::uninit(); (payload + 4) * 8 + 32 + 31];
            let skip = memory.as_ptr().align_offset(32);
            let mut tlsf: Tlsf<'_, u32, u64, 20, 64> = Tlsf::new();
            let _ = tlsf.insert_free_block(&mut memory[skip..][..(payload + 4) * 8 + 32]);
            let layout = Layout::from_size_align((size + 4) * 8 - 16, 16).unwrap();
            let theirs = std::iter::from_fn(|| tlsf.allocate(layout)).count();
            assert_eq!(count(&mut one_region(region), size), theirs, "{size} in {region:#x}");
        }
    }
}
