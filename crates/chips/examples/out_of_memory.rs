//! Would this program run out of memory on that chip, when, and why?
//!
//! The program here is a small gateway: it accepts connections of 5 KiB, keeps a 24 KiB DMA buffer for each of its
//! radio frames, and stores messages of many sizes, of which every third is kept for a long time. Put the allocations
//! of your own program in its place.
//!
//! `cargo run -p microusc-chips --example out_of_memory -- esp32c3 esp32s3`; without names, every chip.

use std::error::Error;

use microusc_chips::{Caps, Chip, ChipHeap, Engine};

/// Bytes that static data takes in addition to that of the small program in the chip's table, and all tasks.
const STATICS_AND_TASKS: usize = 60_000;

fn main() -> Result<(), Box<dyn Error>> {
    let named: Vec<Chip> = std::env::args().skip(1).map(|name| name.parse()).collect::<Result<_, _>>()?;
    let chips = if named.is_empty() { Chip::ALL.to_vec() } else { named };
    println!("{:<9} {:<10} {:>9} {:>12}  outcome", "chip", "engine", "free, B", "at worst, B");
    for chip in chips {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.runs_on(chip)) {
            let mut heap = ChipHeap::builder(chip).engine(engine).psram(0).build()?;
            let start = heap.info(Caps::DEFAULT).total_free;
            let outcome = gateway(&mut heap);
            heap.check_integrity()?;
            let lowest = heap.info(Caps::DEFAULT).minimum_free;
            println!("{chip:<9} {engine:<10} {start:>9} {lowest:>12}  {outcome}");
        }
    }
    Ok(())
}

/// Runs the gateway for 2,000 messages, or until an allocation fails.
fn gateway(heap: &mut ChipHeap) -> String {
    let bytes = Caps::INTERNAL | Caps::B8;
    let dma = Caps::DMA | bytes;
    let mut statics = STATICS_AND_TASKS;
    while statics > 0 {
        let piece = heap.info(bytes).largest_free_block.min(statics);
        if heap.malloc(piece, bytes).is_none() {
            return "does not start: tasks and statics do not fit".to_owned();
        }
        statics -= piece;
    }
    let (mut short, mut kept) = (Vec::new(), Vec::new());
    for message in 0..2_000_usize {
        let frame = if message.is_multiple_of(8) { (24 * 1024, dma) } else { (5 * 1024, bytes) };
        for (size, caps) in [frame, (40 + message * 37 % 900, bytes)] {
            let Some(block) = heap.malloc(size, caps) else {
                let reason = heap.why_failed(size, caps).map_or(String::new(), |reason| reason.to_string());
                return format!("message {message}: {size} B with {caps}: {reason}");
            };
            let keep = size < 1000 && message.is_multiple_of(3);
            if keep { kept.push(block) } else { short.push(block) }
        }
        if short.len() > 12 {
            short.drain(..6).for_each(|block| heap.free(block).expect("the block is live"));
        }
        if kept.len() > 150 {
            let oldest = kept.remove(message % 50);
            heap.free(oldest).expect("the block is live");
        }
    }
    "runs".to_owned()
}
