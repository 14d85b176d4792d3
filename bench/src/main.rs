//! Instruction counts of pool operations, counted exactly and compared with budgets.
//!
//! Method: the processor's trap flag stops it after every instruction, and a signal handler counts. What is counted
//! is every instruction in user space between two points. No clock is read, so that the numbers are the same on a busy
//! machine and in every run.
//!
//! * *pair, LIFO, with loop*: allocate a block and free it at once, in a loop. The loop and both calls are counted; the
//!   calls are out of line, as through a C ABI. Blocks of 32 bytes, 1000 of them.
//! * *one operation*, with its call and arguments, in five patterns of 1000 blocks: the first fill of a new pool; LIFO
//!   pairs; FIFO (all are allocated, then freed in the same order); random allocs and frees at half fill; and a full pool
//!   of which one block at a time is freed and allocated again, from the last to the first.
//!
//! Usage: `microusc-bench [--format text|json]`. Exit code 1 when a budget is exceeded.

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod budget;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod measured_pools;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod patterns;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod sets;
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod stepper;

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn main() -> std::process::ExitCode {
    budget::run(std::env::args().any(|argument| argument == "json"))
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
fn main() -> std::process::ExitCode {
    eprintln!("instruction counts are taken on x86-64 Linux only");
    std::process::ExitCode::from(2)
}
