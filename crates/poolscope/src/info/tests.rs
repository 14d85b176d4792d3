use super::*;
use crate::{input, report};

fn survey(csv: &str) -> Info {
    let csv = format!("time_us,op,id,size\n{csv}");
    Info::survey(&mut *input::open(csv.as_bytes(), None).unwrap()).unwrap()
}

#[test]
fn lifetimes_and_leaks_are_counted() {
    let info = survey(
        "0,alloc,a,8\n5,alloc,b,100\n6,free,b,\n1000,free,a,\n1000,alloc,c,24\n1000,alloc,d,16\n1001,alloc,e,16\n",
    );
    assert_eq!((info.lifetimes.blocks, info.lifetimes.p50, info.lifetimes.max), (2, 1, 1000));
    let rows: Vec<_> = info.lifetimes.histogram.iter().map(|row| (row.from, row.below, row.blocks)).collect();
    assert_eq!(rows, [(1, 10, 1), (1000, 10_000, 1)]);
    assert_eq!(info.leaks, [SizeCount { size: 16, blocks: 2 }, SizeCount { size: 24, blocks: 1 }]);
    assert_eq!((info.totals.live_bytes, info.totals.peak_bytes_at), (56, 5));
    assert!(info.is_faulty());
}

#[test]
fn a_recording_without_leaks_has_no_fault() {
    let info = survey("0,alloc,a,8\n1,free,a,\n");
    assert!(!info.is_faulty());
    assert!(report::info_text(&info).contains("Leaks         none"));
    assert!(!report::info_text(&info).contains("Blocks live at the end"));
}

#[test]
fn the_events_of_each_context_are_counted() {
    let json = include_bytes!("../../tests/fixtures/sysview.json");
    let info = Info::survey(&mut *input::open(&json[..], None).unwrap()).unwrap();
    let counts: Vec<_> = info
        .contexts
        .iter()
        .map(|row| (row.context.name.as_str(), row.allocs, row.frees, row.double_frees))
        .collect();
    assert_eq!(counts, [("radio", 1, 1, 1), ("GPIO", 1, 0, 0)]);
    assert_eq!(info.events, 4);
}

#[test]
fn the_json_form_has_its_version_first() {
    let json = report::json(&survey("0,alloc,a,8\n"));
    assert!(json.starts_with("{\n  \"schema\": \"poolscope.info/2\",\n"), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["totals"]["live_bytes"], 8);
    assert_eq!(value["lifetimes"]["known"], "exact");
}

#[test]
fn control_characters_of_a_file_are_not_printed() {
    let mut info = survey("0,alloc,a,8\n");
    info.meta.title = "\x1b]0;owned\x07".into();
    info.remarks.push("\x1b[2J".into());
    assert!(!report::info_text(&info).contains(['\x1b', '\x07']));
}
