//! Random programs: blocks stay apart and keep their contents, and forecasts come true.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use microusc_chips::{Caps, Chip, ChipHeap, Engine, HeapInfo, Idf, RegionInfo, RegionSpec};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

#[derive(Debug, Clone)]
enum Step {
    Malloc(usize, Caps),
    Aligned(usize, usize),
    Realloc(usize, usize, Caps),
    Free(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let caps = || {
        prop::sample::select(vec![
            Caps::INTERNAL | Caps::B8,
            Caps::DMA,
            Caps::B32,
            Caps::DEFAULT,
            Caps::SPIRAM,
            Caps::SIMD | Caps::INTERNAL,
            Caps::DMA | Caps::INTERNAL | Caps::B8,
            Caps::INTERNAL,
        ])
    };
    let size = || prop_oneof![4 => 1usize..300, 1 => 300usize..9000];
    let step = prop_oneof![
        4 => (size(), caps()).prop_map(|(size, caps)| Step::Malloc(size, caps)),
        1 => (0u32..9, size()).prop_map(|(log2, size)| Step::Aligned(1 << log2, size)),
        2 => (any::<usize>(), size(), caps())
            .prop_map(|(which, size, caps)| Step::Realloc(which, size, caps)),
        4 => any::<usize>().prop_map(Step::Free),
    ];
    prop::collection::vec(step, 1..300)
}

/// The blocks that a program has, by chip address, each with its contents.
#[derive(Default)]
struct LiveBlocks(BTreeMap<u32, Block>);

#[derive(Clone, Copy)]
struct Block {
    pointer: NonNull<u8>,
    /// Bytes that the program requested, all of them filled with `fill`.
    size: usize,
    fill: u8,
    /// Bytes that the heap gave.
    given: usize,
}

impl LiveBlocks {
    /// Enters a block of `size` bytes and fills it. It must lie in its region, and apart from every other block.
    fn enter(&mut self, heap: &ChipHeap, pointer: NonNull<u8>, size: usize, fill: u8) -> TestCaseResult {
        let (address, given) = (heap.chip_address(pointer).unwrap(), heap.size_of(pointer).unwrap());
        let end = address as usize + given;
        prop_assert!(given >= size);
        prop_assert_eq!(pointer.addr().get() % 16, 0);
        let inside =
            |region: &RegionInfo| address >= region.base + 4 && end <= region.base as usize + region.size - 4;
        let regions = heap.regions().filter(|region| Some(region.spec) == heap.region_of(pointer));
        prop_assert!(regions.into_iter().any(|region| inside(&region)));
        let before = self.0.range(..=address).next_back().map_or(0, |(at, block)| *at as usize + block.given);
        let after = self.0.range(address..).next().map_or(usize::MAX, |(at, _)| *at as usize);
        prop_assert!(before + 4 <= address as usize && end + 4 <= after, "a header lies between two blocks");
        // SAFETY: the heap gave `size` bytes and nothing else uses them.
        unsafe { pointer.write_bytes(fill, size) };
        self.0.insert(address, Block { pointer, size, fill, given });
        Ok(())
    }

    /// Removes one block, the contents of which must be what was written.
    fn remove(&mut self, which: usize) -> Result<Option<Block>, TestCaseError> {
        let Some(address) = self.0.keys().nth(which % self.0.len().max(1)).copied() else { return Ok(None) };
        let block = self.0.remove(&address).unwrap();
        prop_assert!(block.is_intact(block.size));
        Ok(Some(block))
    }

    /// Bytes that the heap gave for the blocks of one region.
    fn given_in(&self, heap: &ChipHeap, spec: &RegionSpec) -> usize {
        let inside = self.0.values().filter(|block| heap.region_of(block.pointer) == Some(spec));
        inside.map(|block| block.given).sum()
    }
}

impl Block {
    fn is_intact(&self, bytes: usize) -> bool {
        // SAFETY: at most `size` bytes of this live block, which `enter` filled.
        let contents = unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), bytes) };
        contents.iter().all(|byte| *byte == self.fill)
    }
}

/// Does one step; `fill` is what a new block is filled with.
fn run(heap: &mut ChipHeap, live: &mut LiveBlocks, step: Step, fill: u8) -> TestCaseResult {
    match step {
        Step::Malloc(size, caps) => match heap.malloc(size, caps) {
            Some(pointer) => {
                prop_assert!(heap.region_of(pointer).unwrap().all_caps().contains(caps));
                live.enter(heap, pointer, size, fill)?;
            }
            None => prop_assert!(heap.why_failed(size, caps).is_some()),
        },
        Step::Aligned(align, size) => {
            if let Some(pointer) = heap.aligned_alloc(align, size, Caps::DEFAULT) {
                prop_assert_eq!(heap.chip_address(pointer).unwrap() as usize % align, 0);
                prop_assert_eq!(pointer.addr().get() % align, 0);
                live.enter(heap, pointer, size, fill)?;
            }
        }
        Step::Realloc(which, size, caps) => {
            let Some(old) = live.remove(which)? else { return Ok(()) };
            let (pointer, size) = match heap.realloc(old.pointer, size, caps).unwrap() {
                Some(pointer) => (pointer, size),
                None => (old.pointer, old.size),
            };
            let moved = Block { pointer, ..old };
            prop_assert!(moved.is_intact(size.min(old.size)));
            live.enter(heap, pointer, size, fill)?;
        }
        Step::Free(which) => {
            let Some(block) = live.remove(which)? else { return Ok(()) };
            prop_assert_eq!(heap.free(block.pointer), Ok(()));
            prop_assert!(heap.free(block.pointer).is_err());
            let inside = block.pointer.map_addr(|address| address.saturating_add(block.size / 2));
            prop_assert!(heap.free(inside).is_err());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn blocks_stay_apart_inside_their_region_and_keep_their_contents(
        chip in prop::sample::select(Chip::ALL.to_vec()),
        idf in prop::sample::select(Idf::ALL.to_vec()),
        engine in prop::sample::select(Engine::ALL.to_vec()),
        psram_malloc in any::<bool>(),
        steps in steps(),
    ) {
        prop_assume!(engine.runs_on(chip));
        let mut builder = ChipHeap::builder(chip).idf(idf).engine(engine);
        if psram_malloc {
            builder = builder.malloc_internal_up_to(16_384);
        }
        let mut heap = builder.build().unwrap();
        let fresh = heap.info(Caps::empty());
        let at_first: Vec<_> = heap.regions().map(|region| region.info.total_allocated).collect();
        let mut live = LiveBlocks::default();
        for (number, step) in steps.into_iter().enumerate() {
            run(&mut heap, &mut live, step, number as u8)?;
        }
        heap.check_integrity().unwrap();
        prop_assert_eq!(heap.info(Caps::empty()).allocated_blocks, fresh.allocated_blocks + live.0.len());
        if !psram_malloc {
            for (region, at_first) in heap.regions().zip(at_first) {
                let allocated = region.info.total_allocated - at_first;
                let given = live.given_in(&heap, region.spec);
                prop_assert!(allocated >= given, "gaps, if any, come on top");
                prop_assert!(engine == Engine::Rlsf || allocated == given);
            }
        }
        while let Some(block) = live.remove(0)? {
            prop_assert_eq!(heap.free(block.pointer), Ok(()));
        }
        let empty = heap.info(Caps::empty());
        prop_assert_eq!(HeapInfo { minimum_free: fresh.minimum_free, ..empty }, fresh);
        heap.check_integrity().unwrap();
    }

    /// What `info` and `why_failed` foretell is what happens, in a heap that is nearly full.
    #[test]
    fn what_why_failed_says_holds(
        engine in prop::sample::select(Engine::ALL.to_vec()),
        bytes in prop::sample::select(vec![0x1000_usize, 0x3000, 0x5_0000]),
        steps in prop::collection::vec((any::<bool>(), any::<usize>(), 0u32..7, 1usize..400), 1..200),
    ) {
        let builder = ChipHeap::builder(Chip::Esp32C6).size("RAM0", bytes).size("RAM1", 0).size("RTCRAM", 0);
        let mut heap = builder.engine(engine).build().unwrap();
        let caps = Caps::INTERNAL | Caps::B8;
        let mut live: Vec<_> = heap.malloc(bytes / 2, caps).into_iter().collect();
        for (allocate, which, log2, size) in steps {
            if allocate || live.is_empty() {
                let foretold = heap.why_failed(size, caps).is_none();
                let pointer = heap.malloc(size, caps);
                prop_assert_eq!(pointer.is_some(), foretold);
                live.extend(pointer);
                live.extend(heap.aligned_alloc(1 << log2, size, caps));
            } else {
                heap.free(live.swap_remove(which % live.len())).unwrap();
            }
            let largest = heap.info(caps).largest_free_block;
            prop_assert_eq!(heap.malloc(largest + 1, caps), None);
            let before = heap.info(caps);
            if largest > 0 {
                let pointer = heap.malloc(largest, caps);
                prop_assert!(pointer.is_some());
                heap.free(pointer.unwrap()).unwrap();
            }
            prop_assert_eq!(HeapInfo { minimum_free: before.minimum_free, ..heap.info(caps) }, before);
        }
        heap.check_integrity().unwrap();
    }
}
