//! The heap as a program sees it, with each engine: where requests go, what is refused, what fails and why.

use std::ptr::NonNull;

use microusc_chips::{
    BuildError, Builder, Caps, Chip, ChipHeap, Engine, FailReason, FreeError, HeapInfo, Idf, Kind, Refusal,
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
    assert_eq!(order(engine, Chip::Esp32S3, Caps::B8), ["RAM1", "RAM0", "DRAM", "PSRAM", "RTCRAM"]);
    assert_eq!(order(engine, Chip::Esp32C3, BYTES), ["RAM", "RETENTION1", "RETENTION0", "RTCRAM"]);
    assert_eq!(order(engine, Chip::Esp32P4, BYTES), ["RAM0", "RAM1", "RETENTION", "TCM", "RTCRAM"]);
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
    assert_eq!(full.allocated_blocks, fresh.allocated_blocks + 199);
    let allocated = full.total_allocated - fresh.total_allocated;
    assert!(allocated >= (1..200).map(|n| n * 7).sum());
    assert_eq!(full.total_free, fresh.total_free - allocated - 4 * 199);
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
    assert_eq!(heap.info(BYTES).allocated_blocks, 1, "the list of heaps");
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

#[rstest]
fn esp_idf_allocates_its_list_of_heaps_first(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let live = |heap: &ChipHeap, name: &str| {
        heap.regions().find(|region| region.spec.name == name).unwrap().info.allocated_blocks
    };
    let mut esp32 = builder(Chip::Esp32, engine).psram(0).build().unwrap();
    assert_eq!((live(&esp32, "DRAM0"), live(&esp32, "DRAM1")), (1, 0), "the first in the memory map");
    let first = esp32.malloc(12, BYTES).unwrap();
    for words in 1..60 {
        let list = first.map_addr(|address| (address.get() - 16 * words).try_into().unwrap());
        assert!(esp32.free(list).is_err(), "not the program's to free");
        assert_eq!(esp32.size_of(list), None);
    }
    let with_psram = heap(Chip::Esp32, engine);
    assert_eq!(live(&with_psram, "DRAM0"), 2, "and an entry for PSRAM");
    let none = heap(Chip::Esp8266, engine).info(Caps::empty());
    assert_eq!(none.allocated_blocks, 0, "it is static on the ESP8266");

    // The RAM of the boot stack does not serve so early: a C2 without its other region would not start.
    let error = builder(Chip::Esp32C2, engine).size("RAM0", 0).build().err().unwrap();
    assert!(matches!(error, BuildError::NoSystemMemory { bytes: 36, .. }), "{error}");
    assert!(error.to_string().contains("would not start"), "{error}");
}

#[test]
fn regions_are_searched_in_the_order_of_the_version() {
    let names = |idf| {
        let heap = ChipHeap::builder(Chip::Esp32C6).idf(idf).build().unwrap();
        heap.regions().map(|region| region.spec.name).collect::<Vec<_>>()
    };
    assert_eq!(names(Idf::V5_4), ["RAM0", "RAM1", "RTCRAM"]);
    assert_eq!(names(Idf::V5_5), ["RAM1", "RTCRAM", "RAM0"]);
    for text in ["5.4", "v5.4", "v5.4.4"] {
        assert_eq!(text.parse(), Ok(Idf::V5_4), "{text}");
    }
    for text in ["5", "5.40", "5.4.", "5.4.x", "6.0", ""] {
        let error = text.parse::<Idf>().unwrap_err().to_string();
        assert!(error.contains("5.4 or 5.5"), "{error}");
    }
}

/// Whether 128 KiB of the RAM is cache is the program's choice.
#[test]
fn smaller_cache_leaves_more_ram_on_the_esp32p4() {
    let ram1 = |bytes| {
        let heap = ChipHeap::builder(Chip::Esp32P4).psram(0).size("RAM1", bytes).build().unwrap();
        heap.regions().find(|region| region.spec.name == "RAM1").unwrap().base
    };
    assert_eq!(ram1(0x6_0000), 0x4FF4_0000);
    assert_eq!(ram1(0x4_0000), 0x4FF4_0000);
    assert_eq!(ram1(0x3_0000), 0x4FF5_0000, "static data comes first");
}

#[rstest]
fn psram_is_searched_first_by_requests_for_default_memory(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let with_psram = Chip::ALL.into_iter().filter(|chip| chip.has(Kind::Psram));
    assert!(with_psram.clone().count() > 1);
    for chip in with_psram {
        let mut heap = heap(chip, engine);
        let mut kind = |caps| {
            let block = heap.malloc(100, caps).unwrap();
            heap.region_of(block).unwrap().kind
        };
        assert_eq!(kind(Caps::DEFAULT), Kind::Psram, "{chip}");
        assert_eq!(kind(Caps::SIMD | Caps::SPIRAM), Kind::Psram, "{chip}");
        assert_ne!(kind(Caps::B8), Kind::Psram, "{chip}");
        assert_ne!(kind(Caps::DEFAULT | Caps::INTERNAL), Kind::Psram, "{chip}");
    }
}

#[rstest]
fn internal_memory_is_reserved_for_dma_where_malloc_may_use_psram(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
    #[values(Idf::V5_4, Idf::V5_5)] idf: Idf,
) {
    let board = || builder(Chip::Esp32S3, engine).idf(idf).malloc_internal_up_to(16_384);
    let mut heap = board().build().unwrap();
    let reserve = heap.regions().next().unwrap();
    assert_eq!(reserve.size, 32_767, "a byte less than was allocated for it");
    assert_eq!((reserve.spec.kind, reserve.caps[0]), (Kind::Diram, Caps::empty()));
    let within = |address: u32| (reserve.base..reserve.base + reserve.size as u32).contains(&address);

    // Ordinary requests take it last, in 5.4 not even then; requests for DMA only when the rest is full.
    let blocks: Vec<_> = std::iter::from_fn(|| heap.malloc(4000, BYTES | Caps::DEFAULT)).collect();
    let served = blocks.iter().filter(|block| within(heap.chip_address(**block).unwrap())).count();
    assert_eq!(served > 0, idf == Idf::V5_5);
    let dma = heap.malloc(4000, Caps::DMA | Caps::INTERNAL);
    assert_eq!(dma.is_some_and(|block| within(heap.chip_address(block).unwrap())), idf == Idf::V5_4);
    heap.check_integrity().unwrap();

    let none = board().malloc_reserve_internal(0).build().unwrap();
    assert_eq!(none.regions().count(), heap.regions().count() - 1);
    let without_psram = board().psram(0).build().unwrap();
    assert_eq!(without_psram.regions().count(), heap.regions().count() - 2, "nothing to reserve it from");
    let small = board().size("RAM0", 0x4000).size("RAM1", 0).size("DRAM", 0);
    let error = small.malloc_reserve_internal(1 << 18).build().err().unwrap();
    assert!(error.to_string().contains("the reserve for DMA"), "{error}");
}

#[rstest]
fn realloc_takes_preferred_memory_as_malloc_does(#[values(Engine::Espressif, Engine::Rlsf)] engine: Engine) {
    let mut heap = builder(Chip::Esp32, engine).malloc_internal_up_to(1000).build().unwrap();
    let block = heap.malloc_default(100).unwrap();
    let kind = |heap: &ChipHeap, block| heap.region_of(block).unwrap().kind;
    assert_eq!(kind(&heap, block), Kind::Dram);
    let large = heap.realloc_default(block, 5000).unwrap().unwrap();
    assert_eq!(kind(&heap, large), Kind::Psram);
    let small = heap.realloc_default(large, 50).unwrap().unwrap();
    assert_eq!(kind(&heap, small), Kind::Dram);
    assert_eq!(heap.realloc_default(small, 0), Ok(None));
    assert!(heap.realloc_default(small, 8).is_err());
}

/// While a block is copied within its region both are there, but ESP-IDF notes the sum afterwards.
#[test]
fn block_moved_within_its_region_is_counted_once() {
    let mut heap = one_region(Engine::Espressif, 0x8000);
    let (block, _wall) = (heap.malloc(4000, BYTES).unwrap(), heap.malloc(12, BYTES).unwrap());
    let moved = heap.realloc(block, 8000, BYTES).unwrap().unwrap();
    assert_ne!(moved, block);
    let info = heap.info(BYTES);
    assert_eq!(info.minimum_free, info.total_free);
}

#[rstest]
fn memory_that_needs_alignment_is_never_resized_in_place(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let dma = Caps::DMA | Caps::INTERNAL | Caps::B8;
    for (chip, caps, in_place) in [
        (Chip::Esp32P4, dma, false),
        (Chip::Esp32P4, BYTES, true),
        (Chip::Esp32S3, Caps::SIMD | Caps::INTERNAL, false),
        (Chip::Esp32S3, dma, true),
        (Chip::Esp32C6, dma, true),
    ] {
        let mut heap = heap(chip, engine);
        let block = heap.malloc(256, caps).unwrap();
        let smaller = heap.realloc(block, 128, caps).unwrap().unwrap();
        assert_eq!(smaller == block, in_place, "{chip} {caps}");
    }
}

/// Both buses have the words of the shared RAM in opposite order.
#[rstest]
fn executable_memory_of_the_esp32_has_its_address_on_the_instruction_bus(
    #[values(Engine::Espressif, Engine::Rlsf)] engine: Engine,
) {
    let mut heap = builder(Chip::Esp32, engine).psram(0).size("IRAM", 0).build().unwrap();
    let (one, two) = (heap.malloc(64, Caps::EXEC).unwrap(), heap.malloc(64, Caps::EXEC).unwrap());
    let addresses = [one, two].map(|block| heap.chip_address(block).unwrap());
    assert!(addresses.iter().all(|address| (0x400A_0000..0x400C_0000).contains(address)));
    assert!(addresses[1] < addresses[0], "the later block has the lower address");
    let moved = heap.realloc(one, 32, Caps::EXEC).unwrap().unwrap();
    assert_ne!(moved, one, "it is always allocated anew");
    heap.free(moved).unwrap();
    let data = heap.malloc(24, Caps::DMA | Caps::B32 | Caps::B8).unwrap();
    assert!(heap.chip_address(data).unwrap() < 0x4000_0000);
    heap.check_integrity().unwrap();
}
