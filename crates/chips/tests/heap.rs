//! The heap as a program sees it, with either engine: where requests go, what is refused, what fails and why.

use std::ptr::NonNull;

use microusc_chips::{
    BuildError, Builder, Caps, Chip, ChipHeap, Engine, FailReason, FreeError, HeapInfo, Kind, Refusal,
};
use rstest::rstest;

const BYTES: Caps = Caps::INTERNAL.union(Caps::B8);

fn builder(chip: Chip, engine: Engine) -> Builder {
    ChipHeap::builder(chip).engine(engine)
}

fn heap(chip: Chip, engine: Engine) -> ChipHeap {
    builder(chip, engine).build().unwrap()
}

/// A heap of `bytes` bytes in one region.
fn one_region(engine: Engine, bytes: usize) -> ChipHeap {
    builder(Chip::Esp32C2, engine).size("RAM0", bytes).size("RAM1", 0).build().unwrap()
}

/// Allocates until it fails; the pointers.
fn fill(heap: &mut ChipHeap, size: usize, caps: Caps) -> Vec<NonNull<u8>> {
    std::iter::from_fn(|| heap.malloc(size, caps)).collect()
}

/// The names of the regions that serve `caps`, in the order in which they are used up.
fn order(engine: Engine, chip: Chip, caps: Caps) -> Vec<&'static str> {
    let mut heap = heap(chip, engine);
    let mut names: Vec<_> =
        fill(&mut heap, 512, caps).into_iter().map(|p| heap.region_of(p).unwrap().name).collect();
    names.dedup();
    names
}

#[rstest]
fn esp32_tries_regions_by_priority_then_size(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    assert_eq!(order(engine, Chip::Esp32, BYTES), ["DRAM0", "DRAM1", "DIRAM0", "DIRAM1"]);
    assert_eq!(order(engine, Chip::Esp32, Caps::DMA), ["DRAM0", "DIRAM0", "DIRAM1", "DRAM1"]);
    let words = ["IRAM", "DRAM0", "DIRAM0", "DIRAM1", "DRAM1"];
    assert_eq!(order(engine, Chip::Esp32, Caps::B32 | Caps::INTERNAL), words);
    assert_eq!(order(engine, Chip::Esp32, Caps::EXEC), ["IRAM", "DIRAM0", "DIRAM1"]);
    assert_eq!(order(engine, Chip::Esp32, Caps::SPIRAM | Caps::B8), ["PSRAM"]);
    assert_eq!(order(engine, Chip::Esp32, Caps::B8), ["DRAM0", "DRAM1", "DIRAM0", "DIRAM1", "PSRAM"]);
}

#[rstest]
fn low_power_ram_and_psram_come_last(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    assert_eq!(order(engine, Chip::Esp32S2, BYTES), ["RAM1", "RAM0", "RTCRAM"]);
    assert_eq!(order(engine, Chip::Esp32S3, BYTES), ["RAM1", "RAM0", "DRAM", "RTCRAM"]);
    assert_eq!(order(engine, Chip::Esp32S3, Caps::B8), ["RAM1", "RAM0", "DRAM", "RTCRAM", "PSRAM"]);
    assert_eq!(order(engine, Chip::Esp32C3, BYTES), ["RAM", "RETENTION1", "RETENTION0", "RTCRAM"]);
    assert_eq!(order(engine, Chip::Esp32P4, BYTES), ["RAM0", "RETENTION", "RAM1", "TCM", "RTCRAM"]);
    assert_eq!(order(engine, Chip::Esp8266, Caps::B32), ["IRAM", "DRAM"]);
}

#[rstest]
fn internal_bytes_are_never_psram_nor_word_only(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    for chip in Chip::ALL {
        let mut heap = heap(chip, engine);
        for pointer in fill(&mut heap, 200, BYTES) {
            let region = heap.region_of(pointer).unwrap();
            assert!(!matches!(region.kind, Kind::Psram | Kind::Iram), "{chip}: {}", region.name);
        }
    }
}

#[rstest]
fn executable_memory_is_words_only(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = heap(Chip::Esp32, engine);
    for caps in [Caps::EXEC | Caps::B8, Caps::EXEC | Caps::DMA] {
        assert_eq!(heap.malloc(16, caps), None);
        assert_eq!(heap.why_failed(16, caps), Some(FailReason::Refused(Refusal::ExecutableData)));
    }
    // Behind the instruction address of shared RAM, a word remembers the data address.
    let mut alone = builder(Chip::Esp32, engine).size("IRAM", 0).build().unwrap();
    let block = alone.malloc(64, Caps::EXEC).unwrap();
    // In DIRAM0, whose classes are 8 bytes apart from 64 on.
    let with_word = if engine == Engine::Espressif { 72 } else { 68 };
    assert_eq!(alone.size_of(block), Some(with_word));
    let blocks = fill(&mut alone, 12, Caps::EXEC);
    alone.free(*blocks.last().unwrap()).unwrap();
    alone.malloc(12, Caps::EXEC).unwrap();
    assert!(alone.why_failed(12, Caps::EXEC).is_some());
}

#[rstest]
fn dma_buffers_fill_whole_cache_lines_where_the_chip_needs_it(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
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
        let mut heap = heap(chip, engine);
        for _ in 0..20 {
            let pointer = heap.malloc(5, caps).unwrap();
            assert_eq!(heap.chip_address(pointer).unwrap() % line, 0, "{chip} {caps}");
            assert!(heap.size_of(pointer).unwrap() >= (line as usize).max(12), "{chip} {caps}");
            assert_eq!(pointer.addr().get() % (line as usize).max(16), 0, "host pointer on {chip}");
        }
    }
}

#[rstest]
fn dma_from_psram_is_refused_where_the_chip_cannot(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let caps = Caps::DMA | Caps::SPIRAM;
    assert_eq!(heap(Chip::Esp32, engine).malloc(64, caps), None);
    let reason = heap(Chip::Esp32, engine).why_failed(64, caps);
    assert_eq!(reason, Some(FailReason::Refused(Refusal::DmaFromPsram)));
    assert_eq!(heap(Chip::Esp32S3, engine).why_failed(64, caps), None);
    let descriptors = Caps::DMA_DESC_AHB | Caps::SPIRAM;
    assert!(matches!(
        heap(Chip::Esp32S3, engine).why_failed(64, descriptors),
        Some(FailReason::NoSuchRegion { .. })
    ));
}

#[rstest]
fn psram_is_missing_on_chips_without_it(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    for chip in [Chip::Esp8266, Chip::Esp32C3, Chip::Esp32H2] {
        assert_eq!(heap(chip, engine).malloc(16, Caps::SPIRAM), None);
        let reason = heap(chip, engine).why_failed(16, Caps::SPIRAM).unwrap();
        assert_eq!(reason, FailReason::NoSuchRegion { caps: Caps::SPIRAM });
        assert_eq!(reason.to_string(), "no memory of this chip is SPIRAM");
    }
    let bare = builder(Chip::Esp32, engine).psram(0).build().unwrap();
    assert!(matches!(bare.why_failed(16, Caps::SPIRAM), Some(FailReason::NoSuchRegion { .. })));
}

#[rstest]
fn plain_malloc_is_internal_unless_psram_is_allowed(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let kind = |heap: &ChipHeap, p| heap.region_of(p).unwrap().kind;
    let mut internal = heap(Chip::Esp32, engine);
    let all: Vec<_> = std::iter::from_fn(|| internal.malloc_default(4096)).collect();
    assert!(all.len() > 60 && all.iter().all(|p| kind(&internal, *p) != Kind::Psram));

    let mut both = builder(Chip::Esp32, engine).malloc_internal_up_to(1000).build().unwrap();
    let (small, large) = (both.malloc_default(1000).unwrap(), both.malloc_default(1001).unwrap());
    assert_eq!((kind(&both, small), kind(&both, large)), (Kind::Dram, Kind::Psram));
    let small: Vec<_> = (0..400).filter_map(|_| both.malloc_default(1000)).collect();
    assert!(small.iter().any(|p| kind(&both, *p) == Kind::Psram), "PSRAM when internal RAM is used up");
}

#[rstest]
fn wrong_pointers_are_refused_and_harm_nothing(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = heap(Chip::Esp32C6, engine);
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

#[rstest]
fn a_forged_header_in_a_block_does_not_make_a_block(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let mut heap = heap(Chip::Esp32C6, engine);
    let block = heap.malloc(64, BYTES).unwrap();
    // SAFETY: the block has 64 bytes.
    unsafe { block.write_bytes(0xFF, 64) };
    let inside = block.map_addr(|address| address.saturating_add(16));
    assert!(matches!(heap.free(inside), Err(FreeError::Interior { .. })));
    heap.free(block).unwrap();
    assert!(matches!(heap.free(inside), Err(FreeError::NotAllocated { .. })));
    heap.check_integrity().unwrap();
}

#[rstest]
fn exhaustion_and_fragmentation_are_told_apart(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = one_region(engine, 0x8000);
    let limit = heap.info(Caps::empty()).largest_free_block;
    let blocks = fill(&mut heap, 256, BYTES);
    let HeapInfo { total_free, .. } = heap.info(BYTES);
    assert_eq!(heap.why_failed(1000, BYTES), Some(FailReason::Exhausted { free: total_free }));

    // The last block stays, as it would merge with what is left of the region.
    for block in blocks[..blocks.len() - 1].iter().step_by(2) {
        heap.free(*block).unwrap();
    }
    // No two free blocks touch. With rlsf the class of a hole of 260 bytes, header included, begins at 256.
    let largest = if engine == Engine::Espressif { 256 } else { 252 };
    let info = heap.info(BYTES);
    assert_eq!(info.largest_free_block, largest);
    assert!(info.total_free > 15_000);
    let reason = heap.why_failed(1000, BYTES).unwrap();
    assert_eq!(reason, FailReason::Fragmented { free: info.total_free, largest });
    assert!(reason.to_string().contains("fragmented"));
    assert!(heap.why_failed(largest + 1, BYTES).is_some());
    assert_eq!(heap.malloc(largest + 1, BYTES), None);
    assert_eq!(heap.why_failed(largest, BYTES), None);
    assert!(heap.malloc(largest, BYTES).is_some());

    let reason = heap.why_failed(limit + 1, BYTES);
    assert_eq!(reason, Some(FailReason::Refused(Refusal::TooLarge { size: limit + 1, limit })));
    assert_eq!(heap.malloc(usize::MAX, BYTES), None);
    heap.check_integrity().unwrap();
}

#[rstest]
fn the_largest_block_reported_is_granted_and_no_more(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    for chip in Chip::ALL {
        let mut heap = heap(chip, engine);
        let largest = heap.info(BYTES).largest_free_block;
        assert_eq!(heap.malloc(largest + 1, BYTES), None, "{chip}");
        assert!(heap.malloc(largest, BYTES).is_some(), "{chip}");
    }
}

#[rstest]
fn counters_return_to_where_they_began(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = heap(Chip::Esp32S3, engine);
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

#[rstest]
fn calloc_zeroes_what_was_used_before(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = one_region(engine, 0x2000);
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

#[rstest]
fn realloc_grows_in_place_when_it_can_and_moves_with_its_contents(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let mut heap = one_region(engine, 0x4000);
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
    let size = if engine == Engine::Espressif { 416 } else { 400 };
    assert_eq!(heap.size_of(moved), Some(size), "a failed realloc leaves the block");
    assert_eq!(heap.realloc(moved, 0, BYTES), Ok(None));
    heap.free(wall).unwrap();
    assert_eq!(heap.info(BYTES).allocated_blocks, 0);
    heap.check_integrity().unwrap();
}

#[rstest]
fn realloc_moves_to_memory_that_has_the_capabilities(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let mut heap = heap(Chip::Esp32, engine);
    let internal = heap.malloc(100, BYTES).unwrap();
    let external = heap.realloc(internal, 100, Caps::SPIRAM | Caps::B8).unwrap().unwrap();
    assert_eq!(heap.region_of(external).unwrap().kind, Kind::Psram);
    assert_eq!(heap.size_of(internal), None);
}

#[rstest]
fn sizes_can_be_changed_within_the_region(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let build = |builder: Builder| builder.build().map(|heap| heap.regions().count());
    let esp32 = || builder(Chip::Esp32, engine);
    assert_eq!(build(esp32()), Ok(6), "the RTC RAM of the ESP32 is left out by default");
    assert_eq!(build(esp32().size("RTCRAM", 0x2000)), Ok(7));
    assert_eq!(build(esp32().psram(0).size("IRAM", 0).reserve("DRAM0", 0x1920)), Ok(3));
    assert_eq!(build(esp32().size("DRAM1", 100)), Ok(5), "too small for the heap's own structures");
    let error = build(esp32().size("CCM", 1)).unwrap_err();
    assert!(matches!(error, BuildError::UnknownRegion { .. }) && error.to_string().contains("DIRAM1"));
    assert!(matches!(build(esp32().psram(5 << 20)), Err(BuildError::TooLarge { .. })));
    assert!(matches!(build(esp32().reserve("DRAM0", 0x2000)), Err(BuildError::OverReserved { .. })));
    let none = build(builder(Chip::Esp32C3, engine).psram(1 << 20)).unwrap_err();
    assert!(matches!(none, BuildError::UnknownRegion { .. }));
    assert_eq!(build(builder(Chip::Esp32C3, engine).psram(0)), Ok(4));
}

#[rstest]
fn invalid_requests_name_their_fault(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = heap(Chip::Esp32, engine);
    assert_eq!(heap.malloc(0, BYTES), None);
    assert_eq!(heap.why_failed(0, BYTES), Some(FailReason::Refused(Refusal::ZeroSize)));
    assert_eq!(heap.malloc(8, Caps::empty()), None);
    assert!(matches!(heap.why_failed(8, Caps::empty()), Some(FailReason::NoSuchRegion { .. })));
    assert_eq!(heap.aligned_alloc(24, 8, BYTES), None);
    assert_eq!(heap.aligned_alloc(0, 8, BYTES), None);
    assert_eq!(heap.malloc(8, Caps::from_bits_retain(1 << 31) | BYTES), None);
}

#[rstest]
fn a_heap_can_move_to_another_thread(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = heap(Chip::Esp32, engine);
    std::thread::spawn(move || assert!(heap.malloc(8, BYTES).is_some())).join().unwrap();
}
