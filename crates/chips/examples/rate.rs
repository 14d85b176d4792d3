//! Nanoseconds per event of a random toggling pattern, with either engine: a full slot is freed, an empty one
//! allocated.
//!
//! `cargo run --release -p microusc-chips --example rate`

use std::ptr::NonNull;
use std::time::Instant;

use microusc_chips::{BuildError, Caps, Chip, ChipHeap, Engine};

const SLOTS: usize = 512;
const EVENTS: usize = 10_000_000;

fn main() -> Result<(), BuildError> {
    println!("{:<10} {:<10} {:>12} {:>12} {:>14}", "chip", "engine", "events", "ns/event", "failed events");
    for chip in Chip::ALL {
        for engine in Engine::ALL.into_iter().filter(|engine| engine.runs_on(chip)) {
            let (nanoseconds, failed) = toggle(chip, engine)?;
            println!("{chip:<10} {engine:<10} {EVENTS:>12} {nanoseconds:>12.1} {failed:>14}");
        }
    }
    Ok(())
}

/// Nanoseconds per event, and how many allocations failed.
fn toggle(chip: Chip, engine: Engine) -> Result<(f64, usize), BuildError> {
    let mut heap = ChipHeap::builder(chip).psram(0).engine(engine).build()?;
    let mut slots: Vec<Option<NonNull<u8>>> = vec![None; SLOTS];
    let (mut random, mut failed) = (0x2545_F491_4F6C_DD1D_u64, 0);
    let start = Instant::now();
    for _ in 0..EVENTS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let slot = &mut slots[random as usize % SLOTS];
        match slot.take() {
            Some(pointer) => heap.free(pointer).expect("every slot holds a live block"),
            None => {
                *slot = heap.malloc(8 + (random >> 32) as usize % 248, Caps::INTERNAL | Caps::B8);
                failed += usize::from(slot.is_none());
            }
        }
    }
    let nanoseconds = start.elapsed().as_nanos() as f64 / EVENTS as f64;
    heap.check_integrity().expect("the heap is intact");
    Ok((nanoseconds, failed))
}
