//! On hosts: who waits lets the other do many operations on cache lines that it has, rather than one on lines that it must
//! fetch each time.

/// About a microsecond. Measured: half as many and as many again are slower with one thread that takes and one that
/// returns; more are a little faster with threads that return their own.
const LOOPS: u32 = 32;

pub(crate) fn pause() {
    (0..LOOPS).for_each(|_| core::hint::spin_loop());
}
