//! Random programs against a plain list of what should be live.

use std::collections::BTreeMap;
use std::ptr::NonNull;

use microusc_chips::{Caps, Chip, ChipHeap};
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
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn blocks_stay_apart_inside_their_region_and_keep_their_contents(
        chip in prop::sample::select(Chip::ALL.to_vec()),
        steps in steps(),
    ) {
        let mut heap = ChipHeap::builder(chip).build().unwrap();
        let mut live: Vec<Live> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            let fill = number as u8;
            match step {
                Step::Malloc(size, caps) => {
                    if let Some(pointer) = heap.malloc(size, caps) {
                        prop_assert!(heap.region_of(pointer).unwrap().all_caps().contains(caps));
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
                }
                Step::Realloc(..) | Step::Free(_) => {}
            }
        }
        heap.check_integrity().unwrap();
        prop_assert_eq!(heap.info(Caps::empty()).allocated_blocks, live.len());

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
    }
}
