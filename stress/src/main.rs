//! Two threads and a signal handler on one pool.
//!
//! ```text
//!   timer --> handler --.        .-- handler <-- timer      an interrupt: takes and returns blocks of the same pool,
//!                        \      /                           one of them in a later interrupt, perhaps of the other
//!   thread 1 -------------- pool ------------- thread 2     thread
//! ```
//!
//! Subjects: the locked pool, whose lock blocks the signal as a chip masks its interrupts; a set of pools with such locks;
//! and the lock-free pool, which the handler interrupts anywhere. Patterns: each thread returns what it took, in three orders; and one thread takes what
//! the other returns. Each owner writes its whole block and finds it unchanged before it returns it; a table outside of
//! the blocks knows every owner; in the end every block is free.
//!
//! Usage: `microusc-stress [--ops N] [--flaw lock|bits|order]`. One take or one return is an operation; `STRESS_OPS` is the
//! default of N. Exit code 1 when the pool was at fault. The flaws are to be found: `lock` and `bits` by this
//! program itself, `lock` and `order` by ThreadSanitizer.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod flawed;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod owner;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod patterns;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod ring;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod set;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod signals;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod subjects;

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
            patterns::run::<subjects::Locked>(operations / 8);
            patterns::run::<set::Set>(operations / 8);
            patterns::run::<subjects::LockFree>(operations / 4 * 3);
        }
        Some("lock") => patterns::run::<flawed::NoLockAtAll>(operations),
        Some("order") => patterns::run::<flawed::Unordered>(operations),
        Some("bits") => patterns::run::<flawed::TwoSteps>(operations),
        Some(other) => return Err(format!("no flaw `{other}`: lock, bits or order").into()),
    }
    Ok(())
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn main() {
    eprintln!("the interrupt is a timer signal of Linux: nothing to run here");
}
