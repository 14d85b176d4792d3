//! What the targets share.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use poolscope::info::Info;
use poolscope::input::{self, Format};
use poolscope::report;
use poolscope::trace::{BadFree, Event, Meta, Reader, Totals, Writer};

/// Reads `data` as a recording of `format` (`None`: recognised). It may be refused, but it must not panic; what
/// is accepted must survive as a native trace, and a survey of it must agree with its totals.
pub fn read(data: &[u8], format: Option<Format>) {
    let Ok(mut source) = input::open(data, format) else { return };
    let mut events = Vec::new();
    loop {
        match source.next_batch(&mut events) {
            Ok(true) => {}
            Ok(false) => break,
            Err(_) => return,
        }
    }
    let mut writer = Writer::new(Vec::new(), source.meta()).expect("metadata of a recording is short");
    for context in source.contexts() {
        writer.define_context(context).expect("a recording has not more contexts than a trace");
    }
    for &event in &events {
        writer.write(event).expect("events of a source are possible");
    }
    let (trace, totals) = writer.finish().expect("writing to memory succeeds");
    assert_eq!(totals, *source.totals());
    assert_eq!(read_native(&trace), (events, totals.clone()));

    let mut again = input::open(data, format).expect("it was read before");
    let info = Info::survey(&mut *again).expect("it was read before");
    assert_eq!(info.totals, totals);
    assert!(!report::info_text(&info).is_empty() && !report::json(&info).is_empty());
}

/// A native trace with one frame that unpacks to `raw`, all lengths and checksums right: what gets a fuzzer past
/// them. Written from `docs/trace-format.md`, not with the library.
pub fn framed(kind: u8, raw: &[u8]) -> Vec<u8> {
    let mut trace = b"\x89PTR\r\n\x1a\n".to_vec();
    // Version 1; title "", source "", 1 tick per second, exact lifetimes, no notes.
    let header = [1, 0, 5, 0, 0, 0, 0, 0, 1, 0, 0];
    trace.extend(header);
    trace.extend(crc32fast::hash(&header).to_le_bytes());

    let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(raw).expect("packing to memory succeeds");
    let packed = packer.finish().expect("packing to memory succeeds");
    let mut frame = vec![kind];
    frame.extend((raw.len() as u32).to_le_bytes());
    frame.extend((packed.len() as u32).to_le_bytes());
    let crc = crc32fast::hash(&[&frame[..], &packed].concat());
    frame.extend(crc.to_le_bytes());
    trace.extend(frame);
    trace.extend(packed);
    trace
}

/// The events and totals of a native trace that is known to be sound.
fn read_native(trace: &[u8]) -> (Vec<Event>, Totals) {
    let mut reader = Reader::new(trace).expect("the header was just written");
    let mut events = Vec::new();
    while reader.next_batch(&mut events).expect("the frames were just written") {}
    (events, reader.totals().expect("the end was reached").clone())
}

/// Turns bytes into events, most of them possible ones, writes those and reads them back.
pub fn round_trip(data: &[u8]) {
    let mut writer = Writer::new(Vec::new(), &Meta::new("fuzz", 1)).expect("short metadata");
    let mut written = Vec::new();
    for chunk in data.chunks_exact(4) {
        let [op, slot, size, dt] = [chunk[0], chunk[1], chunk[2], chunk[3]];
        // Small and huge numbers alike.
        let size = u64::from(size) << (op >> 2 & 0x38);
        let dt = u64::from(dt) << (op & 0x38);
        let event = match op & 3 {
            0 | 1 => Event::Alloc { slot: slot.into(), size, dt },
            2 => Event::Free { slot: slot.into(), dt },
            _ => Event::BadFree { kind: BadFree::DoubleFree, dt },
        };
        if writer.write(event).is_ok() {
            written.push(event);
        }
    }
    let (trace, totals) = writer.finish().expect("writing to memory succeeds");
    assert_eq!(read_native(&trace), (written, totals));
}
