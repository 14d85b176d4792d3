//! How fast native traces are written and read, in memory.
//!
//! `cargo run --release -p poolscope --example decode_speed`

use std::time::Instant;

use poolscope::trace::{Event, Meta, Reader, SlotMap, Writer};

const EVENTS: u64 = 20_000_000;

fn main() -> poolscope::Result<()> {
    let start = Instant::now();
    let mut slots = SlotMap::new();
    let mut writer = Writer::new(Vec::new(), &Meta::new("noise", 1_000_000))?;
    let mut live = Vec::new();
    let mut noise = 1_u64;
    for i in 0..EVENTS {
        // Xorshift: sizes up to 4 KiB, gaps up to 1 ms, some thousand live blocks.
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let dt = noise >> 54;
        if live.len() < 1000 || (noise & 1 == 0 && live.len() < 5000) {
            writer.write(Event::Alloc { slot: slots.alloc(i).slot, size: noise >> 8 & 0xfff, dt })?;
            live.push(i);
        } else {
            let block = live.swap_remove((noise >> 8) as usize % live.len());
            writer.write(slots.free(block).event(dt))?;
        }
    }
    let (file, totals) = writer.finish()?;
    rate("written", start);
    println!("{:.2} bytes per event", file.len() as f64 / EVENTS as f64);

    let start = Instant::now();
    let mut reader = Reader::new(&file[..])?;
    let mut batch = Vec::new();
    while reader.next_batch(&mut batch)? {
        batch.clear();
    }
    rate("read", start);
    assert_eq!(reader.totals(), Some(&totals));
    Ok(())
}

fn rate(what: &str, start: Instant) {
    println!("{what}: {:.1} million events/s", EVENTS as f64 / 1e6 / start.elapsed().as_secs_f64());
}
