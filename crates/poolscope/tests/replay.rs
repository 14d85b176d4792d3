//! `poolscope replay` with files and pipes: what a snapshot cannot show.

use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use poolscope::layout::{Layout, Placement};

const CSV: &[u8] = include_bytes!("fixtures/replay/fragmentation.csv");

/// Runs `poolscope replay` with `CSV` on stdin.
fn replay(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poolscope"));
    command.args(["replay", "--no-timing", "--chip", "esp32c3"]).args(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may have no use for it.
    let _ = child.stdin.take().unwrap().write_all(CSV);
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code, not a signal")
}

#[test]
fn a_derived_layout_can_be_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (trace, layout) = (path("run.csv"), path("pools.toml"));
    fs::write(&trace, CSV).unwrap();
    let derived = replay(&[&trace, "--emit-layout", &layout, "--format", "json"]);
    assert_eq!(code(&derived), 0);
    assert!(String::from_utf8_lossy(&derived.stderr).contains("--layout"), "says what to do with it");

    let given = replay(&[&trace, "--layout", &layout, "--format", "json"]);
    let piped = replay(&["-", "--layout", &layout, "--format", "json"]);
    assert_eq!((code(&given), code(&piped)), (0, 0));
    let value = |output: &Output| -> serde_json::Value { serde_json::from_slice(&output.stdout).unwrap() };
    let (mut derived, mut given, mut piped) = (value(&derived), value(&given), value(&piped));
    assert_eq!(given["derived"], serde_json::Value::Null);
    // The title comes from the file name, which a pipe has not.
    piped["meta"]["title"] = given["meta"]["title"].clone();
    assert_eq!(given, piped);
    derived["derived"].take();
    assert_eq!(given["derived"].take(), derived["derived"]);
    assert_eq!(given, derived);
}

/// An output that would destroy an input or another output is refused, and a replay that fails writes nothing.
#[test]
fn an_output_that_is_also_an_input_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (trace, layout, bad) = (path("run.csv"), path("pools.toml"), path("bad.csv"));
    fs::write(&trace, CSV).unwrap();
    fs::write(&bad, [CSV, b"1,alloc,b,many\n"].concat()).unwrap();
    assert_eq!(code(&replay(&[&trace, "--emit-layout", &layout])), 0);
    let toml = fs::read(&layout).unwrap();
    for arguments in [
        &[&*trace, "-o", &trace][..],
        &[&trace, "--emit-layout", &trace],
        &[&trace, "--layout", &layout, "-o", &layout],
        &[&trace, "--emit-layout", &layout, "-o", &layout],
        &[&trace, "--emit-layout", "-"],
    ] {
        assert_eq!(code(&replay(arguments)), 2, "{arguments:?}");
    }
    assert_eq!((fs::read(&trace).unwrap(), fs::read(&layout).unwrap()), (CSV.to_vec(), toml));
    let (result, emitted) = (path("result.json"), path("emitted.toml"));
    let failed = replay(&[&bad, "--emit-layout", &emitted, "-o", &result, "--format", "json"]);
    assert_eq!((code(&failed), failed.stdout.len()), (3, 0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn results_in_files_have_no_colours() {
    let folder = tempfile::tempdir().unwrap();
    let (trace, outcome) = (folder.path().join("run.csv"), folder.path().join("outcome.txt"));
    fs::write(&trace, CSV).unwrap();
    let (trace, report_path) = (trace.to_str().unwrap(), outcome.to_str().unwrap());
    let to_file = replay(&[trace, "--color", "always", "-o", report_path]);
    assert!(to_file.stdout.is_empty() && to_file.stderr.is_empty() && code(&to_file) == 0);
    let (plain, coloured) = (replay(&[trace, "--color", "never"]), replay(&[trace, "--color", "always"]));
    assert_eq!(fs::read(&outcome).unwrap(), plain.stdout);
    assert!(!plain.stdout.contains(&0x1b) && coloured.stdout.contains(&0x1b));
}

#[test]
fn the_documented_layout_is_parsed() {
    let page = include_str!("../../../docs/layout-format.md");
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let layout = Layout::parse(example).unwrap();
    assert_eq!((layout.spill, layout.heap_fallback, layout.pools.len()), (false, true, 3));
    assert_eq!((layout.pools[0].block_size, layout.pools[0].placement), (64, Placement::Dram));
    assert_eq!((layout.pools[2].blocks, layout.pools[2].placement), (4, Placement::Psram));
    for key in ["spill", "heap_fallback", "name", "block_size", "blocks", "placement"] {
        assert!(page.contains(&format!("| `{key}` |")), "{key}");
    }
}
