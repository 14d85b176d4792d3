mod damage;
mod logs;
mod named;

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use super::*;
use crate::Error;
use crate::trace::{BadFree, LeftOut, Lifetimes, Reader, SlotMap, Writer};
use crate::trace::{Context, Event, Findings, Meta, Totals};

const CSV: &[u8] = include_bytes!("../../tests/fixtures/sensor.csv");
const BAD_FREES: &[u8] = include_bytes!("../../tests/fixtures/bad_frees.csv");
const ALL: &[u8] = include_bytes!("../../tests/fixtures/heap_trace_all.txt");
const LEAKS: &[u8] = include_bytes!("../../tests/fixtures/heap_trace_leaks.txt");
const SYSVIEW: &[u8] = include_bytes!("../../tests/fixtures/sysview.json");
const HOOKS: &[u8] = include_bytes!("../../tests/fixtures/hooks.log");
const MTRACE: &[u8] = include_bytes!("../../tests/fixtures/mtrace.txt");
const HEAPTRACK: &[u8] = include_bytes!("../../tests/fixtures/list.heaptrack.zst");
const HEAPTRACK_GZ: &[u8] = include_bytes!("../../tests/fixtures/list.heaptrack.gz");
const HEAPTRACK_RAW: &[u8] = include_bytes!("../../tests/fixtures/list.heaptrack.raw.zst");

/// Everything a recording says.
#[derive(Debug, PartialEq)]
struct Said {
    meta: Meta,
    contexts: Vec<Context>,
    events: Vec<Event>,
    totals: Totals,
    remarks: Vec<String>,
    findings: Findings,
}

impl Said {
    /// Allocations, frees, double frees, frees of older blocks, and allocations that failed.
    fn counts(&self) -> [u64; 5] {
        let totals = &self.totals;
        [totals.allocs, totals.frees, totals.double_frees, totals.unknown_frees, self.findings.failed.count]
    }

    fn remarks_say(&self, words: &str) -> bool {
        self.remarks.iter().any(|remark| remark.contains(words))
    }
}

fn read(input: impl Read, format: Option<Format>) -> Result<Said> {
    let mut source = open(input, format)?;
    let mut events = Vec::new();
    while source.next_batch(&mut events)? {}
    Ok(Said {
        meta: source.meta().clone(),
        contexts: source.contexts().to_vec(),
        totals: source.totals().clone(),
        remarks: source.remarks(),
        findings: source.findings(),
        events,
    })
}

fn auto(input: &[u8]) -> Said {
    read(input, None).unwrap()
}

/// The content of a packed fixture.
fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    unpack::open(Box::new(packed)).unwrap().read_to_end(&mut text).unwrap();
    text
}

/// As a native trace.
fn native(said: &Said) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), &said.meta).unwrap();
    for context in &said.contexts {
        writer.define_context(context).unwrap();
    }
    for &event in &said.events {
        writer.write(event).unwrap();
    }
    said.remarks.iter().for_each(|remark| writer.remark(remark));
    writer.set_findings(said.findings.clone());
    writer.finish().unwrap().0
}

/// All formats with a small valid input each.
fn samples() -> Vec<(Format, Vec<u8>)> {
    vec![
        (Format::Native, native(&auto(SYSVIEW))),
        (Format::Heaptrack, unpacked(HEAPTRACK)),
        (Format::Heaptrack, unpacked(HEAPTRACK_RAW)),
        (Format::HeapTrace, ALL.to_vec()),
        (Format::HeapTrace, LEAKS.to_vec()),
        (Format::Sysview, SYSVIEW.to_vec()),
        (Format::Csv, CSV.to_vec()),
        (Format::Hooks, HOOKS.to_vec()),
        (Format::Mtrace, MTRACE.to_vec()),
    ]
}

#[test]
fn csv_rows_become_events() {
    let said = auto(CSV);
    assert_eq!(said.meta, Meta::new("csv", 1_000_000));
    assert_eq!(
        said.events[..5],
        [
            Event::Alloc { slot: 0, size: 512, dt: 0 },
            Event::Alloc { slot: 1, size: 64, dt: 200 },
            Event::Alloc { slot: 2, size: 64, dt: 250 },
            Event::Free { slot: 1, dt: 50 },
            Event::Alloc { slot: 1, size: 80, dt: 600 },
        ]
    );
    assert_eq!((said.totals.peak_bytes, said.totals.peak_bytes_at), (512 + 80 + 1460, 2600));
    assert_eq!((said.totals.live_blocks, said.totals.ticks), (1, 4300));
    assert!(said.remarks.is_empty());
}

#[test]
fn csv_frees_without_a_live_block_are_events() {
    let said = auto(BAD_FREES);
    assert_eq!((said.totals.double_frees, said.totals.unknown_frees), (1, 1));
    assert_eq!(said.events[2], Event::BadFree { kind: BadFree::DoubleFree, dt: 10 });
}

#[test]
fn each_oddity_of_a_csv_has_a_remark() {
    let said = auto(b"time_us,op,id,size\n9,alloc,a,1\n5,alloc,a,2\n7,free,a,");
    assert_eq!(said.totals.frees, 2);
    assert_eq!(said.remarks.len(), 3, "{:?}", said.remarks);
    assert_eq!(said.totals.ticks, 2, "one step is lost, and time runs on");
}

#[test]
fn csv_errors_name_the_line() {
    let line = |text: &str, expected: u64| {
        let text = format!("time_us,op,id,size\n{text}");
        for text in [text.replace('\n', "\r\n"), text] {
            match read(text.as_bytes(), None) {
                Err(Error::Syntax { line, .. }) => assert_eq!(line, expected, "{text:?}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    };
    line("1,alloc,a,1\n\n2,alloc,b,x\n", 4);
    line("1,alloc,a\n", 2);
    line("1,alloc,a,\n", 2);
    line("1,alloc,a,1,2\n", 2);
    line("1,alloc,,1\n", 2);
    line("1,malloc,a,1\n", 2);
    line("-1,alloc,a,1\n", 2);
    line("1,alloc,a,99999999999999999999\n", 2);
    line("1,alloc,a,1\n2,free", 3);
    assert!(matches!(read(&b"time_us,op\n1,alloc\n"[..], None), Err(Error::Syntax { line: 1, .. })));
}

#[test]
fn a_file_without_allocations_is_an_error() {
    for input in ["time_us,op,id,size\n", "time_us,op,id,size\n1,free,a,\n", "v 10400 3\n# strings: 0\n"] {
        assert!(matches!(read(input.as_bytes(), None), Err(Error::Empty { .. })), "{input}");
    }
    let json = br#"{"events": [], "version": "1.0"}"#;
    assert!(matches!(read(&json[..], None), Err(Error::Empty { .. })));
    assert!(matches!(read(io::empty(), None), Err(Error::NoData)));
}

#[test]
fn live_bytes_above_64_bits_are_an_error() {
    let text = format!("time_us,op,id,size\n1,alloc,a,{}\n2,alloc,b,10\n", u64::MAX - 5);
    assert!(matches!(read(text.as_bytes(), None), Err(Error::ImpossibleEvent(_))));
}

#[test]
fn interpreted_heaptrack_records_become_events() {
    let said = auto(HEAPTRACK);
    assert_eq!((said.meta.title.as_str(), said.meta.lifetimes), ("./list", Lifetimes::Paired));
    assert_eq!(said.meta.notes.len(), 2);
    // 20 nodes, 9 sizes of the buffer, the zeroed block; without the reserve of heaptrack's C++ library.
    assert_eq!((said.totals.allocs, said.totals.frees, said.totals.bad_frees()), (30, 25, 0));
    assert_eq!(said.findings.left_out, LeftOut { blocks: 1, bytes: 72_704 });
    assert!(said.remarks_say("1 block of 71.0 KiB (72'704 B) was left out"), "{:?}", said.remarks);
    assert_eq!(said.totals.peak_bytes, 20 * 32 + 2048 + 4096 - 2048);
    assert_eq!((said.totals.live_blocks, said.totals.live_bytes), (5, 160));
    assert!((120..400).contains(&said.totals.ticks), "{} ms", said.totals.ticks);
    assert_eq!(auto(HEAPTRACK_GZ), said);
}

#[test]
fn raw_heaptrack_records_become_events() {
    let said = auto(HEAPTRACK_RAW);
    assert_eq!(said.meta.lifetimes, Lifetimes::Exact);
    let paired = auto(HEAPTRACK).totals;
    let here = said.totals;
    assert_eq!((here.allocs, here.frees, here.live_bytes), (paired.allocs, paired.frees, paired.live_bytes));
    assert_eq!((here.peak_bytes, here.peak_blocks), (paired.peak_bytes, paired.peak_blocks));
    // The list is a stack: its fifteen newest nodes are freed, newest first.
    let freed = said.events.iter().rev().filter_map(|event| match event {
        Event::Free { slot, .. } => Some(*slot),
        _ => None,
    });
    assert_eq!(freed.skip(1).take(15).collect::<Vec<_>>(), (5..20).collect::<Vec<_>>());
}

#[test]
fn heaptrack_frees_are_paired_with_the_newest_block() {
    let text = "v 10400 3\na 8 1\na 10 2\n+ 0\nc 5\n+ 0\n+ 1\n- 0\n- 0\n- 0\n- 7\n# strings: 1\n";
    let said = auto(text.as_bytes());
    assert_eq!(
        said.events,
        [
            Event::Alloc { slot: 0, size: 8, dt: 0 },
            Event::Alloc { slot: 1, size: 8, dt: 5 },
            Event::Alloc { slot: 2, size: 16, dt: 0 },
            Event::Free { slot: 1, dt: 0 },
            Event::Free { slot: 0, dt: 0 },
            Event::BadFree { kind: BadFree::DoubleFree, dt: 0 },
            Event::BadFree { kind: BadFree::NeverAllocated, dt: 0 },
        ]
    );
}

#[test]
fn heaptrack_errors_name_the_line() {
    let read = |text: &str| read(text.as_bytes(), Some(Format::Heaptrack)).unwrap_err();
    assert!(matches!(read("v 20000 4\n"), Error::Version { found: 4, .. }));
    assert!(matches!(read("v 10000\n"), Error::Version { found: 0, .. }));
    assert!(matches!(read("time_us,op,id,size\n"), Error::Syntax { line: 1, .. }));
    assert!(matches!(read("v 10400 3\na 8 1\n+ 1\n"), Error::Syntax { line: 3, .. }));
    assert!(matches!(read("v 10400 3\na 8 1\n+ 0 1\n"), Error::Syntax { line: 3, .. }));
    assert!(matches!(read("v 10400 3\na x 1\n"), Error::Syntax { line: 2, .. }));
    assert!(matches!(read("v 10400 3\na 8 1\n? 1\n"), Error::Syntax { line: 3, .. }));
    assert!(matches!(read("v 10400 3\na 8 1\n+ 0\n"), Error::CutOff { .. }));
    assert!(matches!(read("v 10400 3\na 8 1\n+ 0\n# strings: 1"), Error::CutOff { line: 4, .. }));
}

#[test]
fn heap_trace_of_all_blocks_becomes_events() {
    let said = auto(ALL);
    assert_eq!((said.meta.tick_hz, said.meta.lifetimes), (0, Lifetimes::Unknown));
    assert_eq!((said.totals.allocs, said.totals.frees), (5, 3));
    assert_eq!((said.totals.live_blocks, said.totals.live_bytes), (2, 60));
    assert_eq!(said.totals.peak_bytes, 48 + 1460 + 48 + 4096 + 12);
    assert!(said.remarks.is_empty(), "{:?}", said.remarks);
}

#[test]
fn heap_trace_of_leaks_lists_live_blocks() {
    let said = auto(LEAKS);
    // The 32 bytes of both dumps are one block.
    assert_eq!((said.totals.allocs, said.totals.frees), (2, 0));
    assert_eq!((said.totals.live_bytes, said.totals.peak_bytes), (128, 128));
    assert_eq!(said.remarks.len(), 2, "{:?}", said.remarks);
}

#[test]
fn sysview_events_are_sorted_and_have_contexts() {
    let said = auto(SYSVIEW);
    let radio = Context { name: "radio".into(), core: 0, in_isr: false };
    let gpio = Context { name: "GPIO".into(), core: 1, in_isr: true };
    assert_eq!(said.contexts, [radio, gpio]);
    assert_eq!(
        said.events,
        [
            Event::Switch { context: 0 },
            Event::Alloc { slot: 0, size: 64, dt: 0 },
            Event::Free { slot: 0, dt: 1_000_025 },
            Event::Switch { context: 1 },
            Event::Alloc { slot: 0, size: 16, dt: 499_975 },
            Event::Switch { context: 0 },
            Event::BadFree { kind: BadFree::DoubleFree, dt: 1_500_000 },
        ]
    );
}

#[test]
fn damaged_sysview_json_is_refused() {
    let text = String::from_utf8(SYSVIEW.to_vec()).unwrap();
    let error = |from: &str, to: &str| read(text.replace(from, to).as_bytes(), None).unwrap_err();
    assert!(matches!(error("\"1.0\"", "\"2.0\""), Error::Version { found: 2, .. }));
    assert!(matches!(error("\"events\"", "\"evants\""), Error::Json(_)));
    assert!(matches!(error("0x3ffb1000", "nowhere"), Error::Json(_)));
    assert!(matches!(error("0.004", "-1"), Error::Json(_)));
    assert!(matches!(error("0.004", "1e300"), Error::Json(_)));
    assert!(matches!(error("\"heap\": {", "\"haep\": {"), Error::Empty { .. }));
    assert!(matches!(error("sent", &"x".repeat(70_000)), Error::Json(_)));
    assert!(matches!(error("\"params\": {}", &format!("\"p\": {}", "[".repeat(100))), Error::Json(_)));
    assert!(matches!(error("\"1.0\"\n}", "\"1.0\"\n} {}"), Error::Json(_)));
}

#[test]
fn too_many_sysview_contexts_are_an_error() {
    let event = |i| format!(r#"{{"id": 512, "ts": {i}, "addr": "0x1", "size": 1, "ctx_name": "{i}"}}"#);
    let events = |n: u32| format!(r#"{{"events": [{}]}}"#, (0..n).map(event).collect::<Vec<_>>().join(","));
    assert_eq!(read(events(1 << 16).as_bytes(), None).unwrap().contexts.len(), 1 << 16);
    assert!(matches!(read(events((1 << 16) + 1).as_bytes(), None), Err(Error::TooManyContexts { .. })));
}

/// A file of format version 1 as it was first written; it must stay readable as long as version 1 is read.
#[test]
fn native_traces_of_version_1_are_read() {
    let first = auto(include_bytes!("../../tests/fixtures/v1.pooltrace"));
    let today = auto(SYSVIEW);
    assert_eq!((first.events, first.contexts, first.totals), (today.events, today.contexts, today.totals));
    assert_eq!(first.meta.title, "sysview");
}

/// The recording of a real ESP32, if its place is known: 72 allocations, 27 frees.
#[test]
fn a_sysview_recording_of_a_device_is_read() {
    let Some(path) = std::env::var_os("POOLSCOPE_SYSVIEW_JSON") else {
        eprintln!("POOLSCOPE_SYSVIEW_JSON is not set");
        return;
    };
    let said = read(std::fs::File::open(path).unwrap(), None).unwrap();
    assert_eq!((said.totals.allocs, said.totals.frees, said.totals.bad_frees()), (72, 27, 0));
    assert_eq!(said.contexts.len(), 7);
    assert!((0.24..0.25).contains(&(said.totals.ticks as f64 / 1e9)));
}
