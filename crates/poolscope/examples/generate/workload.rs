//! A workload like that of a connected device: small control blocks, strings, packet buffers, a few large buffers.
//!
//! | part | share | sizes in bytes | lifetime in events, mean |
//! |---|---|---|---|
//! | control blocks | 45 % | one of 12, 16, 24, 32, 48, 64, 96 | 1500 |
//! | strings, JSON | 30 % | 8 to 200, small ones more often | 300 |
//! | packets | 20 % | 60 to 1514, mostly near one end | 30 |
//! | buffers | 4.9 % | 256 to 4096, multiples of 256 | 40 |
//! | sessions | 0.1 % | 300 to 2200 | 20 000 |
//!
//! Lifetimes are exponential, so that some blocks outlive their neighbours by far, which is what fragments a heap.
//! Some 60 KiB are live at once, whatever the length. An event comes every 100 µs on average.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;

use fastrand::Rng;
use poolscope::trace::{Context, Event, Meta, SlotMap, Totals, Writer};

/// Writes a trace of about `events` events; the same `seed` gives the same trace.
///
/// Memory: that of the blocks live at once.
pub(crate) fn generate(out: impl Write, events: u64, seed: u64) -> poolscope::Result<Totals> {
    let mut rng = Rng::with_seed(seed);
    let mut meta = Meta::new("generated", 1_000_000);
    meta.title = format!("device-{seed}");
    let mut writer = Writer::new(out, &meta)?;
    let tasks = ["net", "app", "log"].map(|name| Context { name: name.to_owned(), core: 0, in_isr: false });
    for task in &tasks {
        writer.define_context(task)?;
    }
    let mut slots = SlotMap::new();
    let mut deaths: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
    let mut task = u32::MAX;
    for now in 0..events {
        if now % 64 == 0 {
            let next = rng.u32(0..tasks.len() as u32);
            if next != task {
                writer.write(Event::Switch { context: next })?;
                task = next;
            }
        }
        let dt = exponential(&mut rng, 100.0);
        match deaths.peek() {
            Some(&Reverse((death, block))) if death <= now => {
                deaths.pop();
                writer.write(slots.free(block).event(dt))?;
            }
            _ => {
                let (size, lifetime) = block(&mut rng);
                writer.write(Event::Alloc { slot: slots.alloc(now).slot, size, dt })?;
                deaths.push(Reverse((now + 1 + exponential(&mut rng, lifetime), now)));
            }
        }
    }
    writer.finish().map(|(_, totals)| totals)
}

/// Size in bytes and mean lifetime in events of the next block.
fn block(rng: &mut Rng) -> (u64, f64) {
    match rng.u32(0..1000) {
        0..450 => ([12, 16, 24, 32, 48, 64, 96][rng.usize(0..7)], 1500.0),
        450..750 => ((8 + exponential(rng, 40.0)).min(200), 300.0),
        750..850 => ((60 + exponential(rng, 60.0)).min(1514), 30.0),
        850..950 => (1514_u64.saturating_sub(exponential(rng, 60.0)).max(60), 30.0),
        950..999 => (256 * rng.u64(1..=16), 40.0),
        _ => (rng.u64(300..=2200), 20_000.0),
    }
}

fn exponential(rng: &mut Rng, mean: f64) -> u64 {
    (-(1.0 - rng.f64()).ln() * mean) as u64
}
