//! Instruction counts of pool operations, each counted exactly, judged by budgets.
//!
//! Method: the processor's trap flag stops it after every instruction, and a signal handler counts. What is counted
//! is every instruction in user space between two points. No clock is read, so the numbers are the same on a busy
//! machine, and the same twice.
//!
//! * *pair, LIFO, with loop*: take a block and return it at once, in a loop; the loop and both calls are counted,
//!   the calls are out of line, as through a C ABI. Blocks of 32 bytes, a pool of 1000.
//! * *one operation*: call and argument set-up included, over five patterns of 1000 blocks: the first fill of a new
//!   pool, LIFO pairs, FIFO (take all, return in the same order), a seeded random toggling at half fill, and a full pool
//!   of which one block at a time is returned and taken again, from the last to the first.
//!
//! Usage: `microusc-bench [--format text|json]`. Exit code 1 when a budget is exceeded.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod budget;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod patterns;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod sets;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod stepper;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod subjects;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    budget::run(std::env::args().any(|argument| argument == "json"))
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() -> std::process::ExitCode {
    eprintln!("instruction counts are taken on x86-64 Linux only");
    std::process::ExitCode::from(2)
}
