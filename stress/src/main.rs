//! Two threads and a signal handler on one pool.
//!
//! ```text
//!   timer --> handler --.        .-- handler <-- timer      an interrupt: allocates and frees blocks of the same pool,
//!                        \      /                           one of them in a later interrupt, perhaps of the other
//!   thread 1 -------------- pool ------------- thread 2     thread
//! ```
//!
//! The pools: the locked pool, whose lock blocks the signal as a chip masks its interrupts; a set of pools with such locks;
//! and the lock-free pool, which the handler interrupts anywhere. The patterns: each thread frees the blocks that it
//! allocated, in three orders; and one thread frees what the other allocated. Each owner fills its whole block, and finds
//! it unchanged before it frees the block; the [owner table](microusc_testkit::owner_table) knows the owner of each block;
//! at the end every block is free.
//!
//! Usage: `microusc-stress [--ops N] [--flaw lock|bits|order]`. One alloc or one free is an operation; `STRESS_OPS` is the
//! default of N. The exit code is 1 if a pool is at fault. The flaws must be found: `lock` and `bits` by this program
//! itself, `lock` and `order` by ThreadSanitizer.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod fault;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod flawed_bitmap;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod handler;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod interrupt;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod patterns;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod pools;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod ring;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod traffic;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn main() -> Result<(), lexopt::Error> {
    use lexopt::{Arg, Parser, ValueExt};

    let mut operations: u64 = match std::env::var("STRESS_OPS") {
        Ok(number) => number.parse().map_err(|_| "STRESS_OPS is not a number")?,
        Err(_) => 2_000_000,
    };
    let mut flaw = None;
    let mut parser = Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("ops") => operations = parser.value()?.parse()?,
            Arg::Long("flaw") => flaw = Some(parser.value()?.string()?),
            other => return Err(other.unexpected()),
        }
    }
    match flaw.as_deref() {
        None => {
            // With the lock, an operation takes two system calls.
            patterns::run::<pools::Locked>(operations / 8);
            patterns::run::<pools::Set>(operations / 8);
            patterns::run::<pools::LockFree>(operations / 4 * 3);
        }
        Some("lock") => patterns::run::<pools::Unlocked>(operations),
        Some("order") => patterns::run::<flawed_bitmap::Unordered>(operations),
        Some("bits") => patterns::run::<flawed_bitmap::TwoSteps>(operations),
        Some(other) => return Err(format!("no flaw `{other}`: lock, bits or order").into()),
    }
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    eprintln!("the interrupt is a timer signal of Linux: nothing to run here");
}
