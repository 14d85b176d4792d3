//! A short run, and the flaws that it must find even without a sanitizer.

use std::process::{Command, Output};

fn stress(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_microusc-stress")).args(arguments).output().expect("the program runs")
}

#[test]
fn two_threads_and_a_handler_lose_nothing() {
    let ran = stress(&[]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn planted_flaws_are_found() {
    // Each ends with the first fault, long before so many operations.
    for flaw in ["lock", "bits"] {
        let ran = stress(&["--flaw", flaw, "--ops", "4000000000"]);
        assert_eq!(ran.status.code(), Some(1), "{flaw}: {}", String::from_utf8_lossy(&ran.stdout));
    }
}
