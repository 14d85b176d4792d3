//! Formats that name blocks: NULL, blocks from before, addresses that come again, clocks.

use super::*;

const HEADER: &str = "time_us,op,id,size\n";

/// The same story in every format: `A` and `F` are an allocation of 64 bytes and a free of what follows.
fn recordings(story: &[(char, &str)]) -> Vec<(Format, String)> {
    let mut texts = vec![
        (Format::Csv, HEADER.to_owned()),
        (Format::Csv, format!("I (1) boot: x\n12:34:56.789 > {HEADER}")),
        (Format::Sysview, r#"{"events":["#.to_owned()),
        (Format::Hooks, String::new()),
        (Format::Hooks, String::new()),
        (Format::Mtrace, "= Start\n".to_owned()),
        (Format::Heaptrack, "v 10400 3\nX ./app\nc 1\n".to_owned()),
    ];
    for (at, &(op, block)) in story.iter().enumerate() {
        let alloc = op == 'A';
        let time = at + 1;
        let csv =
            if alloc { format!("{time},alloc,{block},64\n") } else { format!("{time},free,{block},\n") };
        texts[0].1 += &csv;
        texts[1].1 += &format!("I (2) wifi: connected\n12:34:56.789 > {csv}");
        let (id, comma) = (if alloc { 512 } else { 513 }, if at > 0 { "," } else { "" });
        texts[2].1 += &format!(r#"{comma}{{"id":{id},"ts":{time}.0,"addr":"{block}","size":64}}"#);
        texts[3].1 += &if alloc {
            format!("I ({time}) alloc_hook: {block}, size 64\n")
        } else {
            format!("I ({time}) free_hook: {block}\n")
        };
        texts[4].1 += &if alloc { format!("malloc(64) = {block}\n") } else { format!("free({block})\n") };
        texts[5].1 +=
            &if alloc { format!("@ ./a:[0x1] + {block} 0x40\n") } else { format!("@ ./a:[0x1] - {block}\n") };
        let pointer = u64::from_str_radix(block.trim_start_matches("0x"), 16).unwrap_or(0);
        texts[6].1 += &if alloc { format!("+ 40 1 {pointer:x}\n") } else { format!("- {pointer:x}\n") };
    }
    texts[2].1 += r#"],"version":"1.0"}"#;
    texts[5].1 += "= End\n";
    texts
}

fn counts_in_every_format(story: &[(char, &str)], expected: [u64; 5]) {
    for (format, text) in recordings(story) {
        let said = read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{format:?} {error}: {text}"));
        assert_eq!(said.counts(), expected, "{format:?}: {text}");
        assert_eq!(read(text.as_bytes(), Some(format)).unwrap(), said, "{format:?}");
        assert_eq!(auto(&native(&said)), said, "{format:?}");
        if expected[4] > 0 {
            assert_eq!(said.findings.failed.largest, 64, "{format:?}");
            assert_eq!(said.totals.peak_bytes, 64, "{format:?}: what failed is not part of the peak");
        }
    }
}

#[test]
fn null_is_known_in_every_spelling_and_format() {
    for null in ["0x0", "0x00000000", "(nil)", "NULL", "(null)", "nil", "0X0"] {
        let story = [('A', "0x3ffb1000"), ('F', null), ('A', null), ('F', "0x3ffb1000"), ('F', null)];
        // The C library of mtrace and calls writes `0x0` or `(nil)`.
        if matches!(null, "0x0" | "(nil)" | "0x00000000") {
            counts_in_every_format(&story, [1, 1, 0, 0, 1]);
        } else {
            for (format, text) in
                recordings(&story).into_iter().filter(|(format, _)| *format != Format::Mtrace)
            {
                let said =
                    read(text.as_bytes(), None).unwrap_or_else(|error| panic!("{format:?} {error}: {text}"));
                assert_eq!(said.counts(), [1, 1, 0, 0, 1], "{format:?}: {text}");
            }
        }
    }
}

#[test]
fn frees_of_blocks_from_before_are_counted_apart() {
    let story = [
        ('F', "0x3ffb9000"),
        ('A', "0x3ffb1000"),
        ('F', "0x3ffb1000"),
        ('A', "0x3ffb9000"),
        ('F', "0x3ffb9000"),
    ];
    counts_in_every_format(&story, [2, 2, 0, 1, 0]);
}

#[test]
fn only_a_double_free_is_the_programs_error() {
    let story = [('A', "0x3ffb1000"), ('F', "0x3ffb1000"), ('F', "0x3ffb1000")];
    counts_in_every_format(&story, [1, 1, 1, 0, 0]);
    // A block from before that is freed twice.
    let story = [('A', "0x3ffb1000"), ('F', "0x3ffb9000"), ('F', "0x3ffb9000"), ('F', "0x3ffb1000")];
    counts_in_every_format(&story, [1, 1, 1, 1, 0]);
}

#[test]
fn an_address_that_comes_again_ends_the_block_that_had_it() {
    let story = [('A', "0x3ffb1000"), ('A', "0x3ffb1000"), ('A', "0x3ffb1000"), ('F', "0x3ffb1000")];
    counts_in_every_format(&story, [3, 3, 0, 0, 0]);
    for (format, text) in recordings(&story) {
        let said = auto(text.as_bytes());
        assert_eq!(said.totals.peak_blocks, 1, "{format:?}");
        assert!(said.remarks_say("2 blocks were allocated again"), "{format:?} {:?}", said.remarks);
    }
    let once = auto(format!("{HEADER}1,alloc,a,8\n2,alloc,a,8\n").as_bytes());
    assert!(once.remarks_say("1 block was allocated again"), "{:?}", once.remarks);
}

#[test]
fn zero_is_a_number_unless_ids_are_addresses() {
    let numbers = auto(format!("{HEADER}1,alloc,0,8\n2,alloc,1,8\n3,free,0,\n").as_bytes());
    assert_eq!(numbers.counts(), [2, 1, 0, 0, 0]);
    let addresses =
        auto(format!("{HEADER}1,alloc,0x1,8\n2,alloc,0,9000\n3,free,0,\n4,free,00000000,\n").as_bytes());
    assert_eq!(addresses.counts(), [1, 0, 0, 0, 1]);
}

#[test]
fn json_numbers_and_null_are_addresses() {
    let json = r#"{"events":[{"id":512,"ts":1,"addr":1073410048,"size":64},{"id":513,"ts":2,"addr":null,"size":0},
        {"id":512,"ts":3,"addr":null,"size":9000},{"id":512,"ts":3,"addr":0,"size":9000},{"id":513,"ts":4,"addr":"0x3ffaf000"}],
        "streams":{"heap":{"alloc":512,"free":513}},"version":"1.0"}"#;
    let said = auto(json.as_bytes());
    assert_eq!(said.counts(), [1, 1, 0, 0, 2]);
}

#[test]
fn clocks_that_wrap_or_start_anew_run_on() {
    let csv = auto(
        format!("{HEADER}4294000000,alloc,a,8\n4294500000,free,a,\n100,alloc,b,8\n1000100,free,b,\n")
            .as_bytes(),
    );
    assert_eq!(csv.totals.ticks, 500_000 + 1_000_000);
    assert!(csv.remarks_say("steps back 1 time,") && csv.remarks.len() == 1, "{:?}", csv.remarks);
    let hooks = auto(b"I (900) alloc_hook: 0x3ffb1000, size 8\nI (100) free_hook: 0x3ffb1000\nI (150) alloc_hook: 0x3ffb1000, size 8\n");
    assert_eq!((hooks.meta.tick_hz, hooks.totals.ticks), (1000, 50));
    let event = |id: u32, ts: f64, core: u8| {
        format!(r#"{{"id":{id},"ts":{ts},"addr":"0x3ffb1000","size":8,"core_id":{core}}}"#)
    };
    let events = [event(512, 17.0, 0), event(513, 17.5, 1), event(512, 0.5, 0), event(513, 1.0, 1)].join(",");
    let json = auto(format!(r#"{{"events":[{events}],"version":"1.0"}}"#).as_bytes());
    assert_eq!((json.counts(), json.totals.ticks), ([2, 2, 0, 0, 0], 1_000_000_000));
    assert!(json.remarks_say("1 backward clock step was taken as 0"), "{:?}", json.remarks);
}

#[test]
fn csv_columns_may_have_any_order_and_delimiter() {
    let tasks = auto(b"time_us,op,id,size,task,core\n1,alloc,a,16,main,1\n2,free,a,,wifi,0\n");
    let names: Vec<_> = tasks.contexts.iter().map(|context| (&*context.name, context.core)).collect();
    assert_eq!((names, tasks.counts()), (vec![("main", 1), ("wifi", 0)], [1, 1, 0, 0, 0]));
    let unknown = auto(b"size,note,id,op,time_us\n16,x,a,alloc,1\n,x,a,free,2\n");
    assert_eq!(unknown.counts(), [1, 1, 0, 0, 0]);
    assert!(unknown.remarks_say("1 column of unknown meaning ignored"));
    let largest = auto(b"time_us,op,id,size,largest_free\n1,alloc,a,16,\n2,alloc,NULL,9000,4096\n");
    assert_eq!(largest.findings.failed.sizes[0].largest_free, Some(4096));
    let sheet =
        auto("\u{feff}\"time_us\";\"op\";\"id\";\"size\"\r\n1;alloc;a;16\r\n2;free;a;\r\n".as_bytes());
    assert_eq!(sheet.counts(), [1, 1, 0, 0, 0]);
    assert!(matches!(
        read(&b"time_us,op,id,size,size\n1,alloc,a,1,1\n"[..], None),
        Err(Error::Syntax { line: 1, .. })
    ));
    let between =
        auto(format!("{HEADER}1,alloc,0x1,16\nI (310) wifi:new:<1,0>, old:<1,0>\n2,free,0x1,\n").as_bytes());
    assert!(
        between.counts() == [1, 1, 0, 0, 0] && between.remarks_say("1 line of a device log"),
        "{:?}",
        between.remarks
    );
    assert!(matches!(
        read(format!("{HEADER}nonsense\n").as_bytes(), None),
        Err(Error::Syntax { line: 2, .. })
    ));
}

#[test]
fn csv_in_a_log_says_what_is_damaged() {
    let log = "I (1) a: b\n1,alloc,0x1,16\n2,alloc,0x2,I (5) wifi: x\n3,free,0x1,\nwifi,alloc,\n";
    let said = auto(log.as_bytes());
    assert_eq!(said.counts(), [1, 1, 0, 0, 0]);
    assert!(
        said.remarks_say("1 record was damaged and left out, the first at line 3")
            || said.remarks_say("2 records were damaged and left out, the first at line 3"),
        "{:?}",
        said.remarks
    );
    assert!(said.remarks_say("there is no header"));
    let error = read(&b"I (1) a: b\n"[..], Some(Format::Csv)).unwrap_err();
    assert!(matches!(error, Error::Syntax { line: 1, .. }), "{error}");
}

/// A recording of nothing but failures is one.
#[test]
fn failures_alone_are_a_recording() {
    let said = auto(format!("{HEADER}1,alloc,NULL,9000\n").as_bytes());
    assert_eq!((said.counts(), said.totals.peak_bytes), ([0, 0, 0, 0, 1], 0));
}

#[test]
fn hook_lines_of_a_device_become_events() {
    let said = auto(HOOKS);
    assert_eq!((said.counts(), said.meta.tick_hz, said.totals.ticks), ([2, 1, 0, 1, 1], 1000, 30));
    let failed = said.findings.failed.sizes[0];
    assert_eq!((failed.size, failed.largest_free), (250_000, Some(113_792)));
}

#[test]
fn mtrace_lines_become_events() {
    let said = auto(MTRACE);
    assert_eq!((said.counts(), said.meta.tick_hz), ([3, 2, 0, 1, 1], 0));
    assert_eq!((said.totals.live_bytes, said.findings.failed.largest), (24, 0x1000_0000));
    assert!(said.remarks.is_empty(), "{:?}", said.remarks);
    let text = String::from_utf8(MTRACE.to_vec()).unwrap();
    assert!(auto(text.replace("= End\n", "").as_bytes()).remarks_say("no \"= End\""));
    assert!(auto(text.replace("= Start\n", "").as_bytes()).remarks_say("no \"= Start\""));
    assert!(auto(format!("12:00 starting\n{text}").as_bytes()).counts() == said.counts());
}

/// libstdc++'s reserve is known by its call stack, not by its size.
#[test]
fn the_programs_own_blocks_are_kept() {
    let text = String::from_utf8(unpacked(HEAPTRACK)).unwrap();
    let raw = String::from_utf8(unpacked(HEAPTRACK_RAW)).unwrap();
    let whole = auto(text.as_bytes()).totals;
    // The same size, requested in main.
    let own = text.replacen("a 20 9\n", "a 11c00 9\n", 1);
    assert_eq!(auto(own.as_bytes()).totals.allocs, whole.allocs);
    assert_eq!(auto(own.as_bytes()).findings.left_out, LeftOut { blocks: 1, bytes: 72_704 });
    let own = raw.replace("+ 20 9 ", "+ 11c00 9 ");
    assert_eq!((auto(own.as_bytes()).totals.allocs, auto(own.as_bytes()).findings.left_out.blocks), (30, 1));
    // Another size, requested by libstdc++ when it is loaded.
    let other = text.replacen("a 11c00 4\n", "a 12000 4\n", 1);
    assert_eq!(auto(other.as_bytes()).findings.left_out, LeftOut { blocks: 1, bytes: 0x12000 });
    // libstdc++ called by the program.
    let called = text.replacen("a 20 9\n", "i 7f9c002a57b9 6\nt c 8\na 20 c\n", 1);
    assert_eq!(auto(called.as_bytes()).totals.allocs, whole.allocs);
    // Without call stacks only the first block of that size is taken for it.
    let bare = "v 10400 3\n+ 11c00 0 1000\n+ 11c00 0 90000\n- 1000\n- 90000\n";
    assert_eq!(
        (auto(bare.as_bytes()).counts()[..2].to_vec(), auto(bare.as_bytes()).findings.left_out.blocks),
        (vec![1, 1], 1)
    );
    let later = "v 10400 3\n+ 20 0 500\n+ 11c00 0 1000\n- 1000\n";
    assert_eq!(auto(later.as_bytes()).findings.left_out.blocks, 0);
}
