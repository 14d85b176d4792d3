//! The `poolscope` command line.
fn main() {}
