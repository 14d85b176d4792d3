//! A short run, and the planted flaws that it must find even without a sanitizer.

use std::process::{Command, Output};

fn stress(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_microusc-stress")).args(arguments).output().expect("the program runs")
}

#[test]
fn two_threads_and_a_handler_break_no_rule() {
    let ran = stress(&[]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn planted_flaws_are_found() {
    // Each run ends with the first fault, long before this number of operations.
    for flaw in ["lock", "bits"] {
        let ran = stress(&["--flaw", flaw, "--ops", "4000000000"]);
        assert_eq!(ran.status.code(), Some(1), "{flaw}: {}", String::from_utf8_lossy(&ran.stdout));
    }
}
