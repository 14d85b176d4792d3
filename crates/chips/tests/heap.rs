//! The heap as a program sees it: where requests go, what is refused, what fails and why.

use std::ptr::NonNull;

use microusc_chips::{BuildError, Caps, Chip, ChipHeap, FailReason, FreeError, HeapInfo, Kind, Refusal};

const BYTES: Caps = Caps::INTERNAL.union(Caps::B8);

fn heap(chip: Chip) -> ChipHeap {
    ChipHeap::new(chip).unwrap()
}

/// A heap of `bytes` bytes in one region.
fn one_region(bytes: usize) -> ChipHeap {
    ChipHeap::builder(Chip::Esp32C2).size("RAM0", bytes).size("RAM1", 0).build().unwrap()
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
    let words = ["IRAM", "DRAM0", "DIRAM0", "DIRAM1", "DRAM1"];
    assert_eq!(order(Chip::Esp32, Caps::B32 | Caps::INTERNAL), words);
    assert_eq!(order(Chip::Esp32, Caps::EXEC), ["IRAM", "DIRAM0", "DIRAM1"]);
    assert_eq!(order(Chip::Esp32, Caps::SPIRAM | Caps::B8), ["PSRAM"]);
    assert_eq!(order(Chip::Esp32, Caps::B8), ["DRAM0", "DRAM1", "DIRAM0", "DIRAM1", "PSRAM"]);
}

#[test]
fn low_power_ram_and_psram_come_last() {
    assert_eq!(order(Chip::Esp32S2, BYTES), ["RAM1", "RAM0", "RTCRAM"]);
    assert_eq!(order(Chip::Esp32S3, BYTES), ["RAM1", "RAM0", "DRAM", "RTCRAM"]);
    assert_eq!(order(Chip::Esp32S3, Caps::B8), ["RAM1", "RAM0", "DRAM", "RTCRAM", "PSRAM"]);
    assert_eq!(order(Chip::Esp32C3, BYTES), ["RAM", "RETENTION1", "RETENTION0", "RTCRAM"]);
    assert_eq!(order(Chip::Esp32P4, BYTES), ["RAM0", "RETENTION", "RAM1", "TCM", "RTCRAM"]);
    assert_eq!(order(Chip::Esp8266, Caps::B32), ["IRAM", "DRAM"]);
}

#[test]
fn internal_bytes_are_never_psram_nor_word_only() {
    for chip in Chip::ALL {
        let mut heap = heap(chip);
        for pointer in fill(&mut heap, 200, BYTES) {
            let region = heap.region_of(pointer).unwrap();
            assert!(!matches!(region.kind, Kind::Psram | Kind::Iram), "{chip}: {}", region.name);
        }
    }
}

#[test]
fn executable_memory_is_words_only() {
    let mut heap = heap(Chip::Esp32);
    for caps in [Caps::EXEC | Caps::B8, Caps::EXEC | Caps::DMA] {
        assert_eq!(heap.malloc(16, caps), None);
        assert_eq!(heap.why_failed(16, caps), Some(FailReason::Refused(Refusal::ExecutableData)));
    }
    // Behind the instruction address of shared RAM, a word remembers the data address.
    let mut alone = ChipHeap::builder(Chip::Esp32).size("IRAM", 0).build().unwrap();
    let block = alone.malloc(64, Caps::EXEC).unwrap();
    assert_eq!(alone.size_of(block), Some(72), "64 and the word, in steps of 8");
    let blocks = fill(&mut alone, 12, Caps::EXEC);
    alone.free(*blocks.last().unwrap()).unwrap();
    alone.malloc(12, Caps::EXEC).unwrap();
    assert!(alone.why_failed(12, Caps::EXEC).is_some());
}

#[test]
fn dma_buffers_fill_whole_cache_lines_where_the_chip_needs_it() {
    let dma = Caps::DMA | Caps::INTERNAL | Caps::B8;
    let external = Caps::DMA | Caps::SPIRAM;
    for (chip, caps, line) in [
        (Chip::Esp32C6, dma, 4),
        (Chip::Esp32P4, dma, 64),
        (Chip::Esp32P4, external, 64),
        (Chip::Esp32S3, external, 32),
        (Chip::Esp32S3, Caps::SPIRAM | Caps::CACHE_ALIGNED, 32),
        (Chip::Esp32S3, Caps::SIMD | Caps::INTERNAL, 16),
    ] {
        let mut heap = heap(chip);
        for _ in 0..20 {
            let pointer = heap.malloc(5, caps).unwrap();
            assert_eq!(heap.chip_address(pointer).unwrap() % line, 0, "{chip} {caps}");
            assert!(heap.size_of(pointer).unwrap() >= (line as usize).max(12), "{chip} {caps}");
            assert_eq!(pointer.addr().get() % (line as usize).max(16), 0, "host pointer on {chip}");
        }
    }
}

#[test]
fn dma_from_psram_is_refused_where_the_chip_cannot() {
    let caps = Caps::DMA | Caps::SPIRAM;
    assert_eq!(heap(Chip::Esp32).malloc(64, caps), None);
    let reason = heap(Chip::Esp32).why_failed(64, caps);
    assert_eq!(reason, Some(FailReason::Refused(Refusal::DmaFromPsram)));
    assert_eq!(heap(Chip::Esp32S3).why_failed(64, caps), None);
    let descriptors = Caps::DMA_DESC_AHB | Caps::SPIRAM;
    assert!(matches!(heap(Chip::Esp32S3).why_failed(64, descriptors), Some(FailReason::NoSuchRegion { .. })));
}

#[test]
fn psram_is_missing_on_chips_without_it() {
    for chip in [Chip::Esp8266, Chip::Esp32C3, Chip::Esp32H2] {
        assert_eq!(heap(chip).malloc(16, Caps::SPIRAM), None);
        let reason = heap(chip).why_failed(16, Caps::SPIRAM).unwrap();
        assert_eq!(reason, FailReason::NoSuchRegion { caps: Caps::SPIRAM });
        assert_eq!(reason.to_string(), "no memory of this chip is SPIRAM");
    }
    let bare = ChipHeap::builder(Chip::Esp32).psram(0).build().unwrap();
    assert!(matches!(bare.why_failed(16, Caps::SPIRAM), Some(FailReason::NoSuchRegion { .. })));
}

#[test]
fn plain_malloc_is_internal_unless_psram_is_allowed() {
    let kind = |heap: &ChipHeap, p| heap.region_of(p).unwrap().kind;
    let mut internal = heap(Chip::Esp32);
    let all: Vec<_> = std::iter::from_fn(|| internal.malloc_default(4096)).collect();
    assert!(all.len() > 60 && all.iter().all(|p| kind(&internal, *p) != Kind::Psram));

    let mut both = ChipHeap::builder(Chip::Esp32).malloc_internal_up_to(1000).build().unwrap();
    let (small, large) = (both.malloc_default(1000).unwrap(), both.malloc_default(1001).unwrap());
    assert_eq!((kind(&both, small), kind(&both, large)), (Kind::Dram, Kind::Psram));
    let small: Vec<_> = (0..400).filter_map(|_| both.malloc_default(1000)).collect();
    assert!(small.iter().any(|p| kind(&both, *p) == Kind::Psram), "PSRAM when internal RAM is used up");
}

#[test]
fn wrong_pointers_are_refused_and_harm_nothing() {
    let mut heap = heap(Chip::Esp32C6);
    let blocks: Vec<_> = (0..4).map(|_| heap.malloc(100, BYTES).unwrap()).collect();
    heap.free(blocks[1]).unwrap();
    let before = heap.info(Caps::empty());

    let double = heap.free(blocks[1]).unwrap_err();
    assert!(matches!(double, FreeError::NotAllocated { .. }), "{double}");
    for distance in [1, 4, 16, 99] {
        let inside = blocks[2].map_addr(|address| address.saturating_add(distance));
        let error = heap.free(inside).unwrap_err();
        let block = heap.chip_address(blocks[2]).unwrap();
        let address = block + distance as u32;
        assert_eq!(error, FreeError::Interior { region: "RAM1", address, block }, "{distance}");
    }
    let mut local = 0u8;
    assert_eq!(heap.free(NonNull::from(&mut local)), Err(FreeError::OutsideHeap));
    assert_eq!(heap.size_of(NonNull::from(&mut local)), None);
    assert_eq!(heap.info(Caps::empty()), before);
    heap.check_integrity().unwrap();
}

#[test]
fn a_forged_header_in_a_block_does_not_make_a_block() {
    let mut heap = heap(Chip::Esp32C6);
    let block = heap.malloc(64, BYTES).unwrap();
    // SAFETY: the block has 64 bytes.
    unsafe { block.write_bytes(0xFF, 64) };
    let inside = block.map_addr(|address| address.saturating_add(16));
    assert!(matches!(heap.free(inside), Err(FreeError::Interior { .. })));
    heap.free(block).unwrap();
    assert!(matches!(heap.free(inside), Err(FreeError::NotAllocated { .. })));
    heap.check_integrity().unwrap();
}

#[test]
fn exhaustion_and_fragmentation_are_told_apart() {
    let mut heap = one_region(0x8000);
    let limit = heap.info(Caps::empty()).largest_free_block;
    let blocks = fill(&mut heap, 256, BYTES);
    let HeapInfo { total_free, .. } = heap.info(BYTES);
    assert_eq!(heap.why_failed(1000, BYTES), Some(FailReason::Exhausted { free: total_free }));

    // The last block stays, as it would merge with what is left of the region.
    for block in blocks[..blocks.len() - 1].iter().step_by(2) {
        heap.free(*block).unwrap();
    }
    let info = heap.info(BYTES);
    assert_eq!(info.largest_free_block, 256, "no two free blocks touch");
    assert!(info.total_free > 15_000);
    let reason = heap.why_failed(1000, BYTES).unwrap();
    assert_eq!(reason, FailReason::Fragmented { free: info.total_free, largest: 256 });
    assert!(reason.to_string().contains("fragmented"));
    assert_eq!(heap.why_failed(256, BYTES), None);
    assert!(heap.malloc(256, BYTES).is_some());

    let reason = heap.why_failed(limit + 1, BYTES);
    assert_eq!(reason, Some(FailReason::Refused(Refusal::TooLarge { size: limit + 1, limit })));
    assert_eq!(heap.malloc(usize::MAX, BYTES), None);
    heap.check_integrity().unwrap();
}

#[test]
fn the_largest_block_reported_is_granted_and_no_more() {
    for chip in Chip::ALL {
        let mut heap = heap(chip);
        let largest = heap.info(BYTES).largest_free_block;
        assert_eq!(heap.malloc(largest + 1, BYTES), None, "{chip}");
        assert!(heap.malloc(largest, BYTES).is_some(), "{chip}");
    }
}

#[test]
fn counters_return_to_where_they_began() {
    let mut heap = heap(Chip::Esp32S3);
    let fresh = heap.info(Caps::empty());
    let blocks: Vec<_> = (1..200).filter_map(|n| heap.malloc(n * 7, Caps::B8)).collect();
    let full = heap.info(Caps::empty());
    assert_eq!(full.allocated_blocks, 199);
    assert!(full.total_allocated >= (1..200).map(|n| n * 7).sum());
    assert_eq!(full.total_free, fresh.total_free - full.total_allocated - 4 * 199);
    blocks.into_iter().for_each(|block| heap.free(block).unwrap());
    let after = heap.info(Caps::empty());
    assert_eq!(HeapInfo { minimum_free: fresh.minimum_free, ..after }, fresh);
    assert_eq!(after.minimum_free, full.total_free);
}

#[test]
fn calloc_zeroes_what_was_used_before() {
    let mut heap = one_region(0x2000);
    let used = heap.malloc(64, BYTES).unwrap();
    // SAFETY: the block has 64 bytes.
    unsafe { used.write_bytes(0xAA, 64) };
    heap.free(used).unwrap();
    let zeroed = heap.calloc(16, 4, BYTES).unwrap();
    assert_eq!(zeroed, used, "the same block again");
    // SAFETY: the block has 64 bytes, just zeroed.
    assert!(unsafe { std::slice::from_raw_parts(zeroed.as_ptr(), 64) }.iter().all(|byte| *byte == 0));
    assert_eq!(heap.calloc(usize::MAX, 2, BYTES), None);
}

#[test]
fn realloc_grows_in_place_when_it_can_and_moves_with_its_contents() {
    let mut heap = one_region(0x4000);
    let first = heap.malloc(40, BYTES).unwrap();
    // SAFETY: the block has 40 bytes.
    unsafe { first.write_bytes(0x5A, 40) };
    assert_eq!(heap.realloc(first, 400, BYTES), Ok(Some(first)));
    assert_eq!(heap.realloc(first, 40, BYTES), Ok(Some(first)));
    let wall = heap.malloc(40, BYTES).unwrap();
    let moved = heap.realloc(first, 400, BYTES).unwrap().unwrap();
    assert_ne!(moved, first);
    // SAFETY: the block has 400 bytes, of which 40 were written before the move.
    assert!(unsafe { std::slice::from_raw_parts(moved.as_ptr(), 40) }.iter().all(|byte| *byte == 0x5A));
    assert!(matches!(heap.realloc(first, 8, BYTES), Err(FreeError::NotAllocated { .. })));
    assert_eq!(heap.realloc(moved, 0x8000, BYTES), Ok(None));
    assert_eq!(heap.size_of(moved), Some(416), "a failed realloc leaves the block");
    assert_eq!(heap.realloc(moved, 0, BYTES), Ok(None));
    heap.free(wall).unwrap();
    assert_eq!(heap.info(BYTES).allocated_blocks, 0);
    heap.check_integrity().unwrap();
}

#[test]
fn realloc_moves_to_memory_that_has_the_capabilities() {
    let mut heap = heap(Chip::Esp32);
    let internal = heap.malloc(100, BYTES).unwrap();
    let external = heap.realloc(internal, 100, Caps::SPIRAM | Caps::B8).unwrap().unwrap();
    assert_eq!(heap.region_of(external).unwrap().kind, Kind::Psram);
    assert_eq!(heap.size_of(internal), None);
}

#[test]
fn sizes_can_be_changed_within_the_region() {
    let build = |builder: microusc_chips::Builder| builder.build().map(|heap| heap.regions().count());
    let esp32 = || ChipHeap::builder(Chip::Esp32);
    assert_eq!(build(esp32()), Ok(6), "the RTC RAM of the ESP32 is left out by default");
    assert_eq!(build(esp32().size("RTCRAM", 0x2000)), Ok(7));
    assert_eq!(build(esp32().psram(0).size("IRAM", 0).reserve("DRAM0", 0x1920)), Ok(3));
    assert_eq!(build(esp32().size("DRAM1", 100)), Ok(5), "too small for the heap's own structures");
    let error = build(esp32().size("CCM", 1)).unwrap_err();
    assert!(matches!(error, BuildError::UnknownRegion { .. }) && error.to_string().contains("DIRAM1"));
    assert!(matches!(build(esp32().psram(5 << 20)), Err(BuildError::TooLarge { .. })));
    assert!(matches!(build(esp32().reserve("DRAM0", 0x2000)), Err(BuildError::OverReserved { .. })));
    let none = build(ChipHeap::builder(Chip::Esp32C3).psram(1 << 20)).unwrap_err();
    assert!(matches!(none, BuildError::UnknownRegion { .. }));
    assert_eq!(build(ChipHeap::builder(Chip::Esp32C3).psram(0)), Ok(4));
}

#[test]
fn invalid_requests_name_their_fault() {
    let mut heap = heap(Chip::Esp32);
    assert_eq!(heap.malloc(0, BYTES), None);
    assert_eq!(heap.why_failed(0, BYTES), Some(FailReason::Refused(Refusal::ZeroSize)));
    assert_eq!(heap.malloc(8, Caps::empty()), None);
    assert!(matches!(heap.why_failed(8, Caps::empty()), Some(FailReason::NoSuchRegion { .. })));
    assert_eq!(heap.aligned_alloc(24, 8, BYTES), None);
    assert_eq!(heap.aligned_alloc(0, 8, BYTES), None);
    assert_eq!(heap.malloc(8, Caps::from_bits_retain(1 << 31) | BYTES), None);
}

#[test]
fn a_heap_can_move_to_another_thread() {
    let mut heap = heap(Chip::Esp32);
    std::thread::spawn(move || assert!(heap.malloc(8, BYTES).is_some())).join().unwrap();
}
