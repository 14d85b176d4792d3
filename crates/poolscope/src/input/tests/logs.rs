//! Recordings inside of what a device, a monitor and a terminal make of them.

use super::*;

/// A dump of two blocks, the first of them freed.
const DUMP: &str = "\
====== Heap Trace: 2 records (10 capacity) ======
    64 bytes (@ 0x3ffb1000, Internal) allocated CPU 0 ccount 0x00010000 caller 0x400d1000:0x400d2000
freed by 0x400d3000:0x400d4000
   128 bytes (@ 0x3ffb2000, Internal) allocated CPU 1 ccount 0x00020000 caller 0x400d1000:0x400d2000
====== Heap Trace Summary ======
Mode: Heap Trace All
128 bytes alive in trace (1/2 allocations)
";

/// The same without call stacks.
const BARE: &str = "\
====== Heap Trace: 2 records (10 capacity) ======
    64 bytes (@ 0x3ffb1000, Internal) allocated CPU 0 ccount 0x00010000 freed
   128 bytes (@ 0x3ffb2000, Internal) allocated CPU 1 ccount 0x00020000
====== Heap Trace Summary ======
";

fn said(text: &str) -> Said {
    read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn record(address: u32, ccount: u32, size: u32, rest: &str) -> String {
    format!("  {size} bytes (@ {address:#x}, Internal) allocated CPU 0 ccount {ccount:#010x} {rest}\n")
}

fn dump(records: &str) -> String {
    let count = records.matches(" bytes (@ ").count();
    format!(
        "====== Heap Trace: {count} records (100 capacity) ======\n{records}====== Heap Trace Summary ======\n"
    )
}

#[test]
fn text_around_the_lines_changes_nothing() {
    let prefixes = [
        "10:00:00.101 -> ",
        "12:34:56.789 > ",
        "[2024-05-06 10:00:00.102] ",
        "2024-05-06T10:00:00.102Z ",
        "10:00:00 PM | ",
        "I (310) heap: ",
        "12:34:56.789 > I (310) heap: ",
        "[   310][I][main.cpp:12] loop(): ",
        "\x1b[0;32m",
        "\0\0",
        "\t",
        "\r",
        "\x1b[0;32mI (310) heap: ",
    ];
    let suffixes = ["", "\x1b[0m", "\r", "\r\r", "  ", "\0"];
    for text in [DUMP, BARE] {
        let plain = said(text);
        assert_eq!((plain.counts(), plain.totals.live_bytes), ([2, 1, 0, 0, 0], 128));
        assert!(plain.remarks.is_empty(), "{:?}", plain.remarks);
        for prefix in prefixes {
            for suffix in suffixes {
                let lines: String = text.lines().map(|line| format!("{prefix}{line}{suffix}\n")).collect();
                assert_eq!(said(&lines), plain, "{prefix:?} {suffix:?}");
            }
        }
    }
}

#[test]
fn text_in_every_encoding_is_read() {
    let text = DUMP.replace('\n', "\r\n");
    for mark in ["", "\u{feff}"] {
        let units: Vec<u16> = format!("{mark}{text}").encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let utf8 = format!("{mark}{text}");
        for bytes in [&little[..], &big, utf8.as_bytes()] {
            assert_eq!(auto(bytes), said(DUMP), "mark {mark:?}");
        }
    }
    let csv: Vec<u8> =
        String::from_utf8(CSV.to_vec()).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(auto(&csv), auto(CSV));
    for whole in [SYSVIEW, CSV, MTRACE] {
        assert_eq!(auto(&[b"\xef\xbb\xbf", whole].concat()), auto(whole));
    }
}

/// A line end anywhere in a record, or the line of another task, loses nothing but the call stack.
#[test]
fn broken_or_interrupted_records_are_joined() {
    for text in [DUMP, BARE] {
        let plain = said(text);
        let first = text.find("    64 bytes").unwrap() + "    64 bytes (@ 0x".len();
        let end = first + text[first..].find('\n').unwrap();
        for at in first..end {
            let (before, after) = text.split_at(at);
            for between in ["\n", "\r\n", "I (123) wifi: connected\n", "\nI (123) wifi: connected\n"] {
                // A number that is broken may look whole; then what follows must be the very next thing.
                let interrupted = between.contains("wifi");
                let inside = |field: &str| {
                    let field = text.find(field).unwrap() + 1..text.find(field).unwrap() + field.len();
                    field.contains(&at)
                };
                if interrupted && (inside("0x3ffb1000") || inside("0x00010000")) {
                    continue;
                }
                let broken = said(&format!("{before}{between}{after}"));
                assert_eq!(broken.totals.allocs, 2, "{before}{between}{after}");
                let after_ccount = at > text.find("0x00010000").unwrap() + 9;
                if text == DUMP || !interrupted || !after_ccount {
                    assert_eq!(broken.totals.frees, 1, "{before}{between}{after}");
                    assert_eq!(broken.events, plain.events);
                }
            }
        }
    }
}

#[test]
fn lines_of_the_program_are_not_records() {
    let noise =
        "I (120) ota: wrote 4096 bytes (@ 0x10000) of image\nI (121) ota: 17 bytes (@ flash)\n{\"boot\":1}\n";
    let plain = said(DUMP);
    assert_eq!(said(&format!("{noise}{DUMP}{noise}")), plain);
    let inside =
        DUMP.replace("freed by", &format!("{noise}I (1) app: buffer freed by 0x1 is gone\nfreed by"));
    assert_eq!(said(&inside), plain);
    let long = "I (50) app: heartbeat, free heap 123456\n".repeat(20_000);
    assert_eq!(said(&format!("{long}{DUMP}")), plain);
}

#[test]
fn a_cut_off_recording_has_a_remark() {
    let lines: Vec<&str> = DUMP.lines().collect();
    // The beginning is missing.
    let tail = said(&lines[1..].join("\n"));
    assert_eq!(tail.counts()[..2], [2, 1]);
    assert!(tail.remarks_say("the beginning of 1 dump is missing"), "{:?}", tail.remarks);
    let stray = said(&lines[2..].join("\n"));
    assert_eq!(stray.counts()[..2], [1, 0]);
    // The end is missing: all records are there, or only the first.
    let head = said(&lines[..4].join("\n"));
    assert_eq!(head.counts()[..2], [2, 1]);
    let one = said(&(lines[..3].join("\n") + "\n"));
    assert_eq!(one.counts()[..2], [1, 1]);
    assert!(one.remarks_say("cut off at line 3: its header announces 2 records, 1 whole record was there"));
    // A line in the middle is missing, or damaged.
    let middle = said(&DUMP.replace(lines[1], ""));
    assert_eq!(middle.counts()[..2], [1, 0]);
    assert!(
        middle.remarks_say("1 dump has not as many records") && middle.remarks_say("1 \"freed by\" line")
    );
    let damaged = said(&DUMP.replace("allocated CPU 1", "allocat#d CPU 1"));
    assert_eq!(damaged.counts()[..2], [1, 1]);
    assert!(
        damaged.remarks_say("1 record was damaged and left out, the first at line 4"),
        "{:?}",
        damaged.remarks
    );
}

#[test]
fn a_dump_of_one_kind_of_memory_is_not_cut_off() {
    let text = "====== Heap Trace: 3 records (100 capacity) ======\n".to_owned()
        + &record(0x3ffb_8000, 1, 64, "caller 0x400d1000")
        + "====== Heap Trace Summary ======\nMode: Heap Trace Leaks\n64 bytes 'leaked' in trace (1 allocations)\n";
    let caps = said(&text);
    assert!(caps.remarks_say("heap_trace_dump_caps"), "{:?}", caps.remarks);
    let fewer = said(&text.replace("(1 allocations)", "(3 allocations)"));
    assert!(!fewer.remarks_say("heap_trace_dump_caps") && fewer.remarks_say("lines of the log are missing"));
}

#[test]
fn an_address_that_comes_again_ends_the_block_that_had_it() {
    let reused: String = (0..500)
        .map(|i| record(0x3ffb_1000, i << 8, 1500, "caller 0x400d1000\nfreed by 0x400d2000"))
        .collect();
    let reused = said(&dump(&reused));
    assert_eq!((reused.counts(), reused.totals.peak_blocks), ([500, 500, 0, 0, 0], 1));
    assert!(reused.remarks.is_empty(), "{:?}", reused.remarks);
    // A block that lies over the end of one and the start of another ends both.
    let over = record(0x3ffb_1000, 1, 64, "freed")
        + &record(0x3ffb_1040, 2, 64, "freed")
        + &record(0x3ffb_1020, 3, 64, "");
    let over = said(&dump(&over));
    assert_eq!(
        (over.counts()[..2].to_vec(), over.totals.peak_blocks, over.totals.live_blocks),
        (vec![3, 2], 2, 1)
    );
    // The same where the free was not listed.
    let unlisted = said(&dump(&(record(0x3ffb_1000, 1, 64, "") + &record(0x3ffb_1000, 2, 64, ""))));
    assert_eq!((unlisted.totals.live_blocks, unlisted.totals.frees), (1, 1));
    assert!(unlisted.remarks_say("1 block was in the way of a later one"));
}

#[test]
fn dumps_that_repeat_list_the_same_blocks() {
    let block = |i: u32| {
        record(
            0x3ffb_0000 + i * 0x100,
            i,
            64,
            if i.is_multiple_of(2) { "caller 0x400d1000" } else { "caller 0x400d2000:0x400d3000" },
        )
    };
    let list = |blocks: &[u32]| dump(&blocks.iter().map(|&i| block(i)).collect::<String>());
    // Of 0x400d1000 one block comes with each dump; of the other site one goes and one comes.
    let log = list(&[1, 2]) + "I (5) app: next\n" + &list(&[2, 3, 4]) + &list(&[2, 3, 4, 6]);
    let growth = said(&log);
    assert_eq!(
        (growth.counts(), growth.totals.live_blocks, growth.totals.peak_blocks),
        ([5, 1, 0, 0, 0], 4, 4)
    );
    let sites: Vec<_> =
        growth.findings.call_sites.iter().map(|site| (&*site.site, site.first_blocks, site.blocks)).collect();
    assert_eq!(sites, [("0x400d1000", 1, 3), ("0x400d2000:0x400d3000", 1, 1)]);
    assert_eq!(growth.findings.dumps, 3);
    // All records are listed in each dump, freed or not.
    let freed = |i: u32| block(i) + "freed by 0x400d9000\n";
    let all = dump(&(freed(1) + &block(2))) + &dump(&(freed(1) + &freed(2) + &block(3)));
    let all = said(&all);
    assert_eq!((all.counts()[..2].to_vec(), all.totals.live_blocks), (vec![3, 2], 1));
    // A dump that is cut off says nothing about the blocks that it does not list.
    let cut = list(&[1, 2]) + "====== Heap Trace: 9 records (100 capacity) ======\n" + &block(3);
    assert_eq!(said(&cut).totals.live_blocks, 3);
}

#[test]
fn a_device_that_starts_anew_has_no_blocks() {
    for line in [
        "Rebooting...",
        "ESP-ROM:esp32s3-20210327",
        "rst:0x1 (POWERON),boot:0x8",
        "ets Jul 29 2019 12:21:46",
        "I (24) boot: ESP-IDF v5.5",
    ] {
        let block = record(0x3ffb_1000, 7, 64, "caller 0x400d1000");
        let twice = said(&format!("{}{line}\n{}", dump(&block), dump(&block)));
        assert_eq!((twice.counts()[..2].to_vec(), twice.totals.peak_blocks), (vec![2, 1], 1), "{line}");
        assert!(twice.remarks_say("the device started anew 1 time"), "{:?}", twice.remarks);
        // What was live when the log ends stays to be seen.
        assert_eq!(said(&format!("{}{line}\nI (1) app: ready\n", dump(&block))).totals.live_blocks, 1);
        let csv = said(&format!("I (1) a: b\n5,alloc,0x3ffb1000,64\n{line}\n3,alloc,0x3ffb1000,64\n"));
        assert_eq!((csv.counts()[..2].to_vec(), csv.totals.live_blocks), (vec![2, 1], 1), "{line}");
        let hooks = said(&format!("[alloc hook] 0x3ffb1000 64\n{line}\n[free hook] 0x3ffb1000\n"));
        assert_eq!(hooks.counts(), [1, 1, 0, 1, 0], "{line}");
    }
    let panic = dump(
        &(record(0x3fcb_9000, 1, 224, "caller 0x40371000")
            + "    18 bytes (@ 0x3fcb9a00, Internal) allocated CPU 0Guru Meditation Error: Core  1 panic'ed.\nRebooting...\n"),
    );
    let panic = said(panic.split("======\n").take(2).collect::<Vec<_>>().join("======\n").as_str());
    assert_eq!((panic.counts()[..2].to_vec(), panic.totals.live_bytes), (vec![1, 0], 224));
    assert!(
        panic.remarks_say("its header announces 2 records, 1 whole record was there"),
        "{:?}",
        panic.remarks
    );
}

#[test]
fn external_ram_is_known_by_label_and_by_address() {
    let psram =
        |said: &Said| said.events.iter().filter(|event| matches!(event, Event::Memory { .. })).count();
    let label =
        record(0x3fc9_8000, 1, 64, "").replace("Internal", "   PSRAM") + &record(0x3fc9_9000, 2, 64, "");
    assert_eq!(psram(&said(&dump(&label))), 2);
    let address = record(0x3c01_0020, 1, 64, "").replace(", Internal", "");
    assert_eq!(psram(&said(&dump(&address))), 1);
    assert_eq!(psram(&said(DUMP)), 0);
    assert_eq!(psram(&auto(HOOKS)), 1);
    for address in ["0x3f800010", "0x48000010", "0x43000010", "0x3f500010"] {
        let csv = format!("time_us,op,id,size\n1,alloc,{address},64\n2,free,{address},\n");
        assert_eq!(psram(&said(&csv)), 1, "{address}");
        let json =
            format!(r#"{{"events":[{{"id":512,"ts":1,"addr":"{address}","size":64}}],"version":"1.0"}}"#);
        assert_eq!(psram(&said(&json)), 1, "{address}");
    }
}

#[test]
fn other_outputs_of_a_device_name_what_they_lack() {
    let texts = [
        (
            "I (1) a: b\nShowing data for heap: 0x3ffae6e0 \nBlock 0x3ffaea4c data, size: 1600 bytes, Free: No \n",
            "heap_caps_dump",
        ),
        ("Task: main -> CAP_8BIT: 1200 CAP_32BIT: 0\n", "heap_task_info"),
        (
            "Heap summary for capabilities 0x00001800:\n  At 0x3ffae6e0 len 6432 free 4 allocated 6160 min_free 4\n",
            "heap_caps_print_heap_info",
        ),
        (
            "[0.002000000] HEAP: Allocated 8 bytes @ 0x3ffb1100 from task \"main\" on core 0 by:\n",
            "sysviewtrace_proc.py",
        ),
        (
            "{\"traceEvents\":[{\"name\":\"malloc\",\"ph\":\"i\",\"ts\":1,\"args\":{\"size\":16}}]}",
            "Perfetto",
        ),
        ("[{\"name\":\"malloc\",\"ph\":\"i\",\"ts\":1}]", "Perfetto"),
        ("==12== Memcheck, a memory error detector\n==12== HEAP SUMMARY:\n", "memcheck"),
        ("desc: --massif-out-file=x\ncmd: ./x\nsnapshot=0\nmem_heap_B=0\n", "massif"),
    ];
    for (text, name) in texts {
        match read(text.as_bytes(), None) {
            Err(error @ Error::NoRecording { .. }) => assert!(error.to_string().contains(name), "{error}"),
            other => panic!("{text}: {other:?}"),
        }
        // A recording in the same log is read all the same.
        if !text.contains('{') {
            assert_eq!(said(&format!("{text}{DUMP}")).counts()[..2], [2, 1]);
        }
    }
}
