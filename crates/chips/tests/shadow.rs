//! Random programs against a plain list of what should be live, with either engine.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use microusc_chips::{Caps, Chip, ChipHeap, Engine, HeapInfo};
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Malloc(usize, Caps),
    Aligned(usize, usize),
    Realloc(usize, usize),
    Free(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let caps = prop::sample::select(vec![
        Caps::INTERNAL | Caps::B8,
        Caps::DMA,
        Caps::B32,
        Caps::DEFAULT,
        Caps::SPIRAM,
        Caps::INTERNAL,
    ]);
    let size = || prop_oneof![4 => 1usize..300, 1 => 300usize..9000];
    let step = prop_oneof![
        4 => (size(), caps).prop_map(|(size, caps)| Step::Malloc(size, caps)),
        1 => (0u32..9, size()).prop_map(|(log2, size)| Step::Aligned(1 << log2, size)),
        1 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Realloc(which, size)),
        4 => any::<usize>().prop_map(Step::Free),
    ];
    prop::collection::vec(step, 1..300)
}

struct Live {
    pointer: NonNull<u8>,
    size: usize,
    fill: u8,
}

impl Live {
    fn write(&self) {
        // SAFETY: the heap gave `size` bytes and nothing else uses them.
        unsafe { self.pointer.write_bytes(self.fill, self.size) }
    }

    fn intact(&self, upto: usize) -> bool {
        // SAFETY: `upto <= size` bytes of this live block were written by `write`.
        unsafe { std::slice::from_raw_parts(self.pointer.as_ptr(), upto) }.iter().all(|b| *b == self.fill)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn blocks_stay_apart_inside_their_region_and_keep_their_contents(
        chip in prop::sample::select(Chip::ALL.to_vec()),
        engine in prop::sample::select(Engine::ALL.to_vec()),
        steps in steps(),
    ) {
        let mut heap = ChipHeap::builder(chip).engine(engine).build().unwrap();
        let mut live: Vec<Live> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let fill = number as u8;
            match step {
                Step::Malloc(size, caps) => {
                    if let Some(pointer) = heap.malloc(size, caps) {
                        prop_assert!(heap.region_of(pointer).unwrap().all_caps().contains(caps));
                        prop_assert!(heap.size_of(pointer).unwrap() >= size);
                        live.push(Live { pointer, size, fill });
                        live[live.len() - 1].write();
                    } else {
                        prop_assert!(heap.why_failed(size, caps).is_some());
                    }
                }
                Step::Aligned(align, size) => {
                    let Some(pointer) = heap.aligned_alloc(align, size, Caps::DEFAULT) else { continue };
                    prop_assert_eq!(heap.chip_address(pointer).unwrap() as usize % align, 0);
                    prop_assert_eq!(pointer.addr().get() % align, 0);
                    live.push(Live { pointer, size, fill });
                    live[live.len() - 1].write();
                }
                Step::Realloc(which, size) if !live.is_empty() => {
                    let index = which % live.len();
                    let block = &mut live[index];
                    if let Some(pointer) = heap.realloc(block.pointer, size, Caps::INTERNAL | Caps::B8).unwrap() {
                        block.pointer = pointer;
                        prop_assert!(block.intact(size.min(block.size)));
                        block.size = size;
                        block.write();
                    }
                }
                Step::Free(which) if !live.is_empty() => {
                    let block = live.swap_remove(which % live.len());
                    prop_assert!(block.intact(block.size));
                    prop_assert_eq!(heap.free(block.pointer), Ok(()));
                    prop_assert!(heap.free(block.pointer).is_err());
                    let inside = block.pointer.map_addr(|address| address.saturating_add(block.size / 2));
                    prop_assert!(heap.free(inside).is_err());
                }
                Step::Realloc(..) | Step::Free(_) => {}
            }
        }
        heap.check_integrity().unwrap();
        let info = heap.info(Caps::empty());
        prop_assert_eq!(info.allocated_blocks, live.len());
        for region in heap.regions() {
            let inside = |block: &&Live| heap.region_of(block.pointer) == Some(region.spec);
            let sizes: usize = live.iter().filter(inside).map(|b| heap.size_of(b.pointer).unwrap()).sum();
            prop_assert!(region.info.total_allocated >= sizes, "gaps, if any, come on top");
            prop_assert!(engine == Engine::Rlsf || region.info.total_allocated == sizes);
        }

        let mut blocks = BTreeMap::new();
        for block in &live {
            prop_assert!(block.intact(block.size));
            prop_assert_eq!(block.pointer.addr().get() % 16, 0);
            let address = heap.chip_address(block.pointer).unwrap();
            let size = heap.size_of(block.pointer).unwrap();
            prop_assert!(size >= block.size);
            let spec = heap.region_of(block.pointer).unwrap();
            let region = heap.regions().find(|region| region.spec == spec).unwrap();
            prop_assert!(address >= region.base + 4);
            prop_assert!(address as usize + size <= region.base as usize + region.size - 4);
            prop_assert_eq!(blocks.insert(address, address as usize + size), None);
        }
        for (one, two) in blocks.values().zip(blocks.keys().skip(1)) {
            prop_assert!(*one + 4 <= *two as usize, "a header lies between two blocks");
        }
        for block in live {
            prop_assert_eq!(heap.free(block.pointer), Ok(()));
        }
        let fresh = ChipHeap::builder(chip).engine(engine).build().unwrap().info(Caps::empty());
        let empty = heap.info(Caps::empty());
        prop_assert_eq!(HeapInfo { minimum_free: fresh.minimum_free, ..empty }, fresh);
        heap.check_integrity().unwrap();
    }

    /// What `info` and `why_failed` foretell is what happens, in a heap that is nearly full.
    #[test]
    fn forecasts_come_true(
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
