//! On hosts whose processor counts time: who waits lets the other do many operations on cache lines that it has, rather
//! than one on lines that it must fetch each time.

use core::arch::x86_64::_rdtsc;

/// About a microsecond at two to four counts a nanosecond. Not a number of `spin_loop`s: one is 22 counts on one of the
/// two processors it was measured on, and four times as long on the other. Half as long and twice as long are
/// slower on both with one thread that takes and one that returns.
const COUNTS: u64 = 3000;

pub(crate) fn pause() {
    let start = count();
    while count().wrapping_sub(start) < COUNTS {
        core::hint::spin_loop();
    }
}

fn count() -> u64 {
    // SAFETY: every processor of this architecture has the counter, and no operating system in use keeps it from
    // programs.
    unsafe { _rdtsc() }
}
