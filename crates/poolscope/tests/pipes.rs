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
    // The program may stop reading early; what it prints is compared instead.
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
fn the_same_input_gives_the_same_bytes() {
    let args = ["import", "-", "-o", "-"];
    assert_eq!(run(&args, CSV).stdout, run(&args, CSV).stdout);
}

#[test]
fn quiet_commands_print_no_messages() {
    let output = run(&["import", "-", "-o", "-", "--quiet"], CSV);
    assert_eq!(code(&output), 0);
    assert!(output.stderr.is_empty());
}

#[test]
fn bad_input_has_exit_code_3() {
    let native = run(&["import", "-", "-o", "-"], CSV).stdout;
    let mut version = native.clone();
    version[8] = 3;
    let inputs = [&b""[..], b"\0\xff\x80noise", &native[..native.len() / 2], &version];
    for input in inputs {
        for command in [&["info", "-"][..], &["import", "-", "-o", "-"]] {
            let output = run(command, input);
            assert_eq!(code(&output), 3);
            let message = String::from_utf8_lossy(&output.stderr);
            assert!(message.contains("poolscope::") && message.contains("help:"), "{message}");
        }
    }
}

#[test]
fn a_closed_pipe_has_exit_code_0() {
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

/// What is read before the fault is no output: a reader of the pipe sees a whole trace or nothing.
#[test]
fn a_failed_import_writes_nothing() {
    let many = (0..200_000).map(|i| format!("{i},alloc,{i},16\n")).collect::<String>();
    let damaged = [CSV, many.as_bytes(), b"1,alloc,b,many\n"].concat();
    let failed = run(&["import", "-", "-o", "-"], &damaged);
    assert_eq!((code(&failed), failed.stdout.len()), (3, 0));
    let whole = [CSV, many.as_bytes()].concat();
    assert!(run(&["import", "-", "-o", "-"], &whole).stdout.starts_with(b"\x89PTR"));
    #[cfg(unix)]
    {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        // Opened for both, so that nothing waits.
        let mut end = File::options().read(true).write(true).open(&fifo).unwrap();
        assert_eq!(code(&run(&["import", "-", "-o", fifo.to_str().unwrap()], &damaged)), 3);
        end.write_all(b"!").unwrap();
        let mut first = [0];
        std::io::Read::read_exact(&mut end, &mut first).unwrap();
        assert_eq!(first, *b"!");
    }
}

/// The file behind a link is replaced, with its rights; the link stays.
#[test]
#[cfg(unix)]
fn outputs_keep_symbolic_links_and_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("in.csv"), CSV).unwrap();
    let import = |from: &str, to: &str| {
        run(&["import", path(from).to_str().unwrap(), "-o", path(to).to_str().unwrap()], b"").status.code()
    };
    assert_eq!(import("in.csv", "new.pooltrace"), Some(0));
    File::create(path("plain")).unwrap();
    let mode = |name: &str| fs::metadata(path(name)).unwrap().permissions().mode();
    assert_eq!(mode("new.pooltrace"), mode("plain"));
    fs::set_permissions(path("new.pooltrace"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("new.pooltrace", path("link")).unwrap();
    assert_eq!(import("in.csv", "link"), Some(0));
    assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
    assert_eq!(mode("new.pooltrace") & 0o777, 0o640);
    // The input by another name is still the input.
    fs::hard_link(path("in.csv"), path("other.csv")).unwrap();
    assert_eq!((import("in.csv", "other.csv"), fs::read(path("in.csv")).unwrap()), (Some(2), CSV.to_vec()));
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
fn a_full_disk_has_exit_code_3() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut child = poolscope(&["info", "-"]).stdout(full).spawn().unwrap();
    child.stdin.take().unwrap().write_all(CSV).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3);
    assert!(String::from_utf8_lossy(&output.stderr).contains("poolscope::write"));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(&["completions", shell], b"");
        assert_eq!(code(&output), 0);
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("import") && script.contains("no-progress"), "{shell}");
    }
}
