//! Automation for the workspace: `cargo xtask help`.
fn main() {}
