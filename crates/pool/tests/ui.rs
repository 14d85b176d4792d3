//! Promises about threads, lifetimes and ownership that the compiler keeps: programs that break them do not compile.

// The messages name the default lock, which the feature changes.
#![cfg(not(feature = "critical-section"))]

use std::process::Command;

/// The compiler whose words the `.stderr` files repeat: the minimum supported version. Where another one runs the tests,
/// `cargo xtask test` runs this one again by the minimum supported version, and says so if that is not installed.
const SNAPSHOTS_OF: &str = env!("CARGO_PKG_RUST_VERSION");

#[test]
fn broken_promises_do_not_compile() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a Rust compiler runs the tests");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with(&format!("rustc {SNAPSHOTS_OF}")) {
        println!("SKIPPED: the expected messages are those of rustc {SNAPSHOTS_OF}, this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
