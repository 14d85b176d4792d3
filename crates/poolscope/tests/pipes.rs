//! Pipes, exit codes and files that must not be harmed: what a snapshot cannot show.

use std::fs::{self, File};
use std::io::Write;
use std::process::{Command, Output, Stdio};

const CSV: &[u8] = include_bytes!("fixtures/sensor.csv");

fn poolscope(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_poolscope"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it with `input` on stdin.
fn run(args: &[&str], input: &[u8]) -> Output {
    let mut child = poolscope(args).spawn().unwrap();
    // The program may stop reading early; what it says is judged instead.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code, not a signal")
}

#[test]
fn import_and_info_work_as_filters() {
    let import = run(&["import", "-", "-o", "-"], CSV);
    assert_eq!(code(&import), 0);
    assert!(import.stdout.starts_with(b"\x89PTR\r\n"));
    assert!(String::from_utf8_lossy(&import.stderr).starts_with("stdin: 9 events"));

    let direct = run(&["info", "-"], CSV);
    let native = run(&["info", "-"], &import.stdout);
    assert_eq!((code(&direct), code(&native)), (0, 0));
    assert!(!direct.stdout.is_empty());
    assert_eq!(direct.stdout, native.stdout);
    assert!(direct.stderr.is_empty(), "no progress without a terminal");
}

#[test]
fn same_input_same_bytes() {
    let args = ["import", "-", "-o", "-"];
    assert_eq!(run(&args, CSV).stdout, run(&args, CSV).stdout);
}

#[test]
fn quiet_is_quiet() {
    let output = run(&["import", "-", "-o", "-", "--quiet"], CSV);
    assert_eq!(code(&output), 0);
    assert!(output.stderr.is_empty());
}

#[test]
fn bad_input_ends_with_3() {
    let native = run(&["import", "-", "-o", "-"], CSV).stdout;
    let mut version = native.clone();
    version[8] = 2;
    let inputs = [&b""[..], b"\0\xff\x80noise", &native[..native.len() / 2], &version];
    for input in inputs {
        for verb in [&["info", "-"][..], &["import", "-", "-o", "-"]] {
            let output = run(verb, input);
            assert_eq!(code(&output), 3);
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(message.contains("poolscope::") && message.contains("help:"), "{message}");
        }
    }
}

#[test]
fn a_closed_pipe_is_no_failure() {
    for args in [&["info", "-"][..], &["import", "-", "-o", "-", "-q"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = poolscope(args).stdout(writer).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(CSV);
        let output = child.wait_with_output().unwrap();
        assert_eq!(code(&output), 0, "{args:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_failed_import_leaves_the_old_trace_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [good, bad, trace] = ["good.csv", "bad.csv", "out.pooltrace"].map(|name| folder.path().join(name));
    fs::write(&good, CSV).unwrap();
    fs::write(&bad, [CSV, b"nonsense\n"].concat()).unwrap();
    let import = |from: &std::path::Path| {
        run(&["import", from.to_str().unwrap(), "-o", trace.to_str().unwrap()], b"").status.code()
    };
    assert_eq!(import(&good), Some(0));
    let before = fs::read(&trace).unwrap();
    assert_eq!(import(&bad), Some(3));
    assert_eq!(fs::read(&trace).unwrap(), before);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "no unfinished file stays behind");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_with_3() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut child = poolscope(&["info", "-"]).stdout(full).spawn().unwrap();
    child.stdin.take().unwrap().write_all(CSV).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3);
    assert!(String::from_utf8_lossy(&output.stderr).contains("poolscope::write"));
}

#[test]
fn completions_know_the_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], b"");
        assert_eq!(code(&output), 0);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("import") && script.contains("no-progress"), "{shell}");
    }
}
