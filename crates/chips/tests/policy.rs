//! Which block a request gets, against a naive TLSF that shares no code and no data structure with the engines.

use std::collections::BTreeMap;

use microusc_chips::{Caps, Chip, ChipHeap, Engine};
use proptest::prelude::*;

/// TLSF as its paper describes it, over plain vectors, with what each engine adds. Bytes of payload.
struct Naive {
    /// Address, size, free; in order of address.
    blocks: Vec<(u32, u32, bool)>,
    /// Addresses of the free blocks, the latest first.
    free: Vec<u32>,
    /// Size classes per power of two.
    classes: u32,
    /// What of a header the classes count.
    counted: u32,
    /// Blocks are cut to the class, not to the request.
    cuts_to_class: bool,
    /// Bytes, header included, that make a block of their own.
    remainder: u32,
}

impl Naive {
    /// ESP-IDF's heap documentation says so; finer classes for larger regions.
    fn espressif(blocks: (u32, u32), classes: u32) -> Self {
        let (blocks, free) = (vec![(blocks.0, blocks.1, true)], vec![blocks.0]);
        Self { blocks, free, classes, counted: 0, cuts_to_class: true, remainder: 16 }
    }

    /// The sources of the ROM of the C6 say so: one number of classes, and no cut to the class.
    fn rom(blocks: (u32, u32)) -> Self {
        Self { cuts_to_class: false, ..Self::espressif(blocks, 32) }
    }

    /// `rlsf` says so.
    fn rlsf(blocks: (u32, u32)) -> Self {
        let (blocks, free) = (vec![(blocks.0, blocks.1, true)], vec![blocks.0]);
        Self { blocks, free, classes: 32, counted: 4, cuts_to_class: false, remainder: 4 }
    }

    /// Steps of 4 bytes as long as the classes last, then twice as wide for each power of two.
    fn round(&self, size: u32, up: bool) -> u32 {
        let (mut step, size) = (4, size + self.counted);
        while size >= 2 * step * self.classes {
            step *= 2;
        }
        ((if up { size.div_ceil(step) } else { size / step }) * step).saturating_sub(self.counted)
    }

    fn at(&self, address: u32) -> usize {
        self.blocks.iter().position(|block| block.0 == address).unwrap()
    }

    fn class(&self, address: u32) -> u32 {
        self.round(self.blocks[self.at(address)].1, false)
    }

    /// The latest free block of the lowest class that holds nothing smaller than the request.
    fn malloc(&mut self, size: u32) -> Option<u32> {
        let exact = (size.div_ceil(4) * 4).max(12);
        let wanted = self.round(exact, true);
        let size = if self.cuts_to_class { wanted } else { exact };
        let class = self.free.iter().map(|a| self.class(*a)).filter(|class| *class >= wanted).min()?;
        let place = self.free.iter().position(|a| self.class(*a) == class).unwrap();
        let address = self.free.remove(place);
        let at = self.at(address);
        let rest = self.blocks[at].1 - size;
        self.blocks[at].2 = false;
        if rest >= self.remainder {
            self.blocks[at].1 = size;
            self.blocks.insert(at + 1, (address + size + 4, rest - 4, true));
            self.free.insert(0, address + size + 4);
        }
        Some(address)
    }

    fn free(&mut self, address: u32) {
        let at = self.at(address);
        let free = |at: usize| self.blocks.get(at).is_some_and(|block| block.2);
        let first = at - usize::from(at > 0 && free(at - 1));
        let last = at + usize::from(free(at + 1));
        let (start, end) = (self.blocks[first].0, self.blocks[last].0 + self.blocks[last].1);
        for block in self.blocks.splice(first..=last, [(start, end - start, true)]) {
            self.free.retain(|a| *a != block.0);
        }
        self.free.insert(0, start);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_request_gets_the_block_that_the_policy_chooses(
        (bytes, classes) in prop::sample::select(vec![(0x1800_usize, 8), (0x8000, 16), (0x5_0000, 32)]),
        engine in prop::sample::select(Engine::ALL.to_vec()),
        steps in prop::collection::vec((any::<bool>(), any::<usize>(), 1usize..1500), 1..400),
    ) {
        let builder = ChipHeap::builder(Chip::Esp32C6).size("RAM0", bytes).size("RAM1", 0).size("RTCRAM", 0);
        let mut heap = builder.engine(engine).build().unwrap();
        let info = heap.info(Caps::empty());
        let region = heap.regions().next().unwrap();
        let payload = info.total_free as u32 - 8;
        let first = region.base + region.size as u32 - 4 - payload;
        let mut naive = match engine {
            Engine::Espressif => Naive::espressif((first, payload), classes),
            Engine::Rom => Naive::rom((first, payload)),
            Engine::Rlsf => Naive::rlsf((first, payload)),
        };
        let mut live = BTreeMap::new();
        for (allocate, which, size) in steps {
            if allocate || live.is_empty() {
                let expected = naive.malloc(size as u32);
                let pointer = heap.malloc(size, Caps::INTERNAL);
                prop_assert_eq!(pointer.map(|pointer| heap.chip_address(pointer).unwrap()), expected);
                live.extend(expected.zip(pointer));
            } else {
                let address = *live.keys().nth(which % live.len()).unwrap();
                naive.free(address);
                prop_assert_eq!(heap.free(live.remove(&address).unwrap()), Ok(()));
            }
            let free = naive.blocks.iter().filter(|block| block.2);
            prop_assert_eq!(heap.info(Caps::empty()).free_blocks, free.clone().count());
            let largest = free.map(|block| naive.round(block.1, false)).max().unwrap_or(0);
            // Below the smallest payload, which every request is rounded up to, nothing is granted.
            let largest = if largest < 12 { 0 } else { largest };
            prop_assert_eq!(heap.info(Caps::empty()).largest_free_block, largest as usize);
        }
        heap.check_integrity().unwrap();
    }
}
